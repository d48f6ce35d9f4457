"""The words of a tenant's calls on a server; changing them takes a key of the scope admin."""

from pipeline.options import Vocabulary
from workers.remote.carrying import Awaited, Blocking, Carried
from workers.remote.verbs import Call, Verb, ask
from workers.remote.wire import check_tenant

_PATH = "/v1/vocabulary"


class VocabularyVerbs:
    """The vocabulary of the key's tenant; each verb raises what it raises in process, and ServerAway."""

    @Carried
    def read(self, tenant: str | None = None) -> Verb[Vocabulary]:
        """As it is now."""
        check_tenant(tenant)
        return Vocabulary.model_validate((yield from ask(Call("GET", _PATH))).document)

    @Carried
    def write(self, vocabulary: Vocabulary, tenant: str | None = None) -> Verb[None]:
        """Put `vocabulary` in its place."""
        check_tenant(tenant)
        yield from ask(Call("PUT", _PATH, json=vocabulary.model_dump(mode="json", exclude_none=True)))


class RemoteVocabularies(VocabularyVerbs, Blocking):
    """Of a client that blocks."""


class AsyncRemoteVocabularies(VocabularyVerbs, Awaited):
    """Of a client of asyncio."""
