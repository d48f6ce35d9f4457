"""Claim a step: the one that should run next, with all that its worker needs to know."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    FromClause,
    Insert,
    Row,
    ScalarSelect,
    Select,
    Text,
    Update,
    bindparam,
    case,
    func,
    insert,
    literal,
    select,
    type_coerce,
    update,
)

from pipeline.options import JobOptions
from pipeline.stages import STEPS, Step
from workers.db.base import db_now
from workers.db.tables import artifacts, attempts, events, jobs, steps
from workers.jobs.cascade import Cascade, is_one_of, only, unindexed
from workers.jobs.values import SOURCE, ArtifactRef, Lease, Policy
from workers.states import JobState, StepState, sources_of


@dataclass(frozen=True, slots=True)
class Claim:
    """A request for a step of this kind, at best of `job_id`. `token` finds the claim again after a lost commit."""

    step: Step
    job_id: str
    worker: str
    token: str


class Claiming:
    """The transaction that claims: the first call takes a step, one that repeats it finds what the first has taken."""

    __name__ = "claim"

    def __init__(self, wanted: Claim, policy: Policy) -> None:
        self._wanted = wanted
        self._policy = policy
        self._is_repeated = False

    def __call__(self, connection: Connection) -> Lease | None:
        """Take the ready step of this kind that should run next; None when there is none.

        Order: priority, then the tenant with the fewest running steps, then what was begun before, then the job that
        the message named, then age.
        """
        wanted, policy = self._wanted, self._policy
        maker = {"input_maker": maker_of_input(wanted.step)}
        if self._is_repeated:
            held = connection.execute(_claimed(), {**maker, "token": wanted.token}).first()
            if held is not None:
                return _lease(wanted, held)
        self._is_repeated = True
        taken = _claiming().run(
            connection,
            {
                **maker,
                "wanted_step": wanted.step.value,
                "wanted_job": wanted.job_id,
                "claimant": wanted.worker,
                "token": wanted.token,
                "lease_s": policy.lease_s,
                "step_deadline_s": policy.step_deadline_s,
            },
        )
        return None if taken is None else _lease(wanted, taken)


def maker_of_input(step: Step) -> str:
    """What leaves the artifact that `step` reads: the step before it, or whoever handed in the recording."""
    position = STEPS.index(step)
    return STEPS[position - 1].value if position else SOURCE


def _lease(wanted: Claim, row: Row[Any]) -> Lease:
    return Lease(
        job_id=row.job_id,
        step_id=row.id,
        step=wanted.step,
        fence=row.fence,
        worker=row.worker,
        options=_options(row.options),
        input=ArtifactRef(row.input_key, row.input_sha256, row.input_bytes),
        source=ArtifactRef(row.source_key, row.source_sha256, row.source_bytes),
    )


@lru_cache(maxsize=64)
def _options(text: str) -> JobOptions:
    # Most jobs have the options of the one before, and what is frozen can be shared.
    return JobOptions.model_validate_json(text)


@cache
def _claiming() -> Cascade:
    now = db_now()
    first = (
        update(steps)
        .where(steps.c.id == _next_ready(), unindexed(steps.c.state) == StepState.READY.value)
        .values(
            state=StepState.RUNNING.value,
            fence=steps.c.fence + 1,
            attempts=steps.c.attempts + 1,
            claim_token=bindparam("token"),
            worker=bindparam("claimant"),
            progress=0.0,
            started_at=now,
            ended_at=None,
            lease_until=now + bindparam("lease_s", type_=steps.c.lease_until.type),
            deadline_at=now + bindparam("step_deadline_s", type_=steps.c.deadline_at.type),
        )
    )
    return Cascade(first, _write_down, _what_a_lease_needs)


@cache
def _claimed() -> Select[Any]:
    mine = (steps.c.state == StepState.RUNNING.value) & (steps.c.claim_token == bindparam("token"))
    return _what_a_lease_needs(select(steps).where(mine).subquery("changed"))


def _next_ready() -> ScalarSelect[int]:
    is_wanted = steps.c.name == bindparam("wanted_step")
    # Counted once. PostgreSQL would count for each step that waits, and a claim in a long queue would cost the more.
    running = (
        select(steps.c.tenant, func.count().label("running"))
        .where(is_wanted, steps.c.state == StepState.RUNNING.value)
        .group_by(steps.c.tenant)
        .cte("running")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return (
        select(steps.c.id)
        .outerjoin(running, running.c.tenant == steps.c.tenant)
        .where(is_wanted, steps.c.state == StepState.READY.value, steps.c.ready_at <= db_now())
        .order_by(
            steps.c.priority.desc(),
            func.coalesce(running.c.running, 0),
            # Its message, if it comes again, stands behind those of all that came since.
            (steps.c.fence > 0).desc(),
            (steps.c.job_id == bindparam("wanted_job")).desc(),
            steps.c.ready_at,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=steps)
        .scalar_subquery()
    )


def _write_down(taken: FromClause) -> tuple[Insert | Update, ...]:
    waited_s = taken.c.started_at - taken.c.ready_at
    attempt = select(
        taken.c.id, taken.c.fence, taken.c.worker, taken.c.started_at, case((waited_s > 0, waited_s), else_=0.0)
    )
    event = select(taken.c.job_id, taken.c.started_at, literal("step.started"), taken.c.name)
    begins = is_one_of(unindexed(jobs.c.state), sources_of(JobState.RUNNING))
    return (
        insert(attempts).from_select(["step_id", "fence", "worker", "started_at", "waited_s"], attempt),
        insert(events).from_select(["job_id", "at", "kind", "step"], event),
        update(jobs)
        .where(jobs.c.id == only(taken.c.job_id), begins)
        .values(state=JobState.RUNNING.value, started_at=func.coalesce(jobs.c.started_at, db_now())),
    )


def _what_a_lease_needs(taken: FromClause) -> Select[Any]:
    given, source = artifacts.alias("given"), artifacts.alias("source")
    return (
        select(
            taken.c.id,
            taken.c.job_id,
            taken.c.fence,
            taken.c.worker,
            type_coerce(jobs.c.options, Text).label("options"),
            given.c.key.label("input_key"),
            given.c.sha256.label("input_sha256"),
            given.c.size_bytes.label("input_bytes"),
            source.c.key.label("source_key"),
            source.c.sha256.label("source_sha256"),
            source.c.size_bytes.label("source_bytes"),
        )
        .join_from(taken, jobs, jobs.c.id == taken.c.job_id)
        .outerjoin(given, given.c.id == _newest(taken, bindparam("input_maker")))
        .outerjoin(source, source.c.id == _newest(taken, literal(SOURCE)))
    )


def _newest(taken: FromClause, maker: Any) -> ScalarSelect[int]:
    """The newest artifact that `maker` (a step, or the source) left for this job."""
    made = artifacts.alias()
    return (
        select(made.c.id)
        .where(made.c.job_id == only(taken.c.job_id), made.c.step == maker)
        .order_by(made.c.fence.desc())
        .limit(1)
        .scalar_subquery()
    )
