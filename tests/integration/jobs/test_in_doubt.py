"""The connection breaks behind the commit, so that nobody knows whether it was made (row 20).

Each transaction function is repeated, changes nothing twice and gives the same answer, on SQLite and on PostgreSQL.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from pipeline.errors import CorruptHeader, OutOfMemory
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import attempts, events, jobs, steps, transcripts
from workers.failpoints import failpoints
from workers.jobs import Jobs, Lease
from workers.states import JobState, Outcome, StepState


@pytest.fixture
def doubted(empty_database_url: str, database: Database, tmp_path: Path) -> Iterator[Callable[[str], Jobs]]:
    """Jobs of the same database, where the first commit of one kind of transaction is in doubt."""
    made: list[Database] = []

    def make(act: str) -> Jobs:
        reach = failpoints(f"transaction.after_commit@{act}:cut", tmp_path / act)
        made.append(Database(empty_database_url, reach=reach))
        return Jobs(made[-1], POLICY)

    yield make
    for each in made:
        each.dispose()
    # A failpoint that never fired proves nothing.
    assert len(list(tmp_path.glob("*/failpoints/*"))) == len(made)


def count(database: Database, kind: str) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).where(events.c.kind == kind)).scalar_one()


def outcomes(database: Database) -> list[str | None]:
    with database.read() as connection:
        return list(connection.execute(select(attempts.c.outcome).order_by(attempts.c.id)).scalars())


def test_a_job_is_made_once(doubted: Callable[[str], Jobs], database: Database) -> None:
    job = new_job()
    assert doubted("create").create(job) == job.id
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(jobs)).scalar_one() == 1
        assert connection.execute(select(func.count()).select_from(steps)).scalar_one() == len(STEPS)
    assert count(database, "job.queued") == 1


def test_a_claim_is_one_attempt(doubted: Callable[[str], Jobs], jobs: Jobs, database: Database) -> None:
    job_id = jobs.create(new_job())
    lease = doubted("claim").claim(Step.PREPROCESS, job_id, "worker-1")
    assert lease is not None
    assert lease.fence == 1
    assert outcomes(database) == [None]


def test_a_heartbeat_holds_the_step(doubted: Callable[[str], Jobs], jobs: Jobs, claimed: Callable[..., Lease]) -> None:
    job_id = jobs.create(new_job())
    held = claimed(Step.PREPROCESS, job_id)
    doubted("heartbeat").heartbeat(held, 0.5)
    assert jobs.status(job_id).steps[0].progress == 0.5


def test_a_job_is_completed_once(
    doubted: Callable[[str], Jobs],
    jobs: Jobs,
    database: Database,
    claimed: Callable[..., Lease],
    run_until: Callable[..., None],
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id, STEPS[-1])
    held = claimed(STEPS[-1], job_id)
    doubted("finish").finish(held, result_of(held))
    assert jobs.status(job_id).state is JobState.COMPLETED
    assert [count(database, "job.completed"), count(database, "step.done")] == [1, 5]
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(transcripts)).scalar_one() == 1


def test_an_error_that_may_pass_costs_one_retry_and_is_said_to_be_retried(
    doubted: Callable[[str], Jobs], jobs: Jobs, database: Database, claimed: Callable[..., Lease]
) -> None:
    held = claimed(Step.PREPROCESS, jobs.create(new_job()))
    assert doubted("fail").fail(held, OutOfMemory()) is True
    assert outcomes(database) == [Outcome.RETRIED]
    with database.read() as connection:
        assert connection.execute(select(steps.c.retries).where(steps.c.id == held.step_id)).scalar_one() == 1


def test_an_error_for_good_ends_the_job_once(
    doubted: Callable[[str], Jobs], jobs: Jobs, database: Database, claimed: Callable[..., Lease]
) -> None:
    job_id = jobs.create(new_job())
    assert doubted("fail").fail(claimed(Step.PREPROCESS, job_id), CorruptHeader()) is False
    assert jobs.status(job_id).error_code == "CORRUPT_HEADER"
    assert count(database, "job.failed") == 1


def test_a_step_is_given_back_once(
    doubted: Callable[[str], Jobs], jobs: Jobs, database: Database, claimed: Callable[..., Lease]
) -> None:
    job_id = jobs.create(new_job())
    doubted("give_back").give_back(claimed(Step.PREPROCESS, job_id))
    assert jobs.status(job_id).steps[0].state is StepState.READY
    assert outcomes(database) == [Outcome.RETURNED]


def test_a_lost_step_counts_as_one_crash(
    doubted: Callable[[str], Jobs], jobs: Jobs, database: Database, claimed: Callable[..., Lease]
) -> None:
    held = claimed(Step.PREPROCESS, jobs.create(new_job()))
    database.run(lambda connection: connection.execute(update(steps).values(lease_until=db_now() - 1)))
    doubted("take_back").reap()
    with database.read() as connection:
        row = connection.execute(select(steps.c.crashes, steps.c.state).where(steps.c.id == held.step_id)).one()
    assert (row.crashes, row.state) == (1, StepState.READY)
    assert outcomes(database) == [Outcome.LOST]


def test_who_cancels_is_told_that_it_was_canceled(
    doubted: Callable[[str], Jobs], jobs: Jobs, database: Database
) -> None:
    job_id = jobs.create(new_job())
    assert doubted("cancel").cancel(job_id) is True
    assert count(database, "job.canceled") == 1
    assert jobs.cancel(job_id) is False


def test_a_completed_job_that_is_tried_again_makes_one_new_version(
    doubted: Callable[[str], Jobs], jobs: Jobs, database: Database, run_until: Callable[..., None]
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id)
    assert doubted("retry").retry(job_id, Step.DECODE) is Step.DECODE
    job = jobs.status(job_id)
    assert (job.state, job.version) == (JobState.QUEUED, 2)
    assert count(database, "job.retried") == 1


def test_a_job_past_its_time_expires_once(doubted: Callable[[str], Jobs], jobs: Jobs, database: Database) -> None:
    job_id = jobs.create(new_job(expires_in_s=0.001))
    doubted("expire").expire()
    assert jobs.status(job_id).state is JobState.EXPIRED
    assert count(database, "job.expired") == 1
