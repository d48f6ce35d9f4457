"""End a step: well, badly, or handed back; and with its last step, or its error, the job."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Select,
    Update,
    bindparam,
    func,
    insert,
    literal,
    select,
    update,
)

from pipeline.stages import following
from workers.db.base import db_now
from workers.db.tables import artifacts, attempts, events, jobs, steps
from workers.jobs.batches import is_of_batch, note_job_ended
from workers.jobs.cascade import Cascade, is_one_of, only, unindexed
from workers.jobs.history import close_attempt, record
from workers.jobs.lease import HELD, fenced, held_by, hold, outcome
from workers.jobs.outbox import tell_job_ended, wants_to_know
from workers.jobs.results import Result, store_transcript
from workers.jobs.usage import counted
from workers.jobs.values import Lease, Policy
from workers.states import JobState, Outcome, StepState, sources_of


def finish(connection: Connection, lease: Lease, result: Result) -> None:
    """End the step well: keep its result, make the next step ready, or complete the job.

    Raises:
        Fenced: the step was taken away; nothing was written.
    """
    artifact, next_step = result.artifact, following(lease.step)
    values: dict[str, object] = {**held_by(lease), "audio_s": result.duration_s}
    if next_step is not None:
        values["next_step"] = next_step.value
    if artifact is not None:
        values |= {"left_key": artifact.key, "left_sha256": artifact.sha256, "left_bytes": artifact.size_bytes}
    if ending(has_artifact=artifact is not None, has_next=next_step is not None).run(connection, values) is None:
        if outcome(connection, lease) == Outcome.DONE:
            return
        raise fenced(lease)
    if result.transcript is not None:
        store_transcript(connection, lease.job_id, result.transcript)
    if next_step is None:
        end_job(connection, lease.job_id, JobState.COMPLETED)


@cache
def ending(*, has_artifact: bool, has_next: bool) -> Cascade:
    """What ends a step well, with an artifact or without, before another step or as the last."""
    return make_ending(HELD, has_artifact=has_artifact, has_next=has_next)


def make_ending(held: Sequence[ColumnElement[bool]], *, has_artifact: bool, has_next: bool) -> Cascade:
    """The same of a step that is found by `held`."""
    first = (
        update(steps)
        .where(*held)
        .values(
            state=StepState.DONE.value,
            progress=1.0,
            ended_at=db_now(),
            lease_until=None,
            error_code=None,
            error_message=None,
        )
    )
    parts: list[Callable[[FromClause], Insert | Update]] = [_close_attempt, _tell_done, _note_duration]
    parts += [_keep_artifact] if has_artifact else []
    parts += [_make_next_ready] if has_next else []
    return Cascade(first, lambda ended: [part(ended) for part in parts], lambda ended: select(ended.c.id))


def _close_attempt(ended: FromClause) -> Update:
    this = (attempts.c.step_id == only(ended.c.id)) & (attempts.c.fence == bindparam("held_fence"))
    return (
        update(attempts).where(this, attempts.c.outcome.is_(None)).values(ended_at=db_now(), outcome=Outcome.DONE.value)
    )


def _tell_done(ended: FromClause) -> Insert:
    event = select(ended.c.job_id, ended.c.ended_at, literal("step.done"), ended.c.name)
    return insert(events).from_select(["job_id", "at", "kind", "step"], event)


def _note_duration(ended: FromClause) -> Update:
    # A row that says so already is not written again.
    duration_s = func.coalesce(bindparam("audio_s", type_=jobs.c.duration_s.type), jobs.c.duration_s)
    is_new = jobs.c.duration_s.is_distinct_from(duration_s)
    return update(jobs).where(jobs.c.id == only(ended.c.job_id), is_new).values(duration_s=duration_s)


def _keep_artifact(ended: FromClause) -> Insert:
    row = select(
        ended.c.job_id,
        ended.c.name,
        bindparam("held_fence"),
        bindparam("left_key"),
        bindparam("left_sha256"),
        bindparam("left_bytes"),
        ended.c.ended_at,
    )
    columns = ["job_id", "step", "fence", "key", "sha256", "size_bytes", "created_at"]
    return insert(artifacts).from_select(columns, row)


def _make_next_ready(ended: FromClause) -> Update:
    is_next = (steps.c.job_id == only(ended.c.job_id)) & (unindexed(steps.c.name) == bindparam("next_step"))
    return (
        update(steps)
        .where(is_next, unindexed(steps.c.state) == StepState.BLOCKED.value)
        .values(state=StepState.READY.value, ready_at=db_now(), published_at=None, publishes=0)
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step ended badly, and the report on a recording that can't be used."""

    code: str
    message: str
    report: dict[str, Any] | None = None

    @property
    def error(self) -> tuple[str, str]:
        """Code and message."""
        return self.code, self.message


def fail(connection: Connection, lease: Lease, failure: Failure, policy: Policy | None) -> bool:
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
        close_attempt(connection, lease.step_id, lease.fence, Outcome.RETRIED, failure.error)
        record(connection, lease.job_id, "step.retried", lease.step, failure.code)
        return True
    hold(
        connection,
        lease,
        {
            "state": StepState.FAILED,
            "ended_at": db_now(),
            "lease_until": None,
            "error_code": failure.code,
            "error_message": failure.message,
        },
    )
    close_attempt(connection, lease.step_id, lease.fence, Outcome.FAILED, failure.error)
    record(connection, lease.job_id, "step.failed", lease.step, failure.code)
    if end_job(connection, lease.job_id, JobState.FAILED, failure.error) and failure.report is not None:
        connection.execute(update(jobs).where(jobs.c.id == lease.job_id).values(report=failure.report))
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
    values = {"ended_job": job_id, "ended_code": code, "ended_message": message}
    moved = _moving(state).run(connection, values)
    if moved is not None and moved.is_heard:
        tell_job_ended(connection, job_id)
    if moved is not None and moved.is_of_batch:
        note_job_ended(connection, job_id)
    return moved is not None


@cache
def _moving(state: JobState) -> Cascade:
    first = (
        update(jobs)
        .where(jobs.c.id == bindparam("ended_job"), is_one_of(unindexed(jobs.c.state), sources_of(state)))
        .values(
            state=state.value,
            ended_at=db_now(),
            error_code=bindparam("ended_code"),
            error_message=bindparam("ended_message"),
        )
    )

    def follow(moved: FromClause) -> list[Insert]:
        event = select(moved.c.id, moved.c.ended_at, literal(f"job.{state}"), moved.c.error_code)
        told = insert(events).from_select(["job_id", "at", "kind", "reason"], event)
        return [told, counted(moved)] if state is JobState.COMPLETED else [told]

    def answer(moved: FromClause) -> Select[Any]:
        facts: list[ColumnElement[Any]] = [
            wants_to_know(moved).label("is_heard"),
            is_of_batch(moved).label("is_of_batch"),
        ]
        return select(*facts)

    return Cascade(first, follow, answer)


def _ready_again() -> dict[str, object]:
    return {
        "state": StepState.READY,
        "lease_until": None,
        "claim_token": None,
        "progress": 0.0,
        "published_at": None,
        "publishes": 0,
    }
