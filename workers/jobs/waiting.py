"""How much waits at each step, for how long, and how many workers are at it."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select

from workers.db.base import db_now
from workers.db.tables import steps
from workers.states import StepState


@dataclass(frozen=True, slots=True)
class Waiting:
    """Steps of one kind: how many could be claimed now, since how long the oldest, and how many have a live lease."""

    ready: int
    oldest_s: float
    running: int


def waiting(connection: Connection) -> dict[str, Waiting]:
    """By the name of the step; one of which there is none is left out."""
    now = db_now()
    is_ready = and_(steps.c.state == StepState.READY, steps.c.ready_at <= now)
    is_running = and_(steps.c.state == StepState.RUNNING, steps.c.lease_until >= now)
    rows = connection.execute(
        select(
            steps.c.name,
            func.count(case((is_ready, 1))),
            func.coalesce(func.max(case((is_ready, now - steps.c.ready_at))), 0.0),
            func.count(case((is_running, 1))),
        )
        .where(steps.c.state.in_((StepState.READY, StepState.RUNNING)))
        .group_by(steps.c.name)
    )
    return {name: Waiting(ready, oldest_s, running) for name, ready, oldest_s, running in rows}
