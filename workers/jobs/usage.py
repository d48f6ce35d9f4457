"""What each tenant had transcribed, in seconds of audio; kept apart from the jobs, which may be deleted."""

from dataclasses import dataclass

from sqlalchemy import Connection, FromClause, Insert, exists, func, insert, select

from workers.db.tables import usage


@dataclass(frozen=True, slots=True)
class Usage:
    """The sum of a tenant over a span of time."""

    tenant: str
    jobs: int
    audio_s: float


def counted(completed: FromClause) -> Insert:
    """Count jobs that have completed, the rows of `completed`; once each, however often one is tried again."""
    is_counted = exists().where(usage.c.job_id == completed.c.id)
    rows = select(
        completed.c.id, completed.c.tenant, completed.c.ended_at, func.coalesce(completed.c.duration_s, 0.0)
    ).where(~is_counted)
    return insert(usage).from_select(["job_id", "tenant", "at", "audio_s"], rows)


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
