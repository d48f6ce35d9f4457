"""Whoever wants to know how a job ended is told, once, in the transaction in which it ends."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from pipeline.errors import InvalidOptions
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import POLICY, URL, claim_delivery, new_job, result_of
from workers.db.session import Database
from workers.errors import (
    EndpointExists,
    IdempotencyConflict,
)
from workers.jobs import Jobs, Lease
from workers.jobs.webhooks import Webhooks
from workers.states import DeliveryState


def ways_to_end(jobs: Jobs, claim: Callable[..., Lease], database: Database) -> dict[str, Callable[[], str]]:
    """Every way in which a job can end, by the state that it ends in."""

    def complete() -> str:
        job_id = jobs.create(new_job(external_id="call-7"))

        for step in STEPS:
            lease = claim(step, job_id)
            jobs.finish(lease, result_of(lease))
        return job_id

    def fail() -> str:
        job_id = jobs.create(new_job())
        jobs.fail(claim(Step.PREPROCESS, job_id), InvalidOptions("no such thing"))
        return job_id

    def cancel() -> str:
        job_id = jobs.create(new_job())
        jobs.cancel(job_id)
        return job_id

    def expire() -> str:
        job_id = jobs.create(new_job(expires_in_s=0.000001))
        jobs.expire()
        return job_id

    def quarantine() -> str:
        job_id = jobs.create(new_job())
        for _ in range(POLICY.max_crashes):
            claim(Step.PREPROCESS, job_id, "doomed")
            jobs.reap(["doomed"])
        return job_id

    return {"completed": complete, "failed": fail, "canceled": cancel, "expired": expire, "quarantined": quarantine}


@pytest.mark.parametrize("way", ["completed", "failed", "canceled", "expired", "quarantined"])
def test_however_a_job_ends_its_tenants_endpoints_and_its_callback_are_told_once(
    jobs: Jobs, claimed: Callable[..., Lease], webhooks: Webhooks, database: Database, way: str
) -> None:
    webhooks.add(URL)
    webhooks.add("https://elsewhere.example/", tenant="north")
    job_id = ways_to_end(jobs, claimed, database)[way]()
    jobs.cancel(job_id)
    jobs.expire()
    [delivery] = webhooks.deliveries()
    assert (delivery.job_id, delivery.url, delivery.state) == (job_id, URL, DeliveryState.READY)
    payload = json.loads(delivery.payload)
    state = {"quarantined": "failed"}.get(way, way)
    assert payload["type"] == delivery.kind == f"transcription.job.{state}"
    assert payload["data"]["job_id"] == job_id
    assert payload["data"]["status"] == state
    assert abs(datetime.fromisoformat(payload["timestamp"]).timestamp() - delivery.created_at) < 0.01
    codes = {"failed": "INVALID_OPTIONS", "quarantined": "QUARANTINED"}
    assert (payload["data"]["error"] or {}).get("code") == codes.get(way)


def test_a_payload_is_thin_and_says_nothing_of_what_was_said(
    jobs: Jobs, webhooks: Webhooks, run_until: Callable[..., None]
) -> None:
    webhooks.add(URL)
    job_id = jobs.create(new_job(external_id="é" * 255, annotations={"note": "x" * 50_000}, file_name="mr smith.wav"))
    run_until(job_id)
    [delivery] = webhooks.deliveries()
    assert len(delivery.payload.encode()) < 20_000
    assert json.loads(delivery.payload)["data"]["external_id"] == "é" * 255
    assert not any(told in delivery.payload for told in ("hello", "smith", "xxx"))


def test_a_job_that_ends_again_tells_again_of_its_new_version(
    jobs: Jobs, webhooks: Webhooks, run_until: Callable[..., None]
) -> None:
    webhooks.add(URL)
    job_id = jobs.create(new_job())
    run_until(job_id)
    jobs.retry(job_id, Step.PREPROCESS)
    run_until(job_id)
    told = [json.loads(each.payload)["data"] for each in reversed(webhooks.deliveries())]
    assert sorted(data["version"] for data in told) == [1, 2]
    assert {data["duration_s"] for data in told} == {1.5}


def test_endpoints_get_the_kinds_that_they_asked_for_while_they_are_enabled(jobs: Jobs, webhooks: Webhooks) -> None:
    webhooks.add("https://a.example/", ["transcription.job.canceled", "transcription.job.canceled"])
    webhooks.add("https://b.example/", ["transcription.job.completed"])
    switched, _ = webhooks.add("https://c.example/")
    webhooks.switch(switched.id, on=False)
    jobs.cancel(jobs.create(new_job()))
    assert [each.url for each in webhooks.deliveries()] == ["https://a.example/"]
    webhooks.switch(switched.id, on=True)
    jobs.cancel(jobs.create(new_job()))
    assert sorted(each.url for each in webhooks.deliveries()) == ["https://a.example/"] * 2 + ["https://c.example/"]


def test_an_endpoint_can_not_ask_for_events_that_there_are_not_nor_be_there_twice(webhooks: Webhooks) -> None:
    with pytest.raises(InvalidOptions, match="coffee"):
        webhooks.add(URL, ["coffee.ready"])
    first, _ = webhooks.add(URL)
    with pytest.raises(EndpointExists, match=first.id):
        webhooks.add(URL)
    webhooks.add(URL, tenant="north")
    assert len(webhooks.endpoints()) == 2
    assert [each.tenant for each in webhooks.endpoints("north")] == ["north"]


def test_the_callback_of_a_job_is_told_with_a_secret_that_the_tenant_has_for_all_of_them(
    jobs: Jobs, webhooks: Webhooks
) -> None:
    for number in range(2):
        jobs.cancel(jobs.create(new_job(callback_url=f"https://app.example/{number}")))
    jobs.cancel(jobs.create(new_job(callback_url="https://app.example/north", tenant="north")))
    leases = [claim_delivery(webhooks) for _ in range(3)]
    assert {lease.url.rpartition("/")[2] for lease in leases} == {"0", "1", "north"}
    secrets = {lease.url.rpartition("/")[2]: lease.secrets for lease in leases}
    assert secrets["0"] == secrets["1"] == (webhooks.callback_secret(),)
    assert secrets["north"] == (webhooks.callback_secret("north"),)
    assert secrets["north"] != secrets["0"]


def test_the_same_key_with_another_callback_is_another_request(jobs: Jobs) -> None:
    job = new_job(idempotency_key="key", callback_url="https://app.example/")
    assert jobs.create(job) == job.id
    assert (
        jobs.create(new_job(id="second", source=job.source, idempotency_key="key", callback_url=job.callback_url))
        == job.id
    )
    with pytest.raises(IdempotencyConflict):
        jobs.create(new_job(source=job.source, idempotency_key="key", callback_url="https://other.example/"))
    with pytest.raises(IdempotencyConflict):
        jobs.create(new_job(source=job.source, idempotency_key="key"))


def test_a_finish_that_was_repeated_tells_nobody_twice(
    jobs: Jobs, webhooks: Webhooks, run_until: Callable[..., None], claimed: Callable[..., Lease]
) -> None:
    webhooks.add(URL)
    job_id = jobs.create(new_job())
    run_until(job_id, Step.FORMAT)
    lease = claimed(Step.FORMAT, job_id)

    for _ in range(2):
        jobs.finish(lease, result_of(lease))
    assert len(webhooks.deliveries()) == 1
