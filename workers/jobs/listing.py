"""Lists of jobs page by page, and of what happened to them, for one tenant or for all."""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, Select, select, tuple_

from pipeline.options import JobOptions
from pipeline.stages import Step
from workers.db.tables import artifacts, batch_jobs, events, job_tags, jobs, steps
from workers.errors import BadCursor, JobNotFound, RecordingGone
from workers.jobs.queries import TOLD, Event, statuses
from workers.jobs.values import SOURCE, ArtifactRef, JobStatus
from workers.states import JobState

_CURSOR_FIELDS = 2
# Times are told to the microsecond, and must name the job again that they were told of.
_MOMENT_S = 1e-6


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs a list shows; times are seconds since 1970, `cursor` is what the page before gave."""

    states: Collection[JobState] = field(default=())
    created_after: float | None = None
    created_before: float | None = None
    tag: str | None = None
    external_id: str | None = None
    batch_id: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and where the next page starts; None after the last."""

    jobs: tuple[JobStatus, ...]
    next_cursor: str | None


def page(connection: Connection, wanted: Wanted, tenant: str | None) -> Page:
    """The jobs that match, newest first. Jobs made between two pages neither shift nor repeat any.

    Raises:
        BadCursor: the cursor is not one of ours.
    """
    query = _matching(wanted, tenant).order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
    # One more than is shown tells whether there is another page.
    found = connection.execute(query.limit(wanted.limit + 1)).all()
    shown = found[: wanted.limit]
    last = shown[-1] if len(found) > wanted.limit else None
    return Page(tuple(statuses(connection, shown)), None if last is None else _cursor(last.created_at, last.id))


def source_of(connection: Connection, job_id: str) -> ArtifactRef:
    """The recording of a job.

    Raises:
        RecordingGone: it was deleted.
    """
    # One that came as a link has the link first, and the recording since a worker fetched it.
    row = connection.execute(
        select(artifacts.c.key, artifacts.c.sha256, artifacts.c.size_bytes)
        .where(artifacts.c.job_id == job_id, artifacts.c.step == SOURCE, artifacts.c.removed_at.is_(None))
        .order_by(artifacts.c.fence.desc())
    ).first()
    if row is None:
        raise RecordingGone(job_id)
    return ArtifactRef(row.key, row.sha256, row.size_bytes)


def options_of(connection: Connection, job_id: str) -> JobOptions:
    """The options that a job was last run with.

    Raises:
        JobNotFound: there is no such job.
    """
    found = connection.execute(select(jobs.c.options).where(jobs.c.id == job_id)).scalar()
    if found is None:
        raise JobNotFound(job_id)
    return JobOptions.model_validate(found)


def owner_of(connection: Connection, job_id: str) -> str | None:
    """The tenant whose job this is; None when there is no such job."""
    return connection.execute(select(jobs.c.tenant).where(jobs.c.id == job_id)).scalar()


def newest_event(connection: Connection) -> int:
    """The id of the newest event of all, 0 when nothing has happened yet."""
    return connection.execute(select(events.c.id).order_by(events.c.id.desc()).limit(1)).scalar() or 0


def all_events_after(
    connection: Connection, after: int, tenant: str | None = None, limit: int = 1000
) -> list[tuple[str, Event]]:
    """Events with an id above `after`, each with the tenant whose it is, oldest first."""
    query = select(events, jobs.c.tenant).join(jobs, jobs.c.id == events.c.job_id).where(events.c.id > after)
    if tenant is not None:
        query = query.where(jobs.c.tenant == tenant)
    rows = connection.execute(query.order_by(events.c.id).limit(limit))
    return [
        (row.tenant, Event(row.id, row.job_id, row.at, row.kind, Step(row.step) if row.step else None, row.reason))
        for row in rows
    ]


def progress_of(connection: Connection, job_ids: Collection[str]) -> dict[str, dict[Step, float]]:
    """How far each step of these jobs is, 0 to 1."""
    found: dict[str, dict[Step, float]] = {}
    query = select(steps.c.job_id, steps.c.name, steps.c.progress).where(steps.c.job_id.in_(list(job_ids)))
    for job_id, name, progress in connection.execute(query):
        found.setdefault(job_id, {})[Step(name)] = progress
    return found


def _matching(wanted: Wanted, tenant: str | None) -> Select[tuple[object, ...]]:
    # Of a deleted job only the row is left, for its receipt.
    query = select(*TOLD).where(jobs.c.deleted_at.is_(None))
    if tenant is not None:
        query = query.where(jobs.c.tenant == tenant)
    if wanted.states:
        query = query.where(jobs.c.state.in_(list(wanted.states)))
    if wanted.created_after is not None:
        query = query.where(jobs.c.created_at > wanted.created_after + _MOMENT_S)
    if wanted.created_before is not None:
        query = query.where(jobs.c.created_at < wanted.created_before - _MOMENT_S)
    if wanted.external_id is not None:
        query = query.where(jobs.c.external_id == wanted.external_id)
    if wanted.tag is not None:
        query = query.where(jobs.c.id.in_(select(job_tags.c.job_id).where(job_tags.c.tag == wanted.tag)))
    if wanted.batch_id is not None:
        query = query.where(jobs.c.id.in_(select(batch_jobs.c.job_id).where(batch_jobs.c.batch_id == wanted.batch_id)))
    if wanted.cursor is not None:
        query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*_position(wanted.cursor)))
    return query


def _cursor(created_at: float, job_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([created_at, job_id]).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[float, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        read = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadCursor from error
    match read:
        case [float() as created_at, str() as job_id] if len(read) == _CURSOR_FIELDS and "\x00" not in job_id:
            return created_at, job_id
    raise BadCursor
