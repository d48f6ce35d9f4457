"""Events that go out: written with what they tell of, claimed by one worker, sent again on a schedule, and logged."""

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from pipeline.errors import InvalidOptions
from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import POLICY, new_job, result_of
from workers.db.session import Database
from workers.errors import (
    DeliveryNotFound,
    EndpointExists,
    EndpointNotFound,
    Fenced,
    IdempotencyConflict,
    NotAllowedInState,
)
from workers.jobs import Jobs, Lease
from workers.jobs.deliveries import GONE, DeliveryLease, Verdict
from workers.jobs.delivery_log import Delivery, DeliveryFilter
from workers.jobs.schedule import RetrySchedule
from workers.jobs.webhooks import Webhooks
from workers.states import DeliveryState

URL = "https://hooks.example/calls"
OK = Verdict(status=200)
LATER = Verdict("HTTP_500", 500, is_final=False)


@pytest.fixture
def webhooks(database: Database) -> Webhooks:
    # Retries are due at once.
    return Webhooks(database, RetrySchedule(base_s=0.0), lease_s=30)


@pytest.fixture
def impatient(database: Database) -> Webhooks:
    """Leases that are over before they begin."""
    return Webhooks(database, RetrySchedule(base_s=0.0), lease_s=-1)


@pytest.fixture
def canceled(jobs: Jobs, webhooks: Webhooks) -> Delivery:
    """A delivery that waits, of a job that was canceled."""
    webhooks.add(URL)
    jobs.cancel(jobs.create(new_job()))
    [delivery] = webhooks.deliveries()
    return delivery


def claimed(webhooks: Webhooks, delivery_id: str = "") -> DeliveryLease:
    lease = webhooks.claim(delivery_id, "worker-1")
    assert lease is not None
    return lease


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
    leases = [claimed(webhooks) for _ in range(3)]
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


def test_a_delivery_is_claimed_once_and_ended_once(canceled: Delivery, webhooks: Webhooks) -> None:
    lease = claimed(webhooks, canceled.id)
    assert (lease.id, lease.url, lease.payload, lease.fence) == (canceled.id, URL, canceled.payload, 1)
    assert webhooks.claim(canceled.id, "worker-2") is None
    assert webhooks.holders() == {"worker-1"}
    assert webhooks.finish(lease, OK) is DeliveryState.DELIVERED
    # As after a commit that was in doubt.
    assert webhooks.finish(lease, OK) is DeliveryState.DELIVERED
    ended = webhooks.delivery(canceled.id)
    assert (ended.state, ended.status, ended.attempts, ended.error_code) == (DeliveryState.DELIVERED, 200, 1, None)
    assert ended.ended_at is not None
    assert [(each.status, each.error_code) for each in ended.log] == [(200, None)]
    assert webhooks.claim(canceled.id, "worker-1") is None


def test_a_failure_is_tried_again_with_the_same_id_and_body_until_the_schedule_ends(
    canceled: Delivery, webhooks: Webhooks
) -> None:
    seen = set()
    for attempt in range(1, webhooks.schedule.most_attempts + 1):
        lease = claimed(webhooks)
        seen.add((lease.id, lease.payload, lease.url))
        expected = DeliveryState.FAILED if attempt == webhooks.schedule.most_attempts else DeliveryState.READY
        assert webhooks.finish(lease, LATER) is expected
    assert len(seen) == 1
    ended = webhooks.delivery(canceled.id)
    assert (ended.state, ended.status, ended.error_code) == (DeliveryState.FAILED, 500, "HTTP_500")
    assert len(ended.log) == ended.attempts == 11


def test_a_failure_that_is_final_is_not_tried_again(canceled: Delivery, webhooks: Webhooks) -> None:
    assert webhooks.finish(claimed(webhooks), Verdict("URL_NOT_ALLOWED")) is DeliveryState.FAILED
    assert webhooks.claim(canceled.id, "worker-1") is None


def test_a_retry_waits_as_long_as_the_receiver_asked(canceled: Delivery, webhooks: Webhooks) -> None:
    webhooks.finish(claimed(webhooks), Verdict("HTTP_429", 429, is_final=False, retry_after_s=600))
    waiting = webhooks.delivery(canceled.id)
    assert 599 < waiting.ready_at - waiting.created_at < 660
    assert webhooks.claim(canceled.id, "worker-1") is None
    assert webhooks.unannounced(0, is_idle=True) == []


