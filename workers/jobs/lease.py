"""Claim a step, hold it, end it. A step is held by a fence; whoever's fence is old writes nothing."""

import random
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from pipeline.options import JobOptions
from pipeline.stages import STEPS, Step, following
from workers.db.base import db_now
from workers.db.tables import artifacts, attempts, jobs, steps
from workers.errors import Fenced
from workers.jobs.history import close_attempt, record
from workers.jobs.outbox import tell_job_ended
from workers.jobs.results import Result, store_result
from workers.jobs.usage import count_job
from workers.jobs.values import SOURCE, ArtifactRef, Lease, Policy
from workers.states import JobState, Outcome, StepState, sources_of


@dataclass(frozen=True, slots=True)
class Claim:
    """A request for a step of this kind, at best of `job_id`. `token` finds the claim again after a lost commit."""

    step: Step
    job_id: str
    worker: str
    token: str


def claim(connection: Connection, wanted: Claim, policy: Policy) -> Lease | None:
    """Take the ready step of this kind that should run next; None when there is none.

    Order: priority, then the tenant with the fewest running steps, then the job that the message named, then age.
    """
    held = connection.execute(select(steps).where(steps.c.claim_token == wanted.token)).first()
    if held is not None:
        return _lease(connection, held) if held.state == StepState.RUNNING else None
    now = db_now()
    taken = connection.execute(
        update(steps)
        .where(steps.c.id == _next_ready(wanted), steps.c.state == StepState.READY)
        .values(
            state=StepState.RUNNING,
            fence=steps.c.fence + 1,
            attempts=steps.c.attempts + 1,
            claim_token=wanted.token,
            worker=wanted.worker,
            progress=0.0,
            started_at=now,
            ended_at=None,
            lease_until=now + policy.lease_s,
            deadline_at=now + policy.step_deadline_s,
        )
        .returning(steps)
    ).first()
    if taken is None:
        return None
    connection.execute(
        insert(attempts).values(
            step_id=taken.id,
            fence=taken.fence,
            worker=wanted.worker,
            started_at=now,
            waited_s=max(0.0, taken.started_at - taken.ready_at),
        )
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.id == taken.job_id, jobs.c.state.in_(sources_of(JobState.RUNNING)))
        .values(state=JobState.RUNNING, started_at=func.coalesce(jobs.c.started_at, now))
    )
    record(connection, taken.job_id, "step.started", wanted.step)
    return _lease(connection, taken)


def _next_ready(wanted: Claim) -> ColumnElement[int]:
    running = (
        select(steps.c.tenant, func.count().label("running"))
        .where(steps.c.name == wanted.step, steps.c.state == StepState.RUNNING)
        .group_by(steps.c.tenant)
        .subquery()
    )
    return (
        select(steps.c.id)
        .outerjoin(running, running.c.tenant == steps.c.tenant)
        .where(steps.c.name == wanted.step, steps.c.state == StepState.READY, steps.c.ready_at <= db_now())
        .order_by(
            steps.c.priority.desc(),
            func.coalesce(running.c.running, 0),
            (steps.c.job_id == wanted.job_id).desc(),
            steps.c.ready_at,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=steps)
        .scalar_subquery()
    )


def _lease(connection: Connection, step: Row[tuple[object, ...]]) -> Lease:
    name = Step(step.name)
    position = STEPS.index(name)
    maker = SOURCE if position == 0 else STEPS[position - 1]
    options = connection.execute(select(jobs.c.options).where(jobs.c.id == step.job_id)).scalar_one()
    return Lease(
        job_id=step.job_id,
        step_id=step.id,
        step=name,
        fence=step.fence,
        worker=step.worker,
        options=JobOptions.model_validate(options),
        input=artifact_of(connection, step.job_id, maker),
        source=artifact_of(connection, step.job_id, SOURCE),
    )


def artifact_of(connection: Connection, job_id: str, maker: str) -> ArtifactRef:
    """The newest artifact that `maker` (a step, or the source) left for this job."""
    found = connection.execute(
        select(artifacts.c.key, artifacts.c.sha256, artifacts.c.size_bytes)
        .where(artifacts.c.job_id == job_id, artifacts.c.step == maker)
        .order_by(artifacts.c.fence.desc())
        .limit(1)
    ).one()
    return ArtifactRef(found.key, found.sha256, found.size_bytes)


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


