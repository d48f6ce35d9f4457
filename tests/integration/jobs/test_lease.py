"""Claim, heartbeat, finish, fail, give back: on SQLite and on PostgreSQL."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict

import pytest
from sqlalchemy import select, update

from pipeline.errors import CorruptHeader, OutOfMemory
from pipeline.preflight import Finding, Severity, Unusable
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job, result_of, transcript
from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import attempts, segments, steps, transcripts, words
from workers.errors import Fenced
from workers.jobs import Jobs, Lease
from workers.jobs.claims import Claim, Claiming
from workers.jobs.results import Result
from workers.states import JobState, Outcome, StepState

Take = Callable[..., Lease]


def expire_lease(database: Database, lease: Lease) -> None:
    database.run(
        lambda connection: connection.execute(
            update(steps).where(steps.c.id == lease.step_id).values(lease_until=db_now() - 1)
        )
    )


def test_a_new_job_has_its_first_step_ready_and_the_others_blocked(jobs: Jobs) -> None:
    job = jobs.status(jobs.create(new_job()))
    assert [step.name for step in job.steps] == list(STEPS)
    assert [step.state for step in job.steps] == [StepState.READY] + [StepState.BLOCKED] * 4
    assert job.state is JobState.QUEUED
    assert job.progress == 0.0


def test_five_finished_steps_make_one_transcript_and_a_completed_job(
    jobs: Jobs, database: Database, run_until: Callable[..., None]
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id)
    job = jobs.status(job_id)
    assert job.state is JobState.COMPLETED
    assert job.progress == 1.0
    assert job.duration_s == 1.5
    assert '"hello there"' in jobs.document(job_id)
    with database.read() as connection:
        rows = connection.execute(select(words.c.text, words.c.start_s)).all()
        assert [(row.text, row.start_s) for row in rows] == [("hello", 0.0), ("there", 0.5)]
        assert connection.execute(select(segments.c.role)).scalars().all() == ["agent"]


def test_each_step_is_given_what_the_step_before_left(jobs: Jobs, claimed: Take) -> None:
    job_id = jobs.create(new_job())
    first = claimed(Step.PREPROCESS, job_id)
    assert first.input == first.source
    jobs.finish(first, result_of(first))
    second = claimed(Step.FEATURES, job_id)
    assert second.input.key == f"{job_id}/preprocess.1"


def test_a_step_that_is_not_ready_cannot_be_claimed(jobs: Jobs) -> None:
    job_id = jobs.create(new_job())
    assert jobs.claim(Step.INFERENCE, job_id, "worker-1") is None


def test_twenty_workers_that_claim_at_once_get_one_lease(jobs: Jobs) -> None:
    job_id = jobs.create(new_job())
    leases: list[Lease | None] = []
    barrier = threading.Barrier(20)

    def claim(number: int) -> None:
        barrier.wait()
        leases.append(jobs.claim(Step.PREPROCESS, job_id, f"worker-{number}"))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leases) == 20
    assert sum(lease is not None for lease in leases) == 1


def test_the_higher_priority_goes_first_whatever_the_message_says(jobs: Jobs, claimed: Take) -> None:
    ordinary = jobs.create(new_job())
    urgent = jobs.create(new_job(priority=5))
    assert claimed(Step.PREPROCESS, ordinary).job_id == urgent
    assert claimed(Step.PREPROCESS, urgent).job_id == ordinary


def test_a_tenant_with_a_long_queue_does_not_keep_others_waiting(jobs: Jobs, claimed: Take) -> None:
    crowd = [jobs.create(new_job(tenant="large")) for _ in range(5)]
    claimed(Step.PREPROCESS, crowd[0])
    lone = jobs.create(new_job(tenant="small"))
    assert claimed(Step.PREPROCESS, crowd[1]).job_id == lone


def test_among_equals_the_job_that_the_message_names_goes_first(jobs: Jobs, claimed: Take) -> None:
    jobs.create(new_job())
    named = jobs.create(new_job())
    assert claimed(Step.PREPROCESS, named).job_id == named


def test_a_claim_whose_commit_was_in_doubt_finds_itself_again(jobs: Jobs) -> None:
    job_id = jobs.create(new_job())
    jobs.create(new_job())
    wanted = Claim(Step.PREPROCESS, job_id, "worker-1", token="11111111-1111-1111-1111-111111111111")
    claiming = Claiming(wanted, jobs.policy)
    first = jobs.database.run(claiming)
    again = jobs.database.run(claiming)
    assert first == again
    assert first is not None


def test_a_finish_whose_commit_was_in_doubt_is_repeated_without_effect(
    jobs: Jobs, database: Database, claimed: Take, run_until: Callable[..., None]
) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id, Step.FORMAT)
    held = claimed(Step.FORMAT, job_id)
    jobs.finish(held, Result(transcript=transcript()))
    jobs.finish(held, Result(transcript=transcript("something else")))
    with database.read() as connection:
        assert connection.execute(select(transcripts.c.text)).scalars().all() == ["hello there"]
    assert [event.kind for event in jobs.events_after(job_id)].count("job.completed") == 1


def test_a_heartbeat_extends_the_lease_and_tells_the_progress(jobs: Jobs, database: Database, claimed: Take) -> None:
    job_id = jobs.create(new_job())
    held = claimed(Step.PREPROCESS, job_id)
    expire_lease(database, held)
    jobs.heartbeat(held, 0.5)
    assert jobs.reap() == []
    assert jobs.status(job_id).steps[0].progress == 0.5
    # Of the work on a job, preprocess is an eighth.
    assert jobs.status(job_id).progress == pytest.approx(0.06)


def test_the_old_holder_of_a_lost_step_writes_nothing(jobs: Jobs, database: Database, claimed: Take) -> None:
    job_id = jobs.create(new_job())
    old = claimed(Step.PREPROCESS, job_id, "worker-1")
    expire_lease(database, old)
    assert len(jobs.reap()) == 1
    new = claimed(Step.PREPROCESS, job_id, "worker-2")
    assert new.fence == old.fence + 1
    for write in (
        lambda: jobs.heartbeat(old, 0.9),
        lambda: jobs.finish(old, result_of(old)),
        lambda: jobs.fail(old, CorruptHeader()),
        lambda: jobs.give_back(old),
    ):
        with pytest.raises(Fenced):
            write()
    jobs.finish(new, result_of(new))
    assert jobs.status(job_id).steps[0].state is StepState.DONE


def test_an_error_of_the_input_fails_the_job_with_its_code(jobs: Jobs, claimed: Take) -> None:
    job_id = jobs.create(new_job())
    assert jobs.fail(claimed(Step.PREPROCESS, job_id), CorruptHeader("no data chunk")) is False
    job = jobs.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "CORRUPT_HEADER")
    assert job.steps[0].state is StepState.FAILED
    assert job.error_message == "The header of the file is damaged. (no data chunk)"


def test_the_report_on_a_recording_stays_with_its_job_until_that_is_tried_again(jobs: Jobs, claimed: Take) -> None:
    job_id, error = jobs.create(new_job()), CorruptHeader()
    error.report = Unusable("wav", None, None, None, 0.0, (Finding(error.code, Severity.ERROR, None, "Zoë: again."),))
    jobs.fail(claimed(Step.PREPROCESS, job_id), error)
    assert jobs.status(job_id).report == asdict(error.report) | {"findings": [asdict(error.report.findings[0])]}
    jobs.retry(job_id)
    assert jobs.status(job_id).report is None


def test_a_transient_error_is_tried_again_after_a_back_off_until_the_retries_are_spent(
    jobs: Jobs, claimed: Take
) -> None:
    job_id = jobs.create(new_job())
    for _ in range(jobs.policy.max_retries):
        assert jobs.fail(claimed(Step.PREPROCESS, job_id), OutOfMemory()) is True
        assert jobs.status(job_id).state is JobState.RUNNING
        time.sleep(0.05)
    assert jobs.fail(claimed(Step.PREPROCESS, job_id), OutOfMemory()) is False
    assert jobs.status(job_id).error_code == "OUT_OF_MEMORY"


def test_a_step_that_backs_off_is_not_claimed_before_its_time(jobs: Jobs, claimed: Take) -> None:
    patient = Jobs(jobs.database, jobs.policy.__class__(30, 600, 3, 2, retry_base_s=60))
    job_id = jobs.create(new_job())
    patient.fail(claimed(Step.PREPROCESS, job_id), OutOfMemory())
    assert jobs.claim(Step.PREPROCESS, job_id, "worker-1") is None


def test_a_step_that_is_given_back_is_ready_at_once_and_without_blame(
    jobs: Jobs, database: Database, claimed: Take
) -> None:
    job_id = jobs.create(new_job())
    jobs.give_back(claimed(Step.PREPROCESS, job_id))
    again = claimed(Step.PREPROCESS, job_id)
    with database.read() as connection:
        row = connection.execute(select(steps).where(steps.c.id == again.step_id)).one()
        assert (row.crashes, row.retries) == (0, 0)
        outcomes = connection.execute(select(attempts.c.outcome).order_by(attempts.c.fence)).scalars().all()
    assert outcomes == [Outcome.RETURNED, None]


def test_every_attempt_is_a_row_with_its_worker_its_wait_and_its_outcome(
    jobs: Jobs, database: Database, claimed: Take
) -> None:
    job_id = jobs.create(new_job())
    jobs.fail(claimed(Step.PREPROCESS, job_id, "worker-1"), OutOfMemory())
    time.sleep(0.05)
    held = claimed(Step.PREPROCESS, job_id, "worker-2")
    jobs.finish(held, result_of(held))
    with database.read() as connection:
        rows = connection.execute(select(attempts).order_by(attempts.c.fence)).all()
    assert [(row.worker, row.outcome, row.error_code) for row in rows] == [
        ("worker-1", Outcome.RETRIED, "OUT_OF_MEMORY"),
        ("worker-2", Outcome.DONE, None),
    ]
    assert all(row.ended_at >= row.started_at and row.waited_s >= 0 for row in rows)