def test_an_endpoint_that_is_gone_is_disabled_and_what_waited_for_it_given_up(jobs: Jobs, webhooks: Webhooks) -> None:
    endpoint, _ = webhooks.add(URL)
    for _ in range(3):
        jobs.cancel(jobs.create(new_job()))
    under_way = claimed(webhooks)
    assert webhooks.finish(claimed(webhooks), Verdict(GONE, 410)) is DeliveryState.FAILED
    disabled = webhooks.endpoint(endpoint.id)
    assert (disabled.disabled_reason, disabled.disabled_at is None) == (GONE, False)
    codes = {each.error_code for each in webhooks.deliveries(DeliveryFilter(state=DeliveryState.FAILED))}
    assert codes == {GONE, "ENDPOINT_DISABLED"}
    assert webhooks.finish(under_way, OK) is DeliveryState.DELIVERED
    jobs.cancel(jobs.create(new_job()))
    assert len(webhooks.deliveries()) == 3


def test_a_callback_that_is_gone_takes_no_other_callback_with_it(jobs: Jobs, webhooks: Webhooks) -> None:
    for number in range(2):
        jobs.cancel(jobs.create(new_job(callback_url=f"https://app.example/{number}")))
    webhooks.finish(claimed(webhooks), Verdict(GONE, 410))
    assert webhooks.finish(claimed(webhooks), OK) is DeliveryState.DELIVERED
    assert [each.disabled_at for each in webhooks.endpoints()] == [None]


def test_a_lost_delivery_is_taken_back_and_its_old_worker_writes_nothing(
    canceled: Delivery, impatient: Webhooks, webhooks: Webhooks
) -> None:
    old = claimed(impatient)
    assert webhooks.reap() == 1
    assert webhooks.reap() == 0
    new = claimed(webhooks)
    assert (new.id, new.fence) == (old.id, 2)
    for verdict in (OK, LATER, Verdict(GONE, 410)):
        with pytest.raises(Fenced):
            webhooks.finish(old, verdict)
    webhooks.finish(new, OK)
    assert [(each.status, each.error_code) for each in webhooks.delivery(canceled.id).log] == [
        (None, "WORKER_LOST"),
        (200, None),
    ]


def test_a_delivery_of_a_worker_that_is_gone_is_taken_back_at_once(canceled: Delivery, webhooks: Webhooks) -> None:
    claimed(webhooks)
    assert webhooks.reap(["another"]) == 0
    assert webhooks.reap(["another", "worker-1"]) == 1
    assert claimed(webhooks).id == canceled.id


def test_a_delivery_that_loses_every_worker_is_given_up_at_last(canceled: Delivery, impatient: Webhooks) -> None:
    for _ in range(impatient.schedule.most_attempts):
        claimed(impatient)
        assert impatient.reap() == 1
    assert impatient.delivery(canceled.id).state is DeliveryState.FAILED
    assert impatient.delivery(canceled.id).error_code == "WORKER_LOST"


def test_an_endpoint_that_hangs_does_not_hold_up_the_others(jobs: Jobs, webhooks: Webhooks) -> None:
    webhooks.add("https://slow.example/", ["transcription.job.canceled"])
    for _ in range(3):
        jobs.cancel(jobs.create(new_job()))
    assert claimed(webhooks).url == "https://slow.example/"
    jobs.cancel(jobs.create(new_job(callback_url="https://quick.example/", tenant="north")))
    assert claimed(webhooks).url == "https://quick.example/"
    assert claimed(webhooks).url == "https://slow.example/"


def test_a_delivery_is_announced_at_once_and_again_when_its_message_must_be_lost(
    canceled: Delivery, webhooks: Webhooks
) -> None:
    assert webhooks.unannounced(60, is_idle=False) == [canceled.id]
    webhooks.mark_announced(canceled.id)
    assert webhooks.unannounced(60, is_idle=False) == webhooks.unannounced(60, is_idle=True) == []
    assert webhooks.unannounced(0, is_idle=False) == [canceled.id]
    webhooks.finish(claimed(webhooks), LATER)
    assert webhooks.unannounced(60, is_idle=False) == [canceled.id]
    webhooks.finish(claimed(webhooks), OK)
    assert webhooks.unannounced(0, is_idle=False) == []


