"""What each verb asks the server and makes of the answer, without saying how a request is sent or a wait is waited.

A verb is a generator: it yields a `Call` and is sent the `Reply`, or a `Pause` and is sent nothing; a server that does
not answer is thrown into it as `ServerAway`. Clients that block and clients of asyncio run the same verbs.
"""

import json
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import IO, Any, TypeVar
from uuid import uuid4

from pipeline.errors import InvalidOptions
from pipeline.options import CaptionOptions
from pipeline.render.cues import USUAL
from pipeline.stages import Step
from workers.batching import HandedIn
from workers.errors import ServerAway, WaitTimeout
from workers.jobs import JobStatus
from workers.jobs.batches import BatchStatus
from workers.jobs.usage import Usage
from workers.remote.wire import Deletion, Reply, batch_of, error_of, handed_in_of, job_of, seconds_of
from workers.states import JobState

Result = TypeVar("Result")

_TRIES = 5
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0
_LONGEST_POLL_S = 30.0
_PAGE = 200
_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording that is sent along; it is read from its start in each try."""

    file: IO[bytes]
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request; one that `is_repeatable` is sent again when nobody knows whether it arrived.

    With `uploads` it is a form of them, by name, and of the JSON as the part `form`.
    """

    method: str
    path: str
    params: Mapping[str, str | int | float] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    uploads: Mapping[str, Upload] = field(default_factory=dict)
    form: str = "config"
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait before the next request."""

    seconds: float


Verb = Generator[Call | Pause, Any, Result]


def ask(call: Call) -> Verb[Reply]:
    """Send a request, again and later while the server is away, too busy, or asks for patience with Retry-After.

    Raises:
        ServerAway: it stays away.
        VoxqueueError: what the server refused, as the class that it would be in process.
    """
    for tried in range(1, _TRIES + 1):
        wait_s = _FIRST_WAIT_S * 2**tried * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
        try:
            reply: Reply = yield call
        except ServerAway:
            if tried == _TRIES or not call.is_repeatable:
                raise
        else:
            if reply.status < HTTPStatus.BAD_REQUEST:
                return reply
            if tried == _TRIES or reply.status not in _LATER:
                raise error_of(reply)
            asked = reply.headers.get("retry-after", "")
            wait_s = max(wait_s, float(asked)) if asked.isdecimal() else wait_s
        yield Pause(min(wait_s, _LONGEST_WAIT_S))
    raise AssertionError  # the last try returns or raises


def enqueue(recording: Upload | str, config: Mapping[str, Any]) -> Verb[JobStatus]:
    """Hand in a recording, or a URL that the server fetches; sent twice, it is one job."""
    wanted = dict(config)
    headers = {"Idempotency-Key": str(wanted.pop("idempotency_key", None) or uuid4())}
    if isinstance(recording, str):
        call = Call("POST", "/v1/jobs", headers=headers, json={**wanted, "audio_url": recording})
    else:
        call = Call("POST", "/v1/jobs", headers=headers, json=wanted, uploads={"file": recording})
    return job_of((yield from ask(call)).document)


def enqueue_batch(manifest: Mapping[str, Any], uploads: Mapping[str, Upload], key: str | None) -> Verb[HandedIn]:
    """Hand in many recordings; sent twice, it is one batch."""
    headers = {"Idempotency-Key": key or str(uuid4())}
    call = Call("POST", "/v1/jobs/batch", headers=headers, json=manifest, uploads=uploads, form="manifest")
    return handed_in_of((yield from ask(call)).document)


def batch(batch_id: str) -> Verb[BatchStatus]:
    """How far a batch is."""
    call = Call("GET", f"/v1/batches/{checked_id(batch_id)}", {"limit": 1})
    return batch_of((yield from ask(call)).document)


def cancel_batch(batch_id: str) -> Verb[int]:
    """Cancel those jobs of a batch that have not ended; how many are canceled that were not before."""
    before = yield from batch(batch_id)
    call = Call("POST", f"/v1/batches/{checked_id(batch_id)}/cancel")
    after = batch_of((yield from ask(call)).document)
    canceled = JobState.CANCELED
    return after.counts.get(canceled, 0) - before.counts.get(canceled, 0)


def delete(job_id: str) -> Verb[Deletion]:
    """Delete everything that a job held."""
    document = (yield from ask(Call("DELETE", job_path(job_id)))).document
    return Deletion(job_id, seconds_of(document["at"]) or 0.0, document["files"], document["bytes"])


def status(job_id: str) -> Verb[JobStatus]:
    """The job as it is now."""
    return job_of((yield from ask(Call("GET", job_path(job_id)))).document)


def wait(job_id: str, timeout_s: float | None) -> Verb[JobStatus]:
    """The job once it has ended; asks the server to answer only then."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left_s = _LONGEST_POLL_S if deadline is None else max(0.0, deadline - time.monotonic())
        call = Call("GET", job_path(job_id), {"wait": min(_LONGEST_POLL_S, left_s)})
        job = job_of((yield from ask(call)).document)
        if job.is_final:
            return job
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeout(f"job {job_id} is {job.state}")


