"""What is wanted of recordings, and the recordings themselves, made ready to be sent."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from pipeline.errors import InvalidOptions
from pipeline.options import DecodeOptions
from workers.details import BatchDetails, EnqueueArguments, JobDetails, Options, Roles, check_options, check_redecoding
from workers.remote.upload import uploaded
from workers.remote.verbs import Upload
from workers.remote.wire import check_tenant, config_of
from workers.sources import Source


def config_for(
    source: Source | None, url: str | None, options: tuple[Options | None, Roles], details: JobDetails
) -> dict[str, Any]:
    """What is wanted of a recording, as the server reads it.

    Raises:
        InvalidOptions: it contradicts itself, or names what the server decides.
    """
    if (source is None) is (url is None):
        raise InvalidOptions("a recording or a url, one of them")
    if url is not None and "file_name" in details:
        raise InvalidOptions("what is fetched is called as its URL says")
    others = {name: value for name, value in details.items() if name != "file_name"}
    return config_of(check_options(*options), others)


@contextmanager
def manifest_for(
    recordings: Sequence[EnqueueArguments], details: BatchDetails
) -> Iterator[tuple[dict[str, Any], dict[str, Upload]]]:
    """The manifest of a batch, and the recordings that it names, open until it was sent.

    Raises:
        InvalidOptions: what is wrong with it.
        EmptyUpload, FileNotReadable, UrlNotAllowed, ...: a recording can't be had; nothing was sent.
    """
    check_tenant(details.get("tenant"))
    if not recordings:
        raise InvalidOptions("a batch needs a recording")
    jobs: list[dict[str, Any]] = []
    uploads: dict[str, Upload] = {}
    with ExitStack() as stack:
        for place, wanted in enumerate(recordings):
            rest: Any = {name: value for name, value in wanted.items() if name not in _ARGUMENTS}
            source, url = wanted.get("source"), wanted.get("url")
            config = config_for(source, url, (wanted.get("options"), wanted.get("roles", ())), rest)
            if source is None:
                jobs.append({**config, "audio_url": url})
                continue
            name = f"recording-{place}"
            uploads[name] = stack.enter_context(uploaded(source, wanted.get("file_name")))
            jobs.append({**config, "file": name})
        yield {"jobs": jobs, "callback_url": details.get("callback_url")}, uploads


def decoding(options: DecodeOptions | Mapping[str, Any]) -> dict[str, Any]:
    """What a job is decoded again with, as the server reads it; InvalidOptions where it would refuse it."""
    return check_redecoding(options).model_dump(mode="json", exclude_unset=True)


_ARGUMENTS = frozenset({"source", "url", "options", "roles"})
