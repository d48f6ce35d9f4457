"""Batches: told of once, whoever ends last, on both databases."""

import json
import threading
from uuid import uuid4

import pytest

from tests.integration.jobs.conftest import new_job
from workers.errors import BatchNotFound, IdempotencyConflict
from workers.jobs import Jobs, TenantJobs
from workers.jobs.batches import Batches, NewBatch
from workers.jobs.listing import Wanted
from workers.jobs.outbox import BATCH_ENDED
from workers.jobs.values import BatchPlace
from workers.jobs.webhooks import Webhooks
from workers.states import JobState


@pytest.fixture
def batches(jobs: Jobs) -> Batches:
    return Batches(jobs.database)


def a_batch(jobs: Jobs, batches: Batches, size: int = 2, **changes: str) -> tuple[str, list[str]]:
    batch_id = batches.open(NewBatch(id=str(uuid4()), **changes))
    return batch_id, [jobs.create(new_job(batch=BatchPlace(batch_id, place))) for place in range(size)]


def told(webhooks: Webhooks) -> list[dict[str, object]]:
    payloads = [json.loads(each.payload) for each in webhooks.deliveries() if each.kind == BATCH_ENDED]
    return [payload["data"] for payload in payloads]


def test_the_end_of_a_batch_is_told_once_with_what_became_of_its_jobs(
    jobs: Jobs, batches: Batches, webhooks: Webhooks
) -> None:
    batch_id, [first, second] = a_batch(jobs, batches, callback_url="https://app.example/")
    jobs.cancel(first)
    jobs.cancel(second)
    assert told(webhooks) == []
    assert not batches.status(batch_id).is_final
    batches.seal(batch_id)
    batches.seal(batch_id)
    assert told(webhooks) == [{"batch_id": batch_id, "jobs": 2, "counts": {"canceled": 2}}]
    jobs.retry(first)
    jobs.cancel(first)
    assert len(told(webhooks)) == 1


def test_two_last_jobs_that_end_at_the_same_time_are_one_message(
    jobs: Jobs, batches: Batches, webhooks: Webhooks
) -> None:
    rounds = 8
    for _ in range(rounds):
        batch_id, members = a_batch(jobs, batches, 3, callback_url="https://app.example/")
        batches.seal(batch_id)
        start = threading.Barrier(len(members))

        def end(job_id: str, start: threading.Barrier = start) -> None:
            start.wait()
            jobs.cancel(job_id)

        threads = [threading.Thread(target=end, args=(job_id,)) for job_id in members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert batches.status(batch_id).is_final
    assert len(told(webhooks)) == rounds


def test_a_batch_counts_its_jobs_lists_them_and_stops_them(jobs: Jobs, batches: Batches) -> None:
    batch_id, [first, second, third] = a_batch(jobs, batches, 3)
    other = jobs.create(new_job())
    jobs.cancel(second)
    mine = TenantJobs(jobs, "default")
    assert mine.batch(batch_id).counts == {JobState.QUEUED: 2, JobState.CANCELED: 1}
    page = mine.page(Wanted(batch_id=batch_id, limit=2))
    rest = mine.page(Wanted(batch_id=batch_id, limit=2, cursor=page.next_cursor))
    assert {job.id for job in (*page.jobs, *rest.jobs)} == {first, second, third}
    assert mine.cancel_batch(batch_id) == 2
    assert mine.cancel_batch(batch_id) == 0
    assert jobs.status(other).state is JobState.QUEUED


def test_anothers_batch_is_none(jobs: Jobs, batches: Batches) -> None:
    batch_id, _ = a_batch(jobs, batches)
    for who, wanted in (("north", batch_id), ("default", str(uuid4())), ("default", "no id")):
        with pytest.raises(BatchNotFound):
            TenantJobs(jobs, who).batch(wanted)
        with pytest.raises(BatchNotFound):
            TenantJobs(jobs, who).cancel_batch(wanted)


def test_the_same_key_opens_the_same_batch_and_another_request_none(batches: Batches) -> None:
    first, again = (
        batches.open(NewBatch(id=str(uuid4()), idempotency_key="night", request_sha256="a")) for _ in range(2)
    )
    assert first == again
    with pytest.raises(IdempotencyConflict):
        batches.open(NewBatch(id=str(uuid4()), idempotency_key="night", request_sha256="b"))


def test_a_batch_that_was_left_open_ends_all_the_same(jobs: Jobs, batches: Batches) -> None:
    batch_id, members = a_batch(jobs, batches, 1)
    jobs.cancel(*members)
    assert batches.seal_abandoned(3600) == 0
    assert batches.seal_abandoned(-1) == 1
    assert batches.status(batch_id).is_final
