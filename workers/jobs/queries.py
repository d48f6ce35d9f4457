"""Read jobs, events and transcripts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from pipeline.stages import STEPS, Step
from workers.db.tables import events, job_tags, jobs, steps, transcripts
from workers.errors import JobDeleted, JobFailed, JobNotFinished, JobNotFound, VersionNotFound
from workers.jobs.values import JobStatus, StepStatus
from workers.states import FINAL_JOB_STATES, JobState, StepState

# Callers ask for jobs more often than for anything else. Making these statements, and reading the options of a job,
# which nobody is shown, would cost more than running them.
TOLD = tuple(column for column in jobs.c if column.name in JobStatus.__dataclass_fields__)
"""The columns of a job that `statuses` reads."""
_JOB = select(*TOLD).where(jobs.c.id == bindparam("wanted"))
_JOBS_OF_TENANT = select(*TOLD).where(
    jobs.c.id.in_(bindparam("wanted", expanding=True)), jobs.c.tenant == bindparam("whose")
)
_STEPS = select(
    *(steps.c.job_id, steps.c.name, steps.c.state, steps.c.attempts, steps.c.progress, steps.c.worker),
    *(steps.c.ready_at, steps.c.started_at, steps.c.ended_at, steps.c.error_code, steps.c.error_message),
).where(steps.c.job_id.in_(bindparam("wanted", expanding=True)))
_TAGS = select(job_tags).where(job_tags.c.job_id.in_(bindparam("wanted", expanding=True))).order_by(job_tags.c.tag)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; ids grow, so a listener can resume after the last it saw."""

    id: int
    job_id: str
    at: float
    kind: str
    step: Step | None
    reason: str | None


def status(connection: Connection, job_id: str) -> JobStatus:
    """The job and its steps.

    Raises:
        JobNotFound: there is no such job.
    """
    row = connection.execute(_JOB, {"wanted": job_id}).first()
    if row is None:
        raise JobNotFound(job_id)
    return statuses(connection, [row])[0]


def some(connection: Connection, job_ids: Collection[str], tenant: str) -> list[JobStatus]:
    """Those of these jobs that are this tenant's, in no order."""
    found = connection.execute(_JOBS_OF_TENANT, {"wanted": list(job_ids), "whose": tenant})
    return statuses(connection, found.all())


def find(connection: Connection, idempotency_key: str, tenant: str) -> JobStatus | None:
    """The job that was made with this key, None when there is none."""
    wanted = select(jobs.c.id).where(jobs.c.idempotency_key == idempotency_key, jobs.c.tenant == tenant)
    found = connection.execute(wanted).scalar()
    return None if found is None else status(connection, found)


def recent(connection: Connection, state: JobState | None = None, limit: int = 50) -> list[JobStatus]:
    """The newest jobs first."""
    wanted = select(*TOLD).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit)
    if state is not None:
        wanted = wanted.where(jobs.c.state == state)
    return statuses(connection, connection.execute(wanted).all())


def document(connection: Connection, job_id: str, version: int | None = None) -> str:
    """The newest transcript of a job as canonical JSON, or that `version` of it.

    Raises:
        JobNotFound, JobNotFinished, JobFailed, JobDeleted, VersionNotFound: there is none, and why.
    """
    wanted = select(transcripts.c.document).where(transcripts.c.job_id == job_id)
    if version is not None:
        wanted = wanted.where(transcripts.c.version == version)
    found = connection.execute(wanted.order_by(transcripts.c.version.desc()).limit(1)).scalar()
    if found is not None:
        return str(found)
    job = status(connection, job_id)
    if version is not None and not 1 <= version <= job.version:
        raise VersionNotFound(f"{version} of {job.version}")
    # Every version but the newest was there once.
    if job.deleted_at is not None or job.state is JobState.COMPLETED or version not in {None, job.version}:
        raise JobDeleted(job_id)
    if job.state in FINAL_JOB_STATES:
        raise JobFailed(f"{job.state}: {job.error_code or ''} {job.error_message or ''}".strip())
    raise JobNotFinished(job.state)


def events_after(connection: Connection, job_id: str, after: int = 0, limit: int = 100) -> list[Event]:
    """Events of a job with an id above `after`, oldest first."""
    rows = connection.execute(
        select(events).where(events.c.job_id == job_id, events.c.id > after).order_by(events.c.id).limit(limit)
    )
    return [
        Event(row.id, row.job_id, row.at, row.kind, Step(row.step) if row.step else None, row.reason) for row in rows
    ]


def is_done(connection: Connection, job_id: str, step: Step) -> bool:
    """Whether this step of the job is done."""
    found = connection.execute(select(steps.c.state).where(steps.c.job_id == job_id, steps.c.name == step)).scalar()
    return found == StepState.DONE


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many steps of each name are in each state."""
    rows = connection.execute(select(steps.c.name, steps.c.state, func.count()).group_by(steps.c.name, steps.c.state))
    found: dict[str, dict[str, int]] = {step: {} for step in STEPS}
    for name, state, number in rows:
        found[name][state] = number
    return found


def statuses(connection: Connection, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[JobStatus]:
    """The jobs of these rows of `TOLD`, in the same order."""
    wanted = {"wanted": [row.id for row in rows]}
    step_rows: dict[str, list[Row[*tuple[Any, ...]]]] = {row.id: [] for row in rows}
    for step in connection.execute(_STEPS, wanted):
        step_rows[step.job_id].append(step)
    tags: dict[str, list[str]] = {row.id: [] for row in rows}
    for job_id, tag in connection.execute(_TAGS, wanted):
        tags[job_id].append(tag)
    return [_job_status(row, step_rows[row.id], tags[row.id]) for row in rows]


def _job_status(
    row: Row[*tuple[Any, ...]], step_rows: Sequence[Row[*tuple[Any, ...]]], tags: Sequence[str]
) -> JobStatus:
    ordered = sorted(map(_step_status, step_rows), key=lambda step: STEPS.index(step.name))
    return JobStatus(
        id=row.id,
        state=JobState(row.state),
        tenant=row.tenant,
        file_name=row.file_name,
        version=row.version,
        duration_s=row.duration_s,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error_code=row.error_code,
        error_message=row.error_message,
        external_id=row.external_id,
        annotations=row.annotations,
        deleted_at=row.deleted_at,
        steps=tuple(ordered),
        priority=row.priority,
        tags=tuple(tags),
        report=row.report,
    )


def _step_status(row: Row[*tuple[Any, ...]]) -> StepStatus:
    return StepStatus(
        name=Step(row.name),
        state=StepState(row.state),
        attempt=row.attempts,
        progress=row.progress,
        ready_at=row.ready_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        worker=row.worker,
        error_code=row.error_code,
        error_message=row.error_message,
    )
