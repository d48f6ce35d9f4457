"""The database's clock, the only one that decides, jumps an hour (row 26 of docs/faults.md)."""

from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db import migrate
from workers.db.session import Database
from workers.errors import Fenced
from workers.jobs import Jobs
from workers.states import JobState

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