def test_a_rotated_secret_signs_beside_the_old_one_for_a_while(webhooks: Webhooks, jobs: Jobs) -> None:
    endpoint, first = webhooks.add(URL)
    rotated, second = webhooks.rotate(endpoint.id, overlap_s=3600)
    assert first != second
    assert rotated.previous_until is not None
    webhooks.fire_test(endpoint.id)
    assert claimed(webhooks).secrets == (second, first)
    third = webhooks.rotate(endpoint.id, overlap_s=0)[1]
    webhooks.fire_test(endpoint.id)
    assert claimed(webhooks).secrets == (third,)


def test_a_test_is_sent_even_to_an_endpoint_that_is_switched_off(webhooks: Webhooks) -> None:
    endpoint, _ = webhooks.add(URL, ["transcription.job.failed"])
    webhooks.switch(endpoint.id, on=False)
    delivery = webhooks.fire_test(endpoint.id)
    payload = json.loads(delivery.payload)
    assert (payload["type"], payload["data"]) == ("webhook.test", {"endpoint_id": endpoint.id})
    assert claimed(webhooks).id == delivery.id
    webhooks.callback_secret()
    [callbacks] = [each for each in webhooks.endpoints() if not each.url]
    with pytest.raises(InvalidOptions):
        webhooks.fire_test(callbacks.id)


def test_an_ended_delivery_is_replayed_with_its_id_and_all_its_retries(canceled: Delivery, webhooks: Webhooks) -> None:
    with pytest.raises(NotAllowedInState, match="ready"):
        webhooks.replay(canceled.id)
    webhooks.finish(claimed(webhooks), Verdict("URL_NOT_ALLOWED"))
    replayed = webhooks.replay(canceled.id)
    assert (replayed.state, replayed.attempts, replayed.payload) == (DeliveryState.READY, 0, canceled.payload)
    assert webhooks.finish(claimed(webhooks), LATER) is DeliveryState.READY
    assert webhooks.finish(claimed(webhooks), OK) is DeliveryState.DELIVERED
    assert len(webhooks.delivery(canceled.id).log) == 3


def test_what_belongs_to_another_tenant_is_not_there(canceled: Delivery, webhooks: Webhooks) -> None:
    acts: list[Callable[[], object]] = [
        lambda: webhooks.endpoint(canceled.endpoint_id, "north"),
        lambda: webhooks.rotate(canceled.endpoint_id, "north"),
        lambda: webhooks.remove(canceled.endpoint_id, "north"),
        lambda: webhooks.switch(canceled.endpoint_id, "north", on=False),
        lambda: webhooks.fire_test(canceled.endpoint_id, "north"),
        lambda: webhooks.endpoint("nobody"),
    ]
    for act in acts:
        with pytest.raises(EndpointNotFound):
            act()
    for find in (webhooks.delivery, webhooks.replay):
        with pytest.raises(DeliveryNotFound):
            find(canceled.id, "north")
    assert webhooks.deliveries(DeliveryFilter(tenant="north")) == []
    assert [each.id for each in webhooks.deliveries(DeliveryFilter(tenant="default", limit=5))] == [canceled.id]
    assert webhooks.endpoint(canceled.endpoint_id, "default").url == URL


def test_the_log_is_found_by_endpoint_job_and_state(canceled: Delivery, webhooks: Webhooks, jobs: Jobs) -> None:
    jobs.cancel(jobs.create(new_job()))
    assert canceled.job_id is not None
    for chosen, number in (
        (DeliveryFilter(endpoint_id=canceled.endpoint_id), 2),
        (DeliveryFilter(job_id=canceled.job_id), 1),
        (DeliveryFilter(state=DeliveryState.READY, limit=1), 1),
        (DeliveryFilter(state=DeliveryState.DELIVERED), 0),
    ):
        assert len(webhooks.deliveries(chosen)) == number


def test_with_an_endpoint_goes_the_log_of_what_was_sent_there(canceled: Delivery, webhooks: Webhooks) -> None:
    webhooks.remove(canceled.endpoint_id)
    assert (webhooks.endpoints(), webhooks.deliveries()) == ([], [])


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