def finish(connection: Connection, lease: Lease, result: Result) -> None:
    """End the step well: keep its result, make the next step ready, or complete the job.

    Raises:
        Fenced: the step was taken away; nothing was written.
    """
    if outcome(connection, lease) == Outcome.DONE:
        return
    hold(
        connection,
        lease,
        {
            "state": StepState.DONE,
            "progress": 1.0,
            "ended_at": db_now(),
            "lease_until": None,
            "error_code": None,
            "error_message": None,
        },
    )
    close_attempt(connection, lease.step_id, lease.fence, Outcome.DONE)
    record(connection, lease.job_id, "step.done", lease.step)
    store_result(connection, lease, result)
    next_step = following(lease.step)
    if next_step is not None:
        connection.execute(
            update(steps)
            .where(steps.c.job_id == lease.job_id, steps.c.name == next_step, steps.c.state == StepState.BLOCKED)
            .values(state=StepState.READY, ready_at=db_now(), published_at=None, publishes=0)
        )
        return
    end_job(connection, lease.job_id, JobState.COMPLETED)
    count_job(connection, lease.job_id)


def fail(connection: Connection, lease: Lease, error: tuple[str, str], policy: Policy | None) -> bool:
    """End the attempt badly. With a policy the step is tried again after a back-off, while it has retries left.

    Returns whether it will be tried again.

    Raises:
        Fenced: the step was taken away; nothing was written.
    """
    earlier = outcome(connection, lease)
    if earlier in {Outcome.FAILED, Outcome.RETRIED}:
        return earlier == Outcome.RETRIED
    row = connection.execute(
        select(steps.c.retries, steps.c.state, steps.c.fence).where(steps.c.id == lease.step_id)
    ).one()
    if policy is not None and row.retries < policy.max_retries:
        # Full jitter: workers that failed together do not come back together.
        back_off_s = policy.retry_base_s * 2**row.retries * random.uniform(0.5, 1.0)  # noqa: S311
        hold(connection, lease, {**_ready_again(), "ready_at": db_now() + back_off_s, "retries": row.retries + 1})
        close_attempt(connection, lease.step_id, lease.fence, Outcome.RETRIED, error)
        record(connection, lease.job_id, "step.retried", lease.step, error[0])
        return True
    code, message = error
    hold(
        connection,
        lease,
        {
            "state": StepState.FAILED,
            "ended_at": db_now(),
            "lease_until": None,
            "error_code": code,
            "error_message": message,
        },
    )
    close_attempt(connection, lease.step_id, lease.fence, Outcome.FAILED, error)
    record(connection, lease.job_id, "step.failed", lease.step, code)
    end_job(connection, lease.job_id, JobState.FAILED, error)
    return False


def give_back(connection: Connection, lease: Lease) -> None:
    """Hand a step back unfinished, at once and without blame: the worker is being stopped.

    Raises:
        Fenced: the step was taken away; nothing was written.
    """
    if outcome(connection, lease) == Outcome.RETURNED:
        return
    hold(connection, lease, {**_ready_again(), "ready_at": db_now()})
    close_attempt(connection, lease.step_id, lease.fence, Outcome.RETURNED)
    record(connection, lease.job_id, "step.returned", lease.step)


def end_job(connection: Connection, job_id: str, state: JobState, error: tuple[str, str] | None = None) -> bool:
    """Move a job to a final state by compare-and-set; whether it moved."""
    code, message = error or (None, None)
    moved = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(sources_of(state)))
        .values(state=state, ended_at=db_now(), error_code=code, error_message=message)
    )
    if moved.rowcount:
        record(connection, job_id, f"job.{state}", reason=code)
        tell_job_ended(connection, job_id)
    return bool(moved.rowcount)


def _ready_again() -> dict[str, object]:
    return {
        "state": StepState.READY,
        "lease_until": None,
        "claim_token": None,
        "progress": 0.0,
        "published_at": None,
        "publishes": 0,
    }


def hold(connection: Connection, lease: Lease, values: dict[str, object]) -> None:
    """Change a step that this lease holds.

    Raises:
        Fenced: it does not hold it any more; nothing was written.
    """
    changed = connection.execute(
        update(steps)
        .where(steps.c.id == lease.step_id, steps.c.fence == lease.fence, steps.c.state == StepState.RUNNING)
        .values(**values)
    )
    if not changed.rowcount:
        raise Fenced(f"{lease.step} of job {lease.job_id}, fence {lease.fence}")


def outcome(connection: Connection, lease: Lease) -> str | None:
    """How this attempt ended, if it has: an earlier try of this very transaction may have been committed after all."""
    ended: str | None = connection.execute(
        select(attempts.c.outcome).where(attempts.c.step_id == lease.step_id, attempts.c.fence == lease.fence)
    ).scalar()
    return ended
