"""What a Python web app imports: hand in recordings, ask how far they are, read transcripts.

    from workers import client

    job = client.enqueue("call.wav", roles=("agent", "customer"))
    if client.wait(job.id, timeout_s=600).state == "completed":
        print(client.result(job.id).text)

Safe in a web worker: the job is committed before its message is sent, a broker that is away delays the job and not the
caller, and neither torch nor librosa is imported. A client may be used by many threads.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, BinaryIO, Self, Unpack
from uuid import uuid4

from pipeline.errors import InvalidOptions
from pipeline.options import CaptionOptions, DecodeOptions, JobOptions
from pipeline.render import OutputFormat, from_json, render, to_json
from pipeline.render.cues import USUAL
from pipeline.stages import Step
from pipeline.values import Transcript
from workers.batching import HandedIn, hand_in_batch
from workers.collect import Collector
from workers.details import (
    BatchDetails,
    EnqueueArguments,
    JobDetails,
    Options,
    Roles,
    check_options,
    check_redecoding,
    new_job,
)
from workers.errors import BrokerAway, DatabaseAway, RequestError, WaitTimeout
from workers.jobs import ArtifactRef, JobStatus
from workers.jobs import usage as usage_report
from workers.jobs.batches import Batches, BatchStatus
from workers.jobs.removal import Receipt
from workers.jobs.sessions import NewPiece, Sessions
from workers.jobs.usage import Usage
from workers.jobs.values import SOURCE
from workers.jobs.vocabularies import Vocabularies
from workers.outbound import policy_of
from workers.runtime import make_runtime
from workers.settings import Settings
from workers.settings import settings as environment_settings
from workers.sources import Source, check_link, copy, link_name, name_of, opened
from workers.states import JobState, StepState
from workers.views import shown

__all__ = ["Client", "JobDetails", "Options", "Roles", "cancel", "check_options", "enqueue", "result", "status", "wait"]

logger = logging.getLogger(__name__)

# A tenth of what was waited already: nobody learns of an end much later than it came.
_LATE, _FIRST_LOOK_S, _SLOWEST_LOOK_S = 0.1, 0.05, 1.0


class Client:
    """A door to one set of database, broker and store; connects when it is first used."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or environment_settings()
        self.runtime = make_runtime(self.settings)
        self.sessions = Sessions(self.runtime.database)
        self.batches = Batches(self.runtime.database)
        self.webhooks = self.runtime.webhooks
        self.vocabularies = Vocabularies(self.runtime.database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.runtime.announcer.app.close()
        self.runtime.database.dispose()

    def enqueue(
        self,
        source: Source | None = None,
        options: Options | None = None,
        *,
        url: str | None = None,
        roles: Roles = (),
        **details: Unpack[JobDetails],
    ) -> JobStatus:
        """Hand in a recording: a path, its bytes, a binary file, or the https:// or s3:// address of one.

        A `source` is copied at once, by this process; the caller may delete it afterwards. A `url` that somebody else
        named is fetched later, by a worker that holds it to VOXQUEUE_FETCH_URLS and VOXQUEUE_OUTBOUND_ALLOW. `roles`
        names who speaks on channel 0, 1, ..., and goes before those in `options`.

        Raises:
            FileNotReadable, ObjectNotFound, ObjectNotAllowed, UrlNotAllowed, FetchFailed: the source can't be had.
            EmptyUpload, TooLarge, InvalidOptions: the request can't be met.
            IdempotencyConflict: the key was used for another request.
            QuotaExceeded, SystemFull: too much is in flight; `retry_after_s` says when to try again.
            DatabaseAway, ResourceBusy, FetchTimeout, FetchAway: the job was not taken; try again later.
        """
        if (source is None) is (url is None):
            raise InvalidOptions("a recording or a url, one of them")
        chosen = check_options(options, roles, self.settings.language_models)
        named: Source = source if source is not None else str(url)
        details.setdefault("file_name", name_of(named))
        job_id = str(uuid4())
        if details.get("callback_url") is not None:
            policy_of(self.settings).check(str(details["callback_url"]))
        # Before the recording is copied: a disk that is nearly full needs its room for the steps in hand.
        self.runtime.jobs.gate.check_disk()
        try:
            kept = self._keep(job_id, source) if source is not None else self._keep_link(job_id, str(url))
            made_id = self.runtime.jobs.create(new_job(job_id, kept, chosen, details))
        except DatabaseAway:
            # The job may have been written all the same, and would then need its recording.
            raise
        except BaseException:
            self.runtime.store.delete_job(job_id)
            raise
        if made_id != job_id:
            self.runtime.store.delete_job(job_id)
            return self.status(made_id)
        self.announce(job_id)
        return self.status(job_id)

    def enqueue_piece(
        self, place: NewPiece, job_id: str, recording: bytes, options: JobOptions, **details: Unpack[JobDetails]
    ) -> None:
        """Hand in the next piece of a session as the job `job_id`; safe to repeat.

        Raises:
            SessionNotFound, NotAllowedInState, SessionTaken: the session can't take it.
            DatabaseAway, ResourceBusy: it may or may not have been taken; do the same again.
        """
        job = new_job(job_id, self._keep(job_id, recording), options, details)
        try:
            self.sessions.add(place, job)
        except RequestError:
            self.runtime.store.delete_job(job_id)
            raise
        self.announce(job_id)

    def enqueue_batch(self, recordings: Sequence[EnqueueArguments], **details: Unpack[BatchDetails]) -> HandedIn:
        """Hand in many recordings, each with the arguments of `enqueue`; its callback URL is told once, of all.

        A recording that is refused does not stop the others: its error stands in its place. Safe to repeat with an
        `idempotency_key`.

        Raises:
            IdempotencyConflict: the key was used for another batch.
            UrlNotAllowed, InvalidOptions, DatabaseAway: see `enqueue`.
        """
        return hand_in_batch(self, recordings, details, policy_of(self.settings).check)

    def cancel_batch(self, batch_id: str) -> int:
        """Cancel those jobs of a batch that have not ended; how many. BatchNotFound where there is none."""
        return self.batches.cancel(batch_id, self.cancel)

    def batch(self, batch_id: str) -> BatchStatus:
        """How far a batch is; BatchNotFound where there is none."""
        return self.batches.status(batch_id)

    def status(self, job_id: str) -> JobStatus:
        """The job and its steps as they are now.

        Raises:
            JobNotFound: there is no such job.
        """
        return self.runtime.jobs.status(job_id)

    def wait(self, job_id: str, timeout_s: float | None = None) -> JobStatus:
        """The job once it has ended, well or not; look at its `state`.

        Raises:
            JobNotFound: there is no such job.
            WaitTimeout: it has not ended after `timeout_s`; it goes on.
        """
        began_s = time.monotonic()
        while not (job := self.status(job_id)).is_final:
            waited_s = time.monotonic() - began_s
            if timeout_s is not None and waited_s >= timeout_s:
                raise WaitTimeout(f"job {job_id} is {job.state}")
            left_s = _SLOWEST_LOOK_S if timeout_s is None else timeout_s - waited_s
            time.sleep(min(_SLOWEST_LOOK_S, left_s, max(_FIRST_LOOK_S, _LATE * waited_s)))
        return job

    def result(self, job_id: str, version: int | None = None, *, unredacted: bool = False) -> Transcript:
        """The newest transcript, or that `version` of it; redacted where the job asks for it, unless `unredacted`.

        Raises:
            JobNotFound, JobNotFinished, JobFailed, VersionNotFound: there is none, and why.
        """
        return from_json(self.document(job_id, version, unredacted=unredacted))

    def document(self, job_id: str, version: int | None = None, *, unredacted: bool = False) -> str:
        """The transcript as the canonical JSON document; as `result`."""
        document = self.runtime.jobs.document(job_id, version)
        if unredacted or self.runtime.jobs.options(job_id).redaction is None:
            return document
        return to_json(self.view(from_json(document), job_id))

    def view(self, transcript: Transcript, job_id: str) -> Transcript:
        """`transcript`, of this job or of a session that it is a piece of, redacted where the job asks for it."""
        redaction = self.runtime.jobs.options(job_id).redaction
        if redaction is None:
            return transcript
        before = self.sessions.said_before(job_id)
        return shown(transcript, redaction, self.settings, self.status(job_id).tenant, before)

    def rendered(
        self,
        job_id: str,
        output_format: OutputFormat,
        version: int | None = None,
        captions: CaptionOptions = USUAL,
        *,
        unredacted: bool = False,
    ) -> str:
        """The transcript in a format; as `result`."""
        document = self.document(job_id, version, unredacted=unredacted)
        return document if output_format == "json" else render(from_json(document), output_format, captions)

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; False when it had ended before.

        Raises:
            JobNotFound: there is no such job.
        """
        return self.runtime.jobs.cancel(job_id)

    def retry(self, job_id: str, from_step: Step | None = None) -> JobStatus:
        """Run an ended job again, from `from_step` or from the first step that is not done.

        Raises:
            JobNotFound: there is no such job.
            NotAllowedInState: it has not ended, or a step before `from_step` is not done.
        """
        self.announce(job_id, self.runtime.jobs.retry(job_id, from_step))
        return self.status(job_id)

    def delete(self, job_id: str) -> Receipt:
        """Delete everything that a job held, and cancel it first if it has not ended; the receipt of what is gone.

        Raises:
            JobNotFound: there is no such job.
            ResourceBusy: the rows are empty; the store will be when a dispatcher has come by.
        """
        return Collector(self.runtime).delete(job_id)

    def redecode(self, job_id: str, options: DecodeOptions | Mapping[str, Any]) -> JobStatus:
        """Decode and format an ended job again with other options: a new version of its transcript, without the model.

        Beside options of decode, `format` and `redaction` may be given (`RedecodeOptions`).

        Raises:
            JobNotFound: there is no such job.
            NotAllowedInState: it has not ended, or never got as far as decode.
            InvalidOptions: options that are not known or out of range.
        """
        self.runtime.jobs.redecode(job_id, check_redecoding(options, self.settings.language_models))
        job = self.status(job_id)
        self.announce(job_id, next((step.name for step in job.steps if step.state is StepState.READY), Step.DECODE))
        return job

    def recent(self, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
        """The newest jobs first."""
        return self.runtime.jobs.recent(state, limit)

    def usage(self, tenant: str | None = None, since: float = 0.0, until: float | None = None) -> list[Usage]:
        """Seconds of audio that each tenant, or one, had transcribed in a span of time (seconds since 1970)."""
        with self.runtime.database.read() as connection:
            return usage_report.report(connection, tenant, since, until)

    def tagged(self, tag: str) -> Iterator[JobStatus]:
        """All jobs with a tag, the newest first."""
        return self.runtime.jobs.tagged(tag)

    def _keep(self, job_id: str, source: Source) -> ArtifactRef:
        with opened(source, self.settings) as pieces:
            write = partial(copy, pieces, max_bytes=self.settings.max_upload_bytes)
            return self.runtime.store.put(f"{job_id}/{SOURCE}.0", write)

    def _keep_link(self, job_id: str, url: str) -> ArtifactRef:
        check_link(url, self.settings)
        return self.runtime.store.put(link_name(job_id), partial(_write, url))

    def announce(self, job_id: str, step: Step = Step.PREPROCESS) -> None:
        """Tell the workers that a step is ready. Where the broker is away, the dispatcher does so later."""
        try:
            self.runtime.reach("publish.before", step)
            self.runtime.announcer.announce(job_id, step)
            self.runtime.reach("publish.after", step)
        except BrokerAway as error:
            # The job is in the database: the dispatcher announces it when the broker is back.
            logger.warning("client.not_announced", extra={"job": job_id, "detail": error.detail})


def _write(url: str, file: BinaryIO) -> None:
    file.write(url.encode())


@cache
def _client_of_process(_process_id: int) -> Client:
    return Client()


def default_client() -> Client:
    """The client of this process, made at the first call with the settings of the environment."""
    # Connections must not be shared across a fork, and web servers fork after they have imported the app.
    return _client_of_process(os.getpid())


def enqueue(
    source: Source | None = None,
    options: Options | None = None,
    *,
    url: str | None = None,
    roles: Roles = (),
    **details: Unpack[JobDetails],
) -> JobStatus:
    """See `Client.enqueue`."""
    return default_client().enqueue(source, options, url=url, roles=roles, **details)


def status(job_id: str) -> JobStatus:
    """See `Client.status`."""
    return default_client().status(job_id)


def wait(job_id: str, timeout_s: float | None = None) -> JobStatus:
    """See `Client.wait`."""
    return default_client().wait(job_id, timeout_s)


def result(job_id: str) -> Transcript:
    """See `Client.result`."""
    return default_client().result(job_id)


def cancel(job_id: str) -> bool:
    """See `Client.cancel`."""
    return default_client().cancel(job_id)
