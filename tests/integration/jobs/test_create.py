"""Handing in: one request, one job."""

import threading

import pytest

from pipeline.options import DecodeOptions, JobOptions
from pipeline.stages import Step
from tests.integration.jobs.conftest import new_job
from workers.errors import IdempotencyConflict, JobNotFinished, JobNotFound
from workers.jobs import Jobs


def test_handing_in_the_same_job_twice_makes_one(jobs: Jobs) -> None:
    job = new_job()
    assert jobs.create(job) == jobs.create(job)
    assert len(jobs.recent()) == 1


def test_the_same_idempotency_key_finds_the_first_job(jobs: Jobs) -> None:
    first = new_job(idempotency_key="order-1")
    again = new_job(idempotency_key="order-1", source=first.source)
    assert jobs.create(first) == first.id
    assert jobs.create(again) == first.id


def test_the_same_key_with_another_recording_is_refused(jobs: Jobs) -> None:
    first = new_job(idempotency_key="order-1")
    jobs.create(first)
    other = new_job(idempotency_key="order-1", source=first.source.__class__("other", "f" * 64, 5))
    with pytest.raises(IdempotencyConflict):
        jobs.create(other)


def test_the_same_key_of_two_tenants_makes_two_jobs(jobs: Jobs) -> None:
    first = jobs.create(new_job(idempotency_key="order-1", tenant="one"))
    assert jobs.create(new_job(idempotency_key="order-1", tenant="two")) != first


def test_twenty_identical_requests_at_once_make_one_job(jobs: Jobs) -> None:
    first = new_job(idempotency_key="order-1")
    made: list[str] = []
    barrier = threading.Barrier(20)

    def create() -> None:
        barrier.wait()
        made.append(jobs.create(new_job(idempotency_key="order-1", source=first.source)))

    threads = [threading.Thread(target=create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert len(set(made)) == 1


def test_options_and_annotations_come_back_as_they_were_given(jobs: Jobs) -> None:
    options = JobOptions(decode=DecodeOptions(hotwords=("Voxqueue", "naïve")))
    job_id = jobs.create(new_job(options=options, annotations={"order": 7, "who": "Zoë"}, external_id="x-1"))
    job = jobs.status(job_id)
    assert job.annotations == {"order": 7, "who": "Zoë"}
    assert job.external_id == "x-1"
    held = jobs.claim(Step.PREPROCESS, job_id, "worker-1")
    assert held is not None
    assert held.options == options


def test_an_unknown_job_and_an_unfinished_one_are_told_apart(jobs: Jobs) -> None:
    with pytest.raises(JobNotFound):
        jobs.status("00000000-0000-0000-0000-000000000000")
    with pytest.raises(JobNotFound):
        jobs.document("00000000-0000-0000-0000-000000000000")
    with pytest.raises(JobNotFinished):
        jobs.document(jobs.create(new_job()))


def test_the_newest_jobs_are_listed_first(jobs: Jobs) -> None:
    made = [jobs.create(new_job()) for _ in range(3)]
    assert [job.id for job in jobs.recent(limit=2)] == made[:0:-1]
