"""Append what happened: one event row for each change that a listener may want, one attempt row for each claim."""

from sqlalchemy import Connection, insert, update

from pipeline.stages import Step
from workers.db.base import db_now
from workers.db.tables import attempts, events
from workers.states import Outcome


def record(connection: Connection, job_id: str, kind: str, step: Step | None = None, reason: str | None = None) -> None:
    """Append an event such as `step.started` or `job.completed`."""
    connection.execute(insert(events).values(job_id=job_id, at=db_now(), kind=kind, step=step, reason=reason))


def close_attempt(
    connection: Connection, step_id: int, fence: int, outcome: Outcome, error: tuple[str, str] | None = None
) -> None:
    """Write down how the attempt with this fence ended; an attempt that has ended is left as it is."""
    code, detail = error or (None, None)
    connection.execute(
        update(attempts)
        .where(attempts.c.step_id == step_id, attempts.c.fence == fence, attempts.c.outcome.is_(None))
        .values(ended_at=db_now(), outcome=outcome, error_code=code, error_detail=detail)
    )
