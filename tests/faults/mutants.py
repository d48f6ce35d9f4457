"""Defects to be planted in the processes of a cluster: a suite that does not notice them proves nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from workers.db.base import db_now
from workers.db.tables import steps, webhook_endpoints
from workers.dispatch import Dispatcher
from workers.jobs import Jobs, create, endings, outbox, reap
from workers.jobs.cascade import Cascade
from workers.jobs.outbox import Message
from workers.jobs.reap import Lost, Ready
from workers.jobs.values import NewJob, Policy
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


def end_without_fence(**kind: bool) -> Cascade:
    """`endings.ending`, whoever holds the step by now."""
    return endings.make_ending((steps.c.id == bindparam("held_step"),), **kind)


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
        jobs.database._once(create.Creating(job, jobs.gate))
    return job.id


def never_announce(_dispatcher: Dispatcher, _ready: object) -> None:
    """`Dispatcher._announce`: what was acknowledged is nobody's business any more."""


def tell_nobody(_connection: Connection, _job_id: str) -> None:
    """`outbox.tell_job_ended` that leaves it to whoever asks."""


def tell_every_tenant(connection: Connection, message: Message, _callback_url: str | None = None) -> None:
    """`outbox.tell` to all endpoints there are."""
    for row in connection.execute(select(webhook_endpoints.c.id, webhook_endpoints.c.url)).all():
        outbox.deliver_to(connection, message, (row.id, row.url), outbox.new_delivery_id())


MUTANTS: dict[str, Mutant] = {
    "no-fence": Mutant(endings, "ending", end_without_fence),
    "reaper-without-compare-and-set": Mutant(reap, "take_back", take_back_at_once),
    "publish-before-commit": Mutant(Jobs, "create", answer_first),
    "ack-without-dispatch": Mutant(Dispatcher, "_announce", never_announce),
    "tell-nobody": Mutant(endings, "tell_job_ended", tell_nobody),
    "tell-every-tenant": Mutant(outbox, "tell", tell_every_tenant),
}
