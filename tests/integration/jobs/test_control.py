"""Cancel and retry, in every state."""

from collections.abc import Callable

import pytest

from pipeline.errors import CorruptHeader
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job, result_of
from workers.errors import Fenced, JobFailed, JobNotFound, NotAllowedInState
from workers.jobs import Jobs, Lease
from workers.states import JobState, StepState

Claim = Callable[..., Lease]
RunUntil = Callable[..., None]


def test_a_queued_job_is_canceled_and_no_step_of_it_runs(jobs: Jobs) -> None:
    job_id = jobs.create(new_job())
    assert jobs.cancel(job_id) is True
    assert jobs.cancel(job_id) is False
    assert jobs.status(job_id).state is JobState.CANCELED
    assert jobs.claim(Step.PREPROCESS, job_id, "worker-1") is None


def test_canceling_a_running_job_fences_its_worker_off(jobs: Jobs, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    held = claimed(Step.PREPROCESS, job_id)
    assert jobs.cancel(job_id) is True
    with pytest.raises(Fenced):
        jobs.finish(held, result_of(held))
    assert jobs.status(job_id).state is JobState.CANCELED
    with pytest.raises(JobFailed):
        jobs.document(job_id)


def test_a_completed_job_cannot_be_canceled(jobs: Jobs, run_until: RunUntil) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id)
    assert jobs.cancel(job_id) is False
    assert jobs.status(job_id).state is JobState.COMPLETED


def test_canceling_what_does_not_exist_says_so(jobs: Jobs) -> None:
    with pytest.raises(JobNotFound):
        jobs.cancel("00000000-0000-0000-0000-000000000000")


def test_a_failed_job_goes_on_from_the_step_that_failed(jobs: Jobs, claimed: Claim, run_until: RunUntil) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id, Step.INFERENCE)
    jobs.fail(claimed(Step.INFERENCE, job_id), CorruptHeader())
    assert jobs.retry(job_id) is Step.INFERENCE
    job = jobs.status(job_id)
    assert (job.state, job.error_code) == (JobState.QUEUED, None)
    assert [step.state for step in job.steps] == [
        StepState.DONE,
        StepState.DONE,
        StepState.READY,
        StepState.BLOCKED,
        StepState.BLOCKED,
    ]
    for step in STEPS[2:]:
        held = claimed(step, job_id)
        jobs.finish(held, result_of(held))
    assert jobs.status(job_id).state is JobState.COMPLETED
    assert jobs.status(job_id).version == 1


def test_a_completed_job_decoded_again_makes_a_second_version(jobs: Jobs, claimed: Claim, run_until: RunUntil) -> None:
    job_id = jobs.create(new_job())
    run_until(job_id)
    first = jobs.document(job_id)
    assert jobs.retry(job_id, Step.DECODE) is Step.DECODE
    assert jobs.document(job_id) == first
    for step in (Step.DECODE, Step.FORMAT):
        held = claimed(step, job_id)
        jobs.finish(held, result_of(held))
    assert jobs.status(job_id).version == 2
    assert jobs.status(job_id).state is JobState.COMPLETED


def test_a_canceled_job_can_be_retried(jobs: Jobs, run_until: RunUntil) -> None:
    job_id = jobs.create(new_job())
    jobs.cancel(job_id)
    assert jobs.retry(job_id) is Step.PREPROCESS
    run_until(job_id)
    assert jobs.status(job_id).state is JobState.COMPLETED


def test_a_job_that_has_not_ended_cannot_be_retried(jobs: Jobs) -> None:
    with pytest.raises(NotAllowedInState):
        jobs.retry(jobs.create(new_job()))


def test_a_step_whose_input_was_never_made_cannot_be_retried(jobs: Jobs, claimed: Claim) -> None:
    job_id = jobs.create(new_job())
    jobs.fail(claimed(Step.PREPROCESS, job_id), CorruptHeader())
    with pytest.raises(NotAllowedInState):
        jobs.retry(job_id, Step.DECODE)
