"""Take back what was lost: steps whose worker is silent or too slow, jobs past their time, steps no one was told of."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, true, update

from pipeline.stages import Step
from workers.db.base import db_now
from workers.db.tables import jobs, steps
from workers.jobs.control import stop_job
from workers.jobs.endings import end_job
from workers.jobs.history import close_attempt, record
from workers.jobs.values import Policy
from workers.states import JobState, Outcome, StepState

logger = logging.getLogger(__name__)

_BATCH = 200
_MAX_DOUBLINGS = 5
# Clocks are put right by less all the time, and workers may have been told of longer leases.
_LEAP_S = 300.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A step that is ready and should be announced to the workers."""

    job_id: str
    step: Step


@dataclass(frozen=True, slots=True)
class Lost:
    """A running step that nobody works on any more: overdue, or held by a process that is known to have ended."""

    step_id: int
    fence: int
    holder_is_gone: bool


def holders(connection: Connection) -> set[str]:
    """The workers that hold a step."""
    return set(connection.execute(select(steps.c.worker).where(steps.c.state == StepState.RUNNING)).scalars())


def lost_steps(connection: Connection, gone_workers: Collection[str] = ()) -> list[Lost]:
    """Running steps whose lease or deadline has passed, or whose worker is among `gone_workers`."""
    gone = steps.c.worker.in_(gone_workers)
    rows = connection.execute(
        select(steps.c.id, steps.c.fence, gone.label("gone"))
        .where(steps.c.state == StepState.RUNNING, or_(_overdue(), gone))
        .limit(_BATCH)
    )
    return [Lost(row.id, row.fence, bool(row.gone)) for row in rows]


def take_back(connection: Connection, lost: Lost, policy: Policy) -> Ready | None:
    """Make a lost step ready again, or quarantine it after too many crashes; the step, if it is ready.

    None too when its worker was quicker: a heartbeat since `lost` was read keeps the step, a new fence anyway. A step
    that is ready again keeps its place: it has waited already, and a long backlog does not go before it.
    """
    exhausted = steps.c.crashes + 1 >= policy.max_crashes
    is_lost = true() if lost.holder_is_gone else _overdue()
    taken = connection.execute(
        update(steps)
        .where(steps.c.id == lost.step_id, steps.c.fence == lost.fence, steps.c.state == StepState.RUNNING, is_lost)
        .values(
            state=case((exhausted, StepState.QUARANTINED.value), else_=StepState.READY.value),
            crashes=steps.c.crashes + 1,
            claim_token=None,
            lease_until=None,
            progress=0.0,
            published_at=None,
            publishes=0,
        )
        .returning(steps.c.job_id, steps.c.name, steps.c.state, steps.c.crashes)
    ).first()
    if taken is None:
        return None
    error = ("WORKER_LOST", "The worker that ran the step stopped answering.")
    close_attempt(connection, lost.step_id, lost.fence, Outcome.LOST, error)
    record(connection, taken.job_id, "step.lost", Step(taken.name))
    if taken.state == StepState.QUARANTINED:
        message = f"The step {taken.name} ended its worker {taken.crashes} times; the job is set aside."
        record(connection, taken.job_id, "step.quarantined", Step(taken.name))
        end_job(connection, taken.job_id, JobState.FAILED, ("QUARANTINED", message))
        # Said again if the commit is repeated: an alarm that comes twice is better than none.
        told = {"job": taken.job_id, "step": str(taken.name), "crashes": taken.crashes}
        logger.error("step.quarantined", extra=told)
        return None
    return Ready(taken.job_id, Step(taken.name))


def _overdue() -> ColumnElement[bool]:
    return or_(steps.c.lease_until < db_now(), steps.c.deadline_at < db_now())


def settle_clock(connection: Connection, policy: Policy) -> int:
    """Bring near what lies so far ahead that the clock of the database must have been put back since; how many steps.

    A step would wait for as long as the clock was put back, and a lease hold as much longer. Whoever lives renews it.
    """
    now = db_now()
    longest_s = {
        steps.c.ready_at: policy.retry_base_s * 2**policy.max_retries,
        steps.c.published_at: 0.0,
        steps.c.lease_until: policy.lease_s,
        steps.c.deadline_at: policy.step_deadline_s,
    }
    is_ahead = {column: column > now + longest + _LEAP_S for column, longest in longest_s.items()}
    values = {
        column.name: case((is_ahead[column], now + longest), else_=column) for column, longest in longest_s.items()
    }
    # What is ready need not wait for what it would have waited for.
    values["ready_at"] = case((is_ahead[steps.c.ready_at], now), else_=steps.c.ready_at)
    is_open = steps.c.state.in_((StepState.READY, StepState.RUNNING))
    return connection.execute(update(steps).where(is_open, or_(*is_ahead.values())).values(values)).rowcount


def expire(connection: Connection) -> int:
    """End jobs whose time to be done has passed; how many."""
    late = connection.execute(
        select(jobs.c.id)
        .where(jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)), jobs.c.expires_at < db_now())
        .limit(_BATCH)
    ).scalars()
    return sum(stop_job(connection, job_id, JobState.EXPIRED) for job_id in late)


def unannounced(connection: Connection, after_s: float, idle_queues: tuple[Step, ...]) -> list[Ready]:
    """Steps that have been ready for longer than a message should take: their message was lost, or never sent.

    The wait doubles with each announcement, so that a long backlog is not announced over and over; a step whose queue
    is empty (`idle_queues`) waits only a second, since no message of its can be on the way.
    """
    # SQLite may come without power(); the doublings are few enough to write out.
    doubled = case(
        *((steps.c.publishes == times, after_s * 2**times) for times in range(_MAX_DOUBLINGS)),
        else_=after_s * 2**_MAX_DOUBLINGS,
    )
    wait_s = case((steps.c.name.in_(idle_queues), 1.0 + steps.c.publishes), else_=doubled)
    due = func.coalesce(steps.c.published_at, steps.c.ready_at) + wait_s
    rows = connection.execute(
        select(steps.c.job_id, steps.c.name)
        .where(steps.c.state == StepState.READY, steps.c.ready_at <= db_now(), due <= db_now())
        .order_by(steps.c.priority.desc(), steps.c.ready_at)
        .limit(_BATCH)
    )
    return [Ready(row.job_id, Step(row.name)) for row in rows]


def mark_announced(connection: Connection, ready: Ready) -> None:
    """Remember that the step was announced just now."""
    connection.execute(
        update(steps)
        .where(steps.c.job_id == ready.job_id, steps.c.name == ready.step, steps.c.state == StepState.READY)
        .values(published_at=db_now(), publishes=steps.c.publishes + 1)
    )
