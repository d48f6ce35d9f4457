"""A step that is held. It is held by a fence; whoever's fence is old writes nothing."""

from sqlalchemy import Connection, bindparam, select, update

from workers.db.base import db_now
from workers.db.tables import attempts, steps
from workers.errors import Fenced
from workers.jobs.cascade import unindexed
from workers.jobs.values import Lease, Policy
from workers.states import StepState

HELD = (
    steps.c.id == bindparam("held_step"),
    steps.c.fence == bindparam("held_fence"),
    unindexed(steps.c.state) == StepState.RUNNING.value,
)
"""What finds the row of a step by its lease, and nothing once the lease is lost."""


def heartbeat(connection: Connection, lease: Lease, progress: float, policy: Policy) -> None:
    """Hold the step for another `lease_s` and say how far it is (0 to 1).

    Raises:
        Fenced: the step was taken away.
    """
    hold(
        connection,
        lease,
        {"lease_until": db_now() + policy.lease_s, "progress": progress},
    )


def hold(connection: Connection, lease: Lease, values: dict[str, object]) -> None:
    """Change a step that this lease holds.

    Raises:
        Fenced: it does not hold it any more; nothing was written.
    """
    changed = connection.execute(
        update(steps).where(*HELD).values(**values),
        held_by(lease),
    )
    if not changed.rowcount:
        raise fenced(lease)


def held_by(lease: Lease) -> dict[str, object]:
    """The values of the parameters in `HELD`."""
    return {"held_step": lease.step_id, "held_fence": lease.fence}


def fenced(lease: Lease) -> Fenced:
    """The error of who holds the step no more."""
    return Fenced(f"{lease.step} of job {lease.job_id}, fence {lease.fence}")


def outcome(connection: Connection, lease: Lease) -> str | None:
    """How this attempt ended, if it has: an earlier try of this very transaction may have been committed after all."""
    ended: str | None = connection.execute(
        select(attempts.c.outcome).where(attempts.c.step_id == lease.step_id, attempts.c.fence == lease.fence)
    ).scalar()
    return ended
