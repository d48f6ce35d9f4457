"""What goes over the wire, in the words of the client: jobs, events and errors from JSON, requests to JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import InvalidOptions, VoxqueueError
from pipeline.options import JobOptions
from pipeline.stages import Step
from workers.batching import HandedIn
from workers.errors import Refused, ServerAway, ServerRefused
from workers.jobs import JobStatus, StepStatus
from workers.jobs.batches import BatchStatus
from workers.states import FINAL_JOB_STATES, JobState, StepState

_FINAL_KINDS = frozenset(f"job.{state}" for state in FINAL_JOB_STATES)
# What the server calls by another name than the client.
_NAMES = {"annotations": "metadata"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON.

        Raises:
            ServerAway: it is none, so something else answers at this address.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ServerAway("the answer is no JSON: is this a Voxqueue server?") from error


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of a job; `progress` tells by step how far it is, 0 to 1, and has no id."""

    id: int | None
    kind: str
    step: Step | None = None
    reason: str | None = None
    progress: Mapping[str, float] | None = None

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.kind in _FINAL_KINDS


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a server tells of a job that it deleted; the full receipt with its hashes stays there."""

    job_id: str
    at: float
    files: int
    bytes: int


def heard_of(kind: str, data: str) -> Heard | None:
    """An event as the stream tells it; None for a message that says nothing of the job."""
    if not data:
        return None
    document = json.loads(data)
    if kind == "progress":
        return Heard(None, kind, progress=document["steps"])
    step = document.get("step")
    return Heard(document["id"], kind, Step(step) if step else None, document.get("reason"))


def job_of(document: Mapping[str, Any]) -> JobStatus:
    """A job as the server shows it. Whose it is, the server does not say: it is the key's."""
    code, message = _error(document)
    return JobStatus(
        id=document["id"],
        state=JobState(document["status"]),
        tenant="",
        file_name=document["file_name"],
        version=document["version"],
        duration_s=document["duration_s"],
        created_at=seconds_of(document["created_at"]) or 0.0,
        started_at=seconds_of(document["started_at"]),
        ended_at=seconds_of(document["ended_at"]),
        error_code=code,
        error_message=message,
        external_id=document["external_id"],
        annotations=document["metadata"],
        steps=tuple(map(_step_of, document["steps"])),
        priority=document["priority"],
        tags=tuple(document["tags"]),
        # A server of the release before tells of none.
        report=document.get("report"),
    )


def batch_of(document: Mapping[str, Any]) -> BatchStatus:
    """A batch as the server shows it."""
    counts = {JobState(state): number for state, number in document["counts"].items()}
    created_at, ended_at = seconds_of(document["created_at"]) or 0.0, seconds_of(document["ended_at"])
    return BatchStatus(document["id"], "", created_at, is_sealed=True, ended_at=ended_at, counts=counts)


def handed_in_of(document: Mapping[str, Any]) -> HandedIn:
    """A batch that was taken, with what became of each recording."""
    items = document["items"]
    return HandedIn(batch_of(document), tuple(job_of(item["job"]) if item["job"] else _refused(item) for item in items))


def _refused(item: Mapping[str, Any]) -> VoxqueueError:
    problem = item["problem"]
    return error_of(Reply(problem["status"], {}, json.dumps(problem).encode()))


def check_tenant(tenant: str | None) -> None:
    """Return if no tenant is named that the key may not be of.

    Raises:
        InvalidOptions: one is named, which the key decides.
    """
    if tenant is not None:
        raise InvalidOptions("the tenant is that of the API key")


def config_of(options: JobOptions, details: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted of a recording, as the server reads it.

    Raises:
        InvalidOptions: a tenant is named, which the key decides.
    """
    check_tenant(details.get("tenant"))
    config = {_NAMES.get(name, name): value for name, value in details.items() if value is not None}
    if "tags" in config:
        config["tags"] = sorted(config["tags"])
    return {**config, "options": options.model_dump(mode="json", exclude_defaults=True)}


def error_of(reply: Reply) -> VoxqueueError:
    """The error that an answer tells of: the same class as in process, where the client knows it by its code."""
    try:
        problem = json.loads(reply.body)
        code, detail = str(problem["code"]), str(problem.get("detail", ""))
    except (ValueError, KeyError, TypeError):
        return ServerAway(f"it answered {reply.status}: is this a Voxqueue server?")
    # Not those of a server that runs in the same process: elsewhere they are unknown, and should be here.
    known = {kind.code: kind for kind in _kinds(VoxqueueError) if kind.__module__.startswith(("pipeline.", "workers."))}
    kind = known.get(code)
    if kind is None:
        return ServerRefused(f"{code}: {detail}")
    # The server's sentence holds the class's own: only what stands in brackets behind it is particular to this case.
    particular = detail.removeprefix((kind.__doc__ or "").splitlines()[0]).strip()
    told = particular[1:-1] if particular.startswith("(") else particular
    if issubclass(kind, Refused):
        asked = reply.headers.get("retry-after", "")
        return kind(told.partition("; again in")[0], float(asked) if asked.isdecimal() else 1.0)
    return kind(told)


def _kinds(kind: type[VoxqueueError]) -> Iterator[type[VoxqueueError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def _step_of(document: Mapping[str, Any]) -> StepStatus:
    code, message = _error(document)
    return StepStatus(
        name=Step(document["name"]),
        state=StepState(document["status"]),
        attempt=document["attempt"],
        progress=document["progress"],
        ready_at=seconds_of(document["queued_at"]),
        started_at=seconds_of(document["started_at"]),
        ended_at=seconds_of(document["ended_at"]),
        worker=document["worker"],
        error_code=code,
        error_message=message,
    )


def _error(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    error = document["error"] or {}
    return error.get("code"), error.get("message")


def seconds_of(moment: str | None) -> float | None:
    """A time as seconds since 1970."""
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
