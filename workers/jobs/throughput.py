"""What a tenant's queue looks like at a glance: how much waits, and how fast it goes."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, or_, select

from workers.db.tables import jobs, steps
from workers.jobs.values import SHARES
from workers.states import JobState, StepState

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs that wait and that run, and seconds of audio that were transcribed in a second of the last minute."""

    queued: int
    running: int
    audio_s_per_s: float


def load(connection: Connection, tenant: str, now: float) -> Load:
    """The load of a tenant at `now`, in seconds since 1970.

    The audio of a job counts evenly over the time that it ran, so that a long call does not come as one burst. What
    began to run after the window did is not spread over the time before.
    """
    counts = _counts(connection, tenant)
    audio_s = 0.0
    first = now
    for started_at, ended_at, done_s in _under_way(connection, tenant, now - WINDOW_S):
        end = min(ended_at or now, now)
        begin = max(started_at, now - WINDOW_S)
        first = min(first, begin)
        audio_s += done_s * max(0.0, end - begin) / max(end - started_at, 1e-3)
    return Load(counts.get(JobState.QUEUED, 0), counts.get(JobState.RUNNING, 0), audio_s / max(now - first, 1.0))


def _counts(connection: Connection, tenant: str) -> dict[str, int]:
    query = select(jobs.c.state, func.count()).where(
        jobs.c.tenant == tenant, jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING))
    )
    return {row[0]: row[1] for row in connection.execute(query.group_by(jobs.c.state))}


def _under_way(connection: Connection, tenant: str, since: float) -> list[tuple[float, float | None, float]]:
    """When each job that ran since then started and ended, and how many seconds of its audio are done."""
    part = case({str(step): share for step, share in SHARES.items()}, value=steps.c.name)
    share = func.sum(part * case((steps.c.state == StepState.DONE, 1.0), else_=steps.c.progress))
    query = (
        select(jobs.c.started_at, jobs.c.ended_at, jobs.c.duration_s * share)
        .join(steps, steps.c.job_id == jobs.c.id)
        .where(
            jobs.c.tenant == tenant,
            jobs.c.started_at.is_not(None),
            jobs.c.duration_s.is_not(None),
            or_(jobs.c.state == JobState.RUNNING, and_(jobs.c.state == JobState.COMPLETED, jobs.c.ended_at > since)),
        )
        .group_by(jobs.c.id, jobs.c.started_at, jobs.c.ended_at, jobs.c.duration_s)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]
