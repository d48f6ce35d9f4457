"""What each tenant had transcribed, in seconds of audio; kept apart from the jobs, which may be deleted."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from workers.db.base import db_now
from workers.db.tables import jobs, usage


@dataclass(frozen=True, slots=True)
class Usage:
    """The sum of a tenant over a span of time."""

    tenant: str
    jobs: int
    audio_s: float


def count_job(connection: Connection, job_id: str) -> None:
    """Count a job that has completed; once, however often it is tried again."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    counted = select(jobs.c.id, jobs.c.tenant, db_now(), func.coalesce(jobs.c.duration_s, 0.0)).where(
        # SQLite takes ON CONFLICT after a SELECT for a join unless there is a WHERE, which there is.
        jobs.c.id == job_id
    )
    query = dialect.insert(usage).from_select(["job_id", "tenant", "at", "audio_s"], counted)
    connection.execute(query.on_conflict_do_nothing())


def report(
    connection: Connection, tenant: str | None = None, since: float = 0.0, until: float | None = None
) -> list[Usage]:
    """What completed from `since` to before `until` (seconds since 1970), a row for each tenant, by name."""
    query = select(usage.c.tenant, func.count(), func.sum(usage.c.audio_s)).where(usage.c.at >= since)
    if until is not None:
        query = query.where(usage.c.at < until)
    if tenant is not None:
        query = query.where(usage.c.tenant == tenant)
    rows = connection.execute(query.group_by(usage.c.tenant).order_by(usage.c.tenant))
    return [Usage(name, number, audio_s) for name, number, audio_s in rows]
