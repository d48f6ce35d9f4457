"""The client over HTTP for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self, Unpack

import httpx2

from pipeline.options import CaptionOptions, DecodeOptions
from pipeline.render import OutputFormat, from_json
from pipeline.render.cues import USUAL
from pipeline.stages import Step
from pipeline.values import Transcript
from workers.batching import HandedIn
from workers.details import BatchDetails, EnqueueArguments, JobDetails, Options, Roles
from workers.errors import ServerAway
from workers.jobs import JobStatus
from workers.jobs.batches import BatchStatus
from workers.jobs.usage import Usage
from workers.remote import verbs
from workers.remote.connection import RECONNECT_S, RECONNECTS, AllHeardError, arguments, check_end, plain_errors, since
from workers.remote.sessions import AsyncRemoteSessions
from workers.remote.upload import uploaded
from workers.remote.verbs import Call, Pause, Result, Verb, form_of, job_path
from workers.remote.vocabularies import AsyncRemoteVocabularies
from workers.remote.webhooks import AsyncRemoteWebhooks
from workers.remote.wire import Deletion, Heard, Reply, check_tenant, heard_of
from workers.remote.wishes import config_for, decoding, manifest_for
from workers.sources import Source
from workers.states import JobState


class AsyncRemoteClient:
    """`RemoteClient` for asyncio: the same verbs, to be awaited."""

    def __init__(self, url: str, key: str = "") -> None:
        self._http = httpx2.AsyncClient(**arguments(url, key))
        self.sessions = AsyncRemoteSessions(self._run)
        self.webhooks = AsyncRemoteWebhooks(self._run)
        self.vocabularies = AsyncRemoteVocabularies(self._run)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def enqueue(
        self,
        source: Source | None = None,
        options: Options | None = None,
        *,
        url: str | None = None,
        roles: Roles = (),
        **details: Unpack[JobDetails],
    ) -> JobStatus:
        """Hand in a recording, or a URL that the server fetches."""
        config = config_for(source, url, (options, roles), details)
        if source is None:
            return await self._run(verbs.enqueue(str(url), config))
        with uploaded(source, details.get("file_name")) as upload:
            return await self._run(verbs.enqueue(upload, config))

    async def enqueue_batch(self, recordings: Sequence[EnqueueArguments], **details: Unpack[BatchDetails]) -> HandedIn:
        """Hand in many recordings, sent as one request."""
        with manifest_for(recordings, details) as (manifest, uploads):
            return await self._run(verbs.enqueue_batch(manifest, uploads, details.get("idempotency_key")))

    async def batch(self, batch_id: str) -> BatchStatus:
        """How far a batch is."""
        return await self._run(verbs.batch(batch_id))

    async def cancel_batch(self, batch_id: str) -> int:
        """Cancel those jobs of a batch that have not ended; how many."""
        return await self._run(verbs.cancel_batch(batch_id))

    async def delete(self, job_id: str) -> Deletion:
        """Delete everything that a job held, and cancel it first if it has not ended."""
        return await self._run(verbs.delete(job_id))

    async def status(self, job_id: str) -> JobStatus:
        """The job and its steps as they are now."""
        return await self._run(verbs.status(job_id))

    async def wait(self, job_id: str, timeout_s: float | None = None) -> JobStatus:
        """The job once it has ended, well or not."""
        return await self._run(verbs.wait(job_id, timeout_s))

    async def result(self, job_id: str, version: int | None = None, *, unredacted: bool = False) -> Transcript:
        """The transcript; `unredacted` takes the scope of that name where the job asks for redaction."""
        return from_json(await self.document(job_id, version, unredacted=unredacted))

    async def document(self, job_id: str, version: int | None = None, *, unredacted: bool = False) -> str:
        """The transcript as the canonical JSON document."""
        return await self.rendered(job_id, "json", version, unredacted=unredacted)

    async def rendered(
        self,
        job_id: str,
        output_format: OutputFormat,
        version: int | None = None,
        captions: CaptionOptions = USUAL,
        *,
        unredacted: bool = False,
    ) -> str:
        """The transcript in a format."""
        return await self._run(verbs.rendered(job_id, output_format, version, captions, unredacted=unredacted))

    async def cancel(self, job_id: str) -> bool:
        """Cancel a job; False when it had ended before."""
        return await self._run(verbs.cancel(job_id))

    async def retry(self, job_id: str, from_step: Step | None = None) -> JobStatus:
        """Run an ended job again."""
        return await self._run(verbs.retry(job_id, from_step))

    async def redecode(self, job_id: str, options: DecodeOptions | Mapping[str, Any]) -> JobStatus:
        """Decode an ended job again with other options."""
        return await self._run(verbs.redecode(job_id, decoding(options)))

    async def recent(self, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
        """The newest jobs first."""
        return await self._run(verbs.recent(state, limit))

    async def tagged(self, tag: str) -> AsyncIterator[JobStatus]:
        """All jobs with a tag, the newest first, page by page."""
        cursor = None
        while True:
            jobs, cursor = await self._run(verbs.page({"tag": tag}, cursor))
            for job in jobs:
                yield job
            if cursor is None:
                return

    async def usage(self, tenant: str | None = None, since: float = 0.0, until: float | None = None) -> list[Usage]:
        """Seconds of audio that were transcribed in a span of time (seconds since 1970)."""
        check_tenant(tenant)
        return await self._run(verbs.usage(since, until))

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[Heard]:
        """What happens to a job, as it happens, until it has ended; a connection that breaks is made anew."""
        failures = 0
        while failures <= RECONNECTS:
            try:
                async for heard in self._listen(job_id, after):
                    failures, after = 0, heard.id or after
                    yield heard
            except AllHeardError:
                return
            except httpx2.TransportError:
                failures += 1
            await asyncio.sleep(RECONNECT_S)
        raise ServerAway(f"the events of job {job_id} broke off")

    async def _listen(self, job_id: str, after: int) -> AsyncIterator[Heard]:
        async with self._http.stream("GET", job_path(job_id, "/events"), headers=since(after)) as answer:
            if answer.status_code != httpx2.codes.OK:
                check_end(Reply(answer.status_code, answer.headers, await answer.aread()))
            async for each in httpx2.EventSource(answer):
                if heard := heard_of(each.event, each.data):
                    yield heard

    async def _run(self, verb: Verb[Result]) -> Result:
        try:
            step = next(verb)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(verb)
                    continue
                try:
                    reply = await self._send(step)
                except ServerAway as error:
                    step = verb.throw(error)
                else:
                    step = verb.send(reply)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]  # what the generator returned

    async def _send(self, call: Call) -> Reply:
        with plain_errors():
            answer = await self._http.request(
                call.method, call.path, params=dict(call.params), headers=dict(call.headers), **form_of(call)
            )
        return Reply(answer.status_code, answer.headers, answer.content)
