"""Defects to be planted in the processes of a cluster: a suite that does not notice them proves nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from workers.db.base import db_now
from workers.db.tables import steps
from workers.dispatch import Dispatcher
from workers.jobs import Jobs, create, lease, reap
from workers.jobs.reap import Lost, Ready
from workers.jobs.values import Lease, NewJob, Policy
from workers.states import StepState


@dataclass(frozen=True)
class Mutant:
    """A replacement for one attribute of the product."""

    owner: Any
    attribute: str
    replacement: Callable[..., Any]

    def __call__(self) -> None:
        """Plant it in this process."""
        setattr(self.owner, self.attribute, self.replacement)


def hold_without_fence(connection: Connection, held: Lease, values: dict[str, object]) -> None:
    """`lease.hold`, whoever holds the step by now."""
    connection.execute(update(steps).where(steps.c.id == held.step_id).values(**values))


def take_back_at_once(connection: Connection, lost: Lost, policy: Policy) -> Ready | None:
    """`reap.take_back` of what was lost when it was looked for, whatever has become of it since."""
    del policy
    row = connection.execute(
        update(steps)
        .where(steps.c.id == lost.step_id)
        .values(state=StepState.READY, claim_token=None, lease_until=None, ready_at=db_now(), published_at=None)
        .returning(steps.c.job_id, steps.c.name)
    ).one()
    return Ready(row.job_id, row.name)


def answer_first(jobs: Jobs, job: NewJob) -> str:
    """`Jobs.create` that lets its caller publish and answer whether or not the commit is made."""
    with suppress(DBAPIError):
        jobs.database._once(partial(create.create, job=job, gate=jobs.gate))
    return job.id


def never_announce(_dispatcher: Dispatcher, _ready: object) -> None:
    """`Dispatcher._announce`: what was acknowledged is nobody's business any more."""


MUTANTS: dict[str, Mutant] = {
    "no-fence": Mutant(lease, "hold", hold_without_fence),
    "reaper-without-compare-and-set": Mutant(reap, "take_back", take_back_at_once),
    "publish-before-commit": Mutant(Jobs, "create", answer_first),
    "ack-without-dispatch": Mutant(Dispatcher, "_announce", never_announce),
}
