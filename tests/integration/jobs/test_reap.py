"""What was lost comes back: steps without a heartbeat, steps past their deadline, messages that never arrived."""

from collections.abc import Callable

from sqlalchemy import update

from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job, result_of
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import jobs as jobs_table
from workers.db.tables import steps
from workers.jobs import Jobs, Lease, reap
from workers.jobs.reap import Ready
from workers.states import JobState, StepState

Claim = Callable[..., Lease]


def rewrite(database: Database, job_id: str, **values: object) -> None:
    """Age the running or ready steps of a job, as if time had passed."""
    database.run(
        lambda connection: connection.execute(
            update(steps)
            .where(steps.c.job_id == job_id, steps.c.state.in_((StepState.RUNNING, StepState.READY)))
            .values(**values)
        )
    )


def test_a_step_whose_worker_is_silent_becomes_ready_again(jobs: Jobs, database: Database, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    claimed(Step.PREPROCESS, job_id)
    assert jobs.reap() == []
    rewrite(database, job_id, lease_until=db_now() - 1)
    assert len(jobs.reap()) == 1
    assert jobs.reap() == []
    assert jobs.status(job_id).steps[0].state is StepState.READY
    assert "step.lost" in [event.kind for event in jobs.events_after(job_id)]


def test_what_was_lost_goes_before_the_backlog_whose_messages_come_before_its_own(
    jobs: Jobs, database: Database, claimed: Claim
) -> None:
    backlog = [jobs.create(new_job()) for _ in range(2)]
    lost = jobs.create(new_job())
    claimed(Step.PREPROCESS, lost)
    rewrite(database, lost, lease_until=db_now() - 1)
    # Handed in last, and yet it need not wait for the others.
    jobs.reap()
    taken = [jobs.claim(Step.PREPROCESS, named, "worker") for named in (*backlog, lost)]
    assert [lease.job_id for lease in taken if lease is not None] == [lost, *reversed(backlog)]


def test_a_step_past_its_deadline_is_taken_back_though_its_heart_beats(
    jobs: Jobs, database: Database, claimed: Claim
) -> None:
    job_id = jobs.create(new_job())
    held = claimed(Step.PREPROCESS, job_id)
    jobs.heartbeat(held, 0.1)
    rewrite(database, job_id, deadline_at=db_now() - 1)
    assert len(jobs.reap()) == 1


def test_a_step_that_crashes_three_workers_is_quarantined_and_fails_its_job(
    jobs: Jobs, database: Database, claimed: Claim
) -> None:
    job_id = jobs.create(new_job())
    for crash in range(3):
        claimed(Step.PREPROCESS, job_id)
        rewrite(database, job_id, lease_until=db_now() - 1)
        assert len(jobs.reap()) == (1 if crash < 2 else 0)
    job = jobs.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "QUARANTINED")
    assert job.steps[0].state is StepState.QUARANTINED
    assert jobs.claim(Step.PREPROCESS, job_id, "worker-1") is None


def test_two_reapers_that_see_the_same_lost_step_take_it_back_once(
    jobs: Jobs, database: Database, claimed: Claim
) -> None:
    job_id = jobs.create(new_job())
    held = claimed(Step.PREPROCESS, job_id)
    rewrite(database, job_id, lease_until=db_now() - 1)
    lost = reap.Lost(held.step_id, held.fence, holder_is_gone=False)
    taken = [database.run(lambda connection: reap.take_back(connection, lost, jobs.policy)) for _ in range(2)]
    assert taken == [Ready(job_id, Step.PREPROCESS), None]


def test_a_job_past_its_time_expires_and_its_worker_is_fenced_off(
    jobs: Jobs, database: Database, claimed: Claim
) -> None:
    job_id = jobs.create(new_job(expires_in_s=3600))
    lasting = jobs.create(new_job(expires_in_s=3600))
    claimed(Step.PREPROCESS, job_id)
    database.run(
        lambda connection: connection.execute(
            update(jobs_table).where(jobs_table.c.id == job_id).values(expires_at=db_now() - 1)
        )
    )
    assert jobs.expire() == 1
    assert jobs.status(job_id).state is JobState.EXPIRED
    assert jobs.status(job_id).steps[0].state is StepState.CANCELED
    assert jobs.status(lasting).state is JobState.QUEUED


def test_a_ready_step_is_announced_again_only_when_a_message_should_long_have_come(
    jobs: Jobs, database: Database
) -> None:
    job_id = jobs.create(new_job())
    assert jobs.unannounced(30, ()) == []
    rewrite(database, job_id, ready_at=db_now() - 31)
    assert jobs.unannounced(30, ()) == [Ready(job_id, Step.PREPROCESS)]
    jobs.mark_announced(Ready(job_id, Step.PREPROCESS))
    assert jobs.unannounced(30, ()) == []
    # The wait doubles with each announcement.
    rewrite(database, job_id, published_at=db_now() - 31)
    assert jobs.unannounced(30, ()) == []
    rewrite(database, job_id, published_at=db_now() - 61)
    assert jobs.unannounced(30, ()) == [Ready(job_id, Step.PREPROCESS)]


def test_a_ready_step_with_an_empty_queue_is_announced_after_a_second(jobs: Jobs, database: Database) -> None:
    job_id = jobs.create(new_job())
    assert jobs.unannounced(30, STEPS) == []
    rewrite(database, job_id, ready_at=db_now() - 1.5)
    assert jobs.unannounced(30, STEPS) == [Ready(job_id, Step.PREPROCESS)]
    assert jobs.unannounced(30, (Step.DECODE,)) == []


def test_a_step_that_backs_off_is_not_announced(jobs: Jobs, database: Database) -> None:
    job_id = jobs.create(new_job())
    rewrite(database, job_id, ready_at=db_now() + 60, published_at=db_now() - 600)
    assert jobs.unannounced(30, STEPS) == []


def test_the_counts_say_where_the_work_is(jobs: Jobs, claimed: Claim) -> None:
    first = jobs.create(new_job())
    jobs.create(new_job())
    held = claimed(Step.PREPROCESS, first)
    assert jobs.counts()["preprocess"] == {"running": 1, "ready": 1}
    jobs.finish(held, result_of(held))
    assert jobs.counts()["features"] == {"ready": 1, "blocked": 1}


def test_a_step_whose_worker_is_known_to_have_ended_is_taken_back_at_once(jobs: Jobs, claimed: Claim) -> None:
    first, second = jobs.create(new_job()), jobs.create(new_job())
    claimed(Step.PREPROCESS, first, "dead")
    claimed(Step.PREPROCESS, second, "alive")
    assert jobs.holders() == {"dead", "alive"}
    assert jobs.reap(["dead"]) == [Ready(first, Step.PREPROCESS)]
    assert jobs.holders() == {"alive"}


def test_a_step_that_was_lost_goes_before_those_that_became_ready_later(
    jobs: Jobs, database: Database, claimed: Callable[..., Lease]
) -> None:
    first = jobs.create(new_job())
    claimed(Step.PREPROCESS, first)
    later = jobs.create(new_job())
    database.run(
        lambda connection: connection.execute(
            update(steps).where(steps.c.state == StepState.RUNNING).values(lease_until=db_now() - 1)
        )
    )
    assert [ready.job_id for ready in jobs.reap()] == [first]
    assert [claimed(Step.PREPROCESS, "whoever's message it was").job_id for _ in range(2)] == [first, later]