def rendered(
    job_id: str,
    output_format: str,
    version: int | None = None,
    captions: CaptionOptions = USUAL,
    *,
    unredacted: bool = False,
) -> Verb[str]:
    """The transcript in a format: the newest, or an earlier version; `unredacted` takes the scope of that name."""
    params: dict[str, str | int | float] = {"format": output_format, **captions.model_dump(exclude_defaults=True)}
    if unredacted:
        params["redacted"] = "false"
    if version is not None:
        params["version"] = version
    reply = yield from ask(Call("GET", job_path(job_id, "/transcript"), params))
    return str(reply.body.decode())


def cancel(job_id: str) -> Verb[bool]:
    """Cancel a job; False when it had ended before."""
    before = yield from status(job_id)
    if before.is_final:
        return False
    after = job_of((yield from ask(Call("POST", job_path(job_id, "/cancel")))).document)
    return after.state is JobState.CANCELED


def retry(job_id: str, from_step: Step | None) -> Verb[JobStatus]:
    """Run an ended job again."""
    params = {} if from_step is None else {"from_step": str(from_step)}
    # Not sent twice: a job that was tried again and has ended meanwhile would be tried once more.
    call = Call("POST", job_path(job_id, "/retry"), params, is_repeatable=False)
    return job_of((yield from ask(call)).document)


def redecode(job_id: str, options: Mapping[str, Any]) -> Verb[JobStatus]:
    """Decode an ended job again with other options."""
    # Not sent twice, as `retry`: each time makes a version.
    call = Call("POST", job_path(job_id, "/redecode"), json=dict(options), is_repeatable=False)
    return job_of((yield from ask(call)).document)


def recent(state: JobState | None, limit: int) -> Verb[list[JobStatus]]:
    """The newest jobs first, page by page."""
    found: list[JobStatus] = []
    wanted: dict[str, str | int | float] = {} if state is None else {"status": str(state)}
    cursor = None
    while len(found) < limit:
        jobs, cursor = yield from page({**wanted, "limit": min(_PAGE, limit - len(found))}, cursor)
        found += jobs
        if cursor is None:
            break
    return found


def page(wanted: Mapping[str, str | int | float], cursor: str | None) -> Verb[tuple[list[JobStatus], str | None]]:
    """A page of the list of jobs, and where the next one begins."""
    params = {**wanted, **({} if cursor is None else {"cursor": cursor})}
    document = (yield from ask(Call("GET", "/v1/jobs", params))).document
    return [job_of(each) for each in document["jobs"]], document["next_cursor"]


def usage(since: float, until: float | None) -> Verb[list[Usage]]:
    """What the key's tenant had transcribed, in a span of time (seconds since 1970)."""
    span = {"since": since, **({} if until is None else {"until": until})}
    params = {name: datetime.fromtimestamp(at, UTC).isoformat() for name, at in span.items()}
    document = (yield from ask(Call("GET", "/v1/usage", params))).document
    return [Usage("", document["jobs"], document["audio_s"])] if document["jobs"] else []


def form_of(call: Call) -> dict[str, Any]:
    """The body of a call, as arguments of a request."""
    if not call.uploads:
        return {} if call.json is None else {"json": call.json}
    for upload in call.uploads.values():
        upload.file.seek(0)
    files = {name: (upload.name, upload.file) for name, upload in call.uploads.items()}
    return {"files": files, "data": {call.form: json.dumps(call.json)}}


def job_path(job_id: str, more: str = "") -> str:
    """The address of a job; InvalidOptions as `checked_id`."""
    return f"/v1/jobs/{checked_id(job_id)}{more}"


def checked_id(text: str) -> str:
    """The same text.

    Raises:
        InvalidOptions: it is no id of a job or batch, and would lead elsewhere.
    """
    if not text or not set(text) <= _ID_LETTERS:
        raise InvalidOptions(f"{text!r} is no job id or batch id")
    return text


_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
