"""The client over HTTP that blocks, with the verbs of `workers.client.Client`."""

import time
from collections.abc import Iterator, Mapping, Sequence
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
from workers.remote.sessions import RemoteSessions
from workers.remote.upload import uploaded
from workers.remote.verbs import Call, Pause, Result, Verb, checked_id, form_of, job_path
from workers.remote.vocabularies import RemoteVocabularies
from workers.remote.webhooks import RemoteWebhooks
from workers.remote.wire import Deletion, Heard, Reply, check_tenant, heard_of
from workers.remote.wishes import config_for, decoding, manifest_for
from workers.sources import Source
from workers.states import JobState


class RemoteClient:
    """A door to a Voxqueue server; may be used by many threads. See `workers.client.Client` for each verb.

    Requests are repeated while the server is away or asks for patience. Every verb raises what it raises in process,
    and ServerAway; KeyRefused where the key is not good enough.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._http = httpx2.Client(**arguments(url, key))
        self._key = key
        self.sessions = RemoteSessions(self._run)
        self.webhooks = RemoteWebhooks(self._run)
        self.vocabularies = RemoteVocabularies(self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def enqueue(
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
            return self._run(verbs.enqueue(str(url), config))
        with uploaded(source, details.get("file_name")) as upload:
            return self._run(verbs.enqueue(upload, config))

    def enqueue_batch(self, recordings: Sequence[EnqueueArguments], **details: Unpack[BatchDetails]) -> HandedIn:
        """Hand in many recordings, sent as one request."""
        with manifest_for(recordings, details) as (manifest, uploads):
            return self._run(verbs.enqueue_batch(manifest, uploads, details.get("idempotency_key")))

    def batch(self, batch_id: str) -> BatchStatus:
        """How far a batch is."""
        return self._run(verbs.batch(batch_id))

    def cancel_batch(self, batch_id: str) -> int:
        """Cancel those jobs of a batch that have not ended; how many."""
        return self._run(verbs.cancel_batch(batch_id))

    def delete(self, job_id: str) -> Deletion:
        """Delete everything that a job held, and cancel it first if it has not ended."""
        return self._run(verbs.delete(job_id))

    def status(self, job_id: str) -> JobStatus:
        """The job and its steps as they are now."""
        return self._run(verbs.status(job_id))

    def wait(self, job_id: str, timeout_s: float | None = None) -> JobStatus:
        """The job once it has ended, well or not."""
        return self._run(verbs.wait(job_id, timeout_s))

    def result(self, job_id: str, version: int | None = None, *, unredacted: bool = False) -> Transcript:
        """The transcript; `unredacted` takes the scope of that name where the job asks for redaction."""
        return from_json(self.document(job_id, version, unredacted=unredacted))

    def document(self, job_id: str, version: int | None = None, *, unredacted: bool = False) -> str:
        """The transcript as the canonical JSON document."""
        return self.rendered(job_id, "json", version, unredacted=unredacted)

    def rendered(
        self,
        job_id: str,
        output_format: OutputFormat,
        version: int | None = None,
        captions: CaptionOptions = USUAL,
        *,
        unredacted: bool = False,
    ) -> str:
        """The transcript in a format."""
        return self._run(verbs.rendered(job_id, output_format, version, captions, unredacted=unredacted))

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; False when it had ended before."""
        return self._run(verbs.cancel(job_id))

    def retry(self, job_id: str, from_step: Step | None = None) -> JobStatus:
        """Run an ended job again."""
        return self._run(verbs.retry(job_id, from_step))

    def redecode(self, job_id: str, options: DecodeOptions | Mapping[str, Any]) -> JobStatus:
        """Decode an ended job again with other options."""
        return self._run(verbs.redecode(job_id, decoding(options)))

    def recent(self, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
        """The newest jobs first."""
        return self._run(verbs.recent(state, limit))

    def tagged(self, tag: str) -> Iterator[JobStatus]:
        """All jobs with a tag, the newest first, page by page."""
        cursor = None
        while True:
            jobs, cursor = self._run(verbs.page({"tag": tag}, cursor))
            yield from jobs
            if cursor is None:
                return

    def usage(self, tenant: str | None = None, since: float = 0.0, until: float | None = None) -> list[Usage]:
        """Seconds of audio that were transcribed in a span of time (seconds since 1970)."""
        check_tenant(tenant)
        return self._run(verbs.usage(since, until))

    def view(self, transcript: Transcript, _job_id: str) -> Transcript:
        """The transcript as it may be seen, which the server has seen to."""
        return transcript

    def socket_address(self, session_id: str) -> tuple[str, dict[str, str]]:
        """Where the audio of a session goes, a WebSocket, and the headers that let it in."""
        # http becomes ws, https becomes wss.
        base = "ws" + str(self._http.base_url).removeprefix("http").rstrip("/")
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return f"{base}/v1/streams/{checked_id(session_id)}/audio", headers

    def events(self, job_id: str, after: int = 0) -> Iterator[Heard]:
        """What happens to a job, as it happens, until it has ended; a connection that breaks is made anew."""
        failures = 0
        while failures <= RECONNECTS:
            try:
                for heard in self._listen(job_id, after):
                    failures, after = 0, heard.id or after
                    yield heard
            except AllHeardError:
                return
            except httpx2.TransportError:
                failures += 1
            time.sleep(RECONNECT_S)
        raise ServerAway(f"the events of job {job_id} broke off")

    def _listen(self, job_id: str, after: int) -> Iterator[Heard]:
        with self._http.stream("GET", job_path(job_id, "/events"), headers=since(after)) as answer:
            if answer.status_code != httpx2.codes.OK:
                check_end(Reply(answer.status_code, answer.headers, answer.read()))
            for each in httpx2.EventSource(answer):
                if heard := heard_of(each.event, each.data):
                    yield heard

    def _run(self, verb: Verb[Result]) -> Result:
        try:
            step = next(verb)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(verb)
                    continue
                try:
                    reply = self._send(step)
                except ServerAway as error:
                    step = verb.throw(error)
                else:
                    step = verb.send(reply)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]  # what the generator returned

    def _send(self, call: Call) -> Reply:
        with plain_errors():
            answer = self._http.request(
                call.method, call.path, params=dict(call.params), headers=dict(call.headers), **form_of(call)
            )
        return Reply(answer.status_code, answer.headers, answer.content)
