"""The database's clock, the only one that decides, jumps an hour, forward or back (row 26 of docs/faults.md)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import make_url

from pipeline.errors import ResourceBusy
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db import migrate
from workers.db.session import Database
from workers.errors import Fenced
from workers.jobs import Jobs
from workers.states import JobState, StepState

# A function of our own stands before the system's of the same name, which every statement calls.
CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.shift AS SELECT 0.0::double precision AS seconds;
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + make_interval(secs => (SELECT seconds FROM clock.shift))';
ALTER DATABASE {name} SET search_path = clock, pg_catalog, public;
"""


@pytest.fixture
def jobs(postgresql_url: str) -> Iterator[Jobs]:
    before = Database(postgresql_url)
    migrate.upgrade(before)
    before.run(lambda connection: connection.exec_driver_sql(CLOCK.format(name=make_url(postgresql_url).database)))
    before.dispose()
    database = Database(postgresql_url)
    yield Jobs(database, POLICY)
    database.dispose()


def jump(jobs: Jobs, seconds: float) -> None:
    jobs.database.run(lambda connection: connection.exec_driver_sql(f"UPDATE clock.shift SET seconds = {seconds}"))


def test_every_lease_is_over_at_once_and_every_job_ends_once_all_the_same(jobs: Jobs) -> None:
    ids = [jobs.create(new_job()) for _ in range(2)]
    early = [jobs.claim(Step.PREPROCESS, job_id, "worker-1") for job_id in ids]
    assert jobs.reap() == []
    jump(jobs, 3600)
    assert {ready.job_id for ready in jobs.reap()} == set(ids)
    assert jobs.reap() == []
    for lease in early:
        assert lease is not None
        with pytest.raises(Fenced):
            jobs.finish(lease, result_of(lease))
    for step in STEPS:
        for job_id in ids:
            lease = jobs.claim(step, job_id, "worker-2")
            assert lease is not None
            jobs.heartbeat(lease, 0.5)
            jobs.finish(lease, result_of(lease))
    done = [jobs.status(job_id) for job_id in ids]
    assert [job.state for job in done] == [JobState.COMPLETED] * 2
    assert [[step.attempt for step in job.steps] for job in done] == [[2, 1, 1, 1, 1]] * 2


def test_a_clock_that_is_put_back_holds_up_no_step_and_no_worker_for_longer_than_a_lease(jobs: Jobs) -> None:
    ids = [jobs.create(new_job()) for _ in range(3)]
    held, dead = (jobs.claim(Step.PREPROCESS, ids[0], f"worker-{each}") for each in (1, 2))
    assert held is not None
    assert dead is not None
    assert jobs.settle_clock() == 0
    jump(jobs, -3600)
    # The one that waits, the two that run.
    assert jobs.settle_clock() == 3
    assert jobs.settle_clock() == 0
    waiting = jobs.claim(Step.PREPROCESS, ids[2], "worker-3")
    assert waiting is not None
    assert waiting.job_id not in {held.job_id, dead.job_id}
    assert jobs.reap() == []
    # Another lease from now: who lives says so, and is told from who is dead.
    jump(jobs, -3600 + 0.9 * POLICY.lease_s)
    jobs.heartbeat(held, 0.5)
    jobs.heartbeat(waiting, 0.5)
    jump(jobs, -3600 + 1.2 * POLICY.lease_s)
    assert [ready.job_id for ready in jobs.reap()] == [dead.job_id]
    jobs.finish(held, result_of(held))
    assert jobs.status(held.job_id).steps[0].state is StepState.DONE


def test_a_step_that_backs_off_is_left_to_it_by_a_clock_that_was_not_put_back(jobs: Jobs) -> None:
    patient = Jobs(jobs.database, replace(POLICY, retry_base_s=3600.0))
    lease = patient.claim(Step.PREPROCESS, patient.create(new_job()), "worker-1")
    assert lease is not None
    assert patient.fail(lease, ResourceBusy("for the moment"))
    assert patient.settle_clock() == 0
    assert patient.claim(Step.PREPROCESS, lease.job_id, "worker-2") is None
