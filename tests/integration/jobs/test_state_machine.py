"""Two workers, a reaper and callers in any order, with commits in doubt: what must hold holds after every act.

Hypothesis chooses the acts. A model of a few lines beside the database knows who holds what; the database must agree.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select, update

from pipeline.errors import CorruptHeader, OutOfMemory
from pipeline.options import RedecodeOptions
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job, result_of
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import attempts, jobs, steps, transcripts
from workers.errors import Fenced, JobDeleted, JobNotFound, NotAllowedInState, QuotaExceeded
from workers.jobs import Jobs, Keep, Lease, Policy, reap
from workers.jobs.admission import Gate, Limits
from workers.jobs.redecode import redecode
from workers.states import FINAL_JOB_STATES, JobState, StepState

# Longer than any example takes on a busy machine: only the rules below say when a lease is over.
POLICY = Policy(lease_s=1e6, step_deadline_s=1e6, max_crashes=3, max_retries=2, retry_base_s=1e-6)
WORKERS = strategies.sampled_from(["worker-1", "worker-2"])
KINDS = strategies.sampled_from(STEPS)
TENANT_JOBS = 3


class Queue(RuleBasedStateMachine):
    """Acts on the job service, and who holds what according to the rules."""

    database: Database

    job_ids = Bundle("job_ids")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.jobs = Jobs(self.database, POLICY, Gate(Limits(tenant_jobs=TENANT_JOBS)))
        self.owners: dict[str, str] = {}
        self.holders: dict[int, int] = {}
        self.fences: dict[int, int] = {}
        self.accepted: set[tuple[int, int]] = set()
        self.completions: dict[str, int] = {}
        self.deleted: set[str] = set()

    @initialize()
    def empty_the_database(self) -> None:
        self.database.run(lambda connection: connection.execute(delete(jobs)))

    def holds(self, lease: Lease) -> bool:
        return self.holders.get(lease.step_id) == lease.fence

    @contextmanager
    def fenced_unless_held(self, lease: Lease) -> Iterator[None]:
        """The act inside succeeds for the holder, and raises Fenced for anyone else."""
        if self.holds(lease):
            yield
        else:
            with pytest.raises(Fenced):
                yield

    def forget_job(self, job_id: str) -> None:
        """Nobody holds a step of a job that has been stopped."""
        with self.database.read() as connection:
            for step_id in connection.execute(select(steps.c.id).where(steps.c.job_id == job_id)).scalars():
                self.holders.pop(step_id, None)

    @rule(target=job_ids, tenant=strategies.sampled_from(["one", "two"]), priority=strategies.integers(0, 1))
    def hand_in(self, tenant: str, priority: int) -> object:
        """Taken while the tenant has fewer jobs in flight than it may, and then not taken twice; else not written."""
        job = new_job(tenant=tenant, priority=priority, idempotency_key=f"{len(self.owners)}")
        in_flight = sum(self.owners[each.id] == tenant and not each.is_final for each in self.jobs.recent())
        if in_flight >= TENANT_JOBS:
            with pytest.raises(QuotaExceeded):
                self.jobs.create(job)
            with pytest.raises(JobNotFound):
                self.jobs.status(job.id)
            return multiple()
        job_id = self.jobs.create(job)
        assert self.jobs.create(job) == job_id
        self.owners[job_id] = tenant
        return job_id

    @rule(target=leases, job_id=job_ids, worker=WORKERS)
    def claim_what_is_ready(self, job_id: str, worker: str) -> object:
        """A message for the ready step of a job; another job of higher rank may be served instead."""
        ready = [step.name for step in self.jobs.status(job_id).steps if step.state is StepState.READY]
        lease = self.claimed(ready[0], job_id, worker) if ready else None
        assert (lease is None) is (not ready)
        return multiple() if lease is None else lease

    @rule(target=leases, step=KINDS, job_id=job_ids, worker=WORKERS)
    def claim_for_any_message(self, step: Step, job_id: str, worker: str) -> object:
        """A message that is late, doubled, or for a step that is not ready."""
        lease = self.claimed(step, job_id, worker)
        return multiple() if lease is None else lease

    def claimed(self, step: Step, job_id: str, worker: str) -> Lease | None:
        lease = self.jobs.claim(step, job_id, worker)
        if lease is None:
            return None
        assert lease.step is step
        assert lease.step_id not in self.holders
        assert lease.fence > self.fences.get(lease.step_id, 0)
        self.holders[lease.step_id] = self.fences[lease.step_id] = lease.fence
        return lease

    @rule(job_id=job_ids, worker=WORKERS, count=strategies.integers(1, len(STEPS)))
    def work_on(self, job_id: str, worker: str, count: int) -> None:
        """Everything goes well for a while."""
        for _ in range(count):
            for step in STEPS:
                lease = self.claimed(step, job_id, worker)
                if lease is not None:
                    self.finish(lease, in_doubt=False)

    @rule(lease=leases, share=strategies.floats(0, 1))
    def heartbeat(self, lease: Lease, share: float) -> None:
        with self.fenced_unless_held(lease):
            self.jobs.heartbeat(lease, share)

    @rule(lease=consumes(leases), in_doubt=strategies.booleans())
    def finish(self, lease: Lease, in_doubt: bool) -> None:
        held = self.holds(lease)
        with self.fenced_unless_held(lease):
            self.jobs.finish(lease, result_of(lease))
            if in_doubt:
                self.jobs.finish(lease, result_of(lease))
        if held:
            del self.holders[lease.step_id]
            assert (lease.step_id, lease.fence) not in self.accepted
            self.accepted.add((lease.step_id, lease.fence))
            if lease.step is STEPS[-1]:
                self.completions[lease.job_id] = self.completions.get(lease.job_id, 0) + 1

    @rule(lease=consumes(leases))
    def fail_on_bad_input(self, lease: Lease) -> None:
        held = self.holds(lease)
        with self.fenced_unless_held(lease):
            assert self.jobs.fail(lease, CorruptHeader()) is False
        if held:
            del self.holders[lease.step_id]
            assert self.jobs.status(lease.job_id).state is JobState.FAILED

    @rule(lease=consumes(leases))
    def fail_for_the_moment(self, lease: Lease) -> None:
        held = self.holds(lease)
        with self.fenced_unless_held(lease):
            will_retry = self.jobs.fail(lease, OutOfMemory())
        if held:
            del self.holders[lease.step_id]
            expected = JobState.RUNNING if will_retry else JobState.FAILED
            assert self.jobs.status(lease.job_id).state is expected

    @rule(lease=consumes(leases))
    def give_back(self, lease: Lease) -> None:
        with self.fenced_unless_held(lease):
            self.jobs.give_back(lease)
        if self.holds(lease):
            del self.holders[lease.step_id]

    @rule(lease=consumes(leases))
    def lose_the_input(self, lease: Lease) -> None:
        """What the step before left is gone: that step runs again, once a job's try, and this one waits."""
        held = self.holds(lease)
        with self.fenced_unless_held(lease):
            maker = self.jobs.remake_input(lease, OutOfMemory())
            assert maker is None or self.jobs.remake_input(lease, OutOfMemory()) is maker
            if maker is None:
                self.jobs.give_back(lease)
        if held:
            del self.holders[lease.step_id]
            states = {step.name: step.state for step in self.jobs.status(lease.job_id).steps}
            assert states[maker or lease.step] is StepState.READY
            assert maker is None or states[lease.step] is StepState.BLOCKED

    @rule(job_id=job_ids)
    def delete(self, job_id: str) -> None:
        receipt = self.jobs.delete(job_id)
        assert self.jobs.delete(job_id) == receipt
        self.forget_job(job_id)
        self.completions.pop(job_id, None)
        self.deleted.add(job_id)
        assert self.jobs.status(job_id).is_final

    @rule(days=strategies.sampled_from([0, 1]))
    def let_data_go(self, days: float) -> None:
        """The collector comes by; a job of no days' keeping may still be retried from its recording."""
        time.sleep(0.002)
        for receipt in self.jobs.remove_due(Keep(features_days=days, emissions_days=days)):
            assert days == 0
            assert self.jobs.status(receipt.job_id).is_final

    @rule(lease=leases)
    def lose(self, lease: Lease) -> None:
        """The holder falls silent for longer than its lease; the reaper comes by twice."""
        self.database.run(
            lambda connection: connection.execute(
                update(steps)
                .where(steps.c.id == lease.step_id, steps.c.fence == lease.fence, steps.c.state == StepState.RUNNING)
                .values(lease_until=db_now() - 1)
            )
        )
        taken = self.jobs.reap()
        assert len(taken) <= self.holds(lease)
        assert self.jobs.reap() == []
        if self.holds(lease):
            del self.holders[lease.step_id]

    @rule(lease=leases)
    def reap_with_old_news(self, lease: Lease) -> None:
        """A second reaper acts on what it read a while ago: the step has been heard of since, or is another's."""
        lost = reap.Lost(lease.step_id, lease.fence, holder_is_gone=False)
        assert self.database.run(partial(reap.take_back, lost=lost, policy=POLICY)) is None

    @rule(job_id=job_ids)
    def cancel(self, job_id: str) -> None:
        was_final = self.jobs.status(job_id).is_final
        assert self.jobs.cancel(job_id) is not was_final
        if not was_final:
            self.forget_job(job_id)
            assert self.jobs.status(job_id).state is JobState.CANCELED

    @rule(job_id=job_ids, from_step=strategies.none() | KINDS)
    def retry(self, job_id: str, from_step: Step | None) -> None:
        before = self.jobs.status(job_id)
        try:
            start = self.jobs.retry(job_id, from_step)
        except JobDeleted:
            assert job_id in self.deleted
            return
        except NotAllowedInState:
            undone = [step.name for step in before.steps if step.state is not StepState.DONE]
            assert not before.is_final or STEPS.index(from_step or STEPS[0]) > STEPS.index(undone[0])
            return
        assert before.is_final
        assert job_id not in self.deleted
        after = self.jobs.status(job_id)
        assert after.state is JobState.QUEUED
        assert after.steps[STEPS.index(start)].state is StepState.READY

    @rule(job_id=job_ids, hotword=strategies.sampled_from(["Acme", "Zyrtec"]), in_doubt=strategies.booleans())
    def decode_again(self, job_id: str, hotword: str, in_doubt: bool) -> None:
        before = self.jobs.status(job_id)
        ask = partial(redecode, job_id=job_id, options=RedecodeOptions(hotwords=(hotword,)), token=str(uuid4()))
        try:
            version = self.database.run(ask)
        except JobDeleted:
            assert job_id in self.deleted
            return
        except NotAllowedInState:
            undone = [step.name for step in before.steps[:3] if step.state is not StepState.DONE]
            assert not before.is_final or undone or before.state is JobState.EXPIRED
            return
        if in_doubt:
            assert self.database.run(ask) == version
        assert version == before.version + (before.state is JobState.COMPLETED)
        # From decode, or from where what decode reads is made anew.
        assert StepState.READY in [step.state for step in self.jobs.status(job_id).steps[:4]]

    @rule()
    def reap_what_is_not_lost(self) -> None:
        assert self.jobs.reap() == []

    @invariant()
    def running_steps_are_those_that_someone_holds(self) -> None:
        with self.database.read() as connection:
            rows = connection.execute(select(steps.c.id, steps.c.fence).where(steps.c.state == StepState.RUNNING))
            assert {row.id: row.fence for row in rows} == self.holders

    @invariant()
    def steps_of_a_job_are_done_in_order_and_one_at_a_time(self) -> None:
        for job in self.jobs.recent():
            states = [step.state for step in job.steps]
            done = len(list(takewhile(lambda state: state is StepState.DONE, states)))
            assert StepState.DONE not in states[done:]
            active = [state for state in states if state in (StepState.READY, StepState.RUNNING)]
            if job.state in FINAL_JOB_STATES:
                assert active == []
            else:
                assert len(active) == 1
                assert states[done] in (StepState.READY, StepState.RUNNING)

    @invariant()
    def a_job_is_completed_exactly_when_its_transcript_is_there(self) -> None:
        with self.database.read() as connection:
            counted = connection.execute(
                select(transcripts.c.job_id, func.count(), func.max(transcripts.c.version)).group_by(
                    transcripts.c.job_id
                )
            ).all()
        assert {job_id: count for job_id, count, _ in counted} == self.completions
        versions = {job_id: version for job_id, _, version in counted}
        for job in self.jobs.recent():
            if job.state is JobState.COMPLETED and job.id not in self.deleted:
                assert versions[job.id] == job.version

    @precondition(lambda self: self.holders)
    @invariant()
    def every_open_attempt_belongs_to_a_holder(self) -> None:
        with self.database.read() as connection:
            rows = connection.execute(select(attempts.c.step_id, attempts.c.fence).where(attempts.c.outcome.is_(None)))
            assert {row.step_id: row.fence for row in rows} == self.holders


@pytest.mark.timeout(600)
def test_no_order_of_acts_breaks_the_queue(database: Database) -> None:
    machine = type("QueueOnThisDatabase", (Queue,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
