"""Append what happened: one event row for each change that a listener may want, one attempt row for each claim."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection, func, insert, select, update

from pipeline.stages import Step
from workers.db.base import db_now
from workers.db.tables import attempts, events
from workers.states import Outcome

Answer = TypeVar("Answer")


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


class Told(Generic[Answer]):
    """An act on a job that records one event of `kind` when it changes something, made safe to repeat.

    When it is called again because its commit was in doubt, the event says whether the first call was committed after
    all; then it is not done twice, and the answer is the same.
    """

    def __init__(self, act: Callable[[Connection], Answer], job_id: str, kind: str) -> None:
        self.func = getattr(act, "func", act)
        self._act = act
        self._of_kind = (events.c.job_id == job_id, events.c.kind == kind)
        self._earlier: tuple[int, Answer] | None = None

    def __call__(self, connection: Connection) -> Answer:
        """Do it, or find that it was done."""
        newest = connection.execute(select(func.coalesce(func.max(events.c.id), 0)).where(*self._of_kind)).scalar_one()
        if self._earlier is not None and newest > self._earlier[0]:
            return self._earlier[1]
        self._earlier = (newest, self._act(connection))
        return self._earlier[1]
