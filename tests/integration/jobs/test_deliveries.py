"""Deliveries: claimed by one worker, ended once, sent again on a schedule, taken back when lost, and logged."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from pipeline.errors import InvalidOptions
from tests.integration.jobs.conftest import URL, claim_delivery, new_job
from workers.errors import (
    DeliveryNotFound,
    EndpointNotFound,
    Fenced,
    NotAllowedInState,
)
from workers.jobs import Jobs
from workers.jobs.deliveries import GONE, Verdict
from workers.jobs.delivery_log import Delivery, DeliveryFilter
from workers.jobs.webhooks import Webhooks
from workers.states import DeliveryState

OK = Verdict(status=200)
Act = Callable[[str, str | None], object]
LATER = Verdict("HTTP_500", 500, is_final=False)


def test_a_delivery_is_claimed_once_and_ended_once(canceled: Delivery, webhooks: Webhooks) -> None:
    lease = claim_delivery(webhooks, canceled.id)
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
        lease = claim_delivery(webhooks)
        seen.add((lease.id, lease.payload, lease.url))
        expected = DeliveryState.FAILED if attempt == webhooks.schedule.most_attempts else DeliveryState.READY
        assert webhooks.finish(lease, LATER) is expected
    assert len(seen) == 1
    ended = webhooks.delivery(canceled.id)
    assert (ended.state, ended.status, ended.error_code) == (DeliveryState.FAILED, 500, "HTTP_500")
    assert len(ended.log) == ended.attempts == 11


def test_a_failure_that_is_final_is_not_tried_again(canceled: Delivery, webhooks: Webhooks) -> None:
    assert webhooks.finish(claim_delivery(webhooks), Verdict("URL_NOT_ALLOWED")) is DeliveryState.FAILED
    assert webhooks.claim(canceled.id, "worker-1") is None


def test_a_retry_waits_as_long_as_the_receiver_asked(canceled: Delivery, webhooks: Webhooks) -> None:
    webhooks.finish(claim_delivery(webhooks), Verdict("HTTP_429", 429, is_final=False, retry_after_s=600))
    waiting = webhooks.delivery(canceled.id)
    assert 599 < waiting.ready_at - waiting.created_at < 660
    assert webhooks.claim(canceled.id, "worker-1") is None
    assert webhooks.unannounced(0, is_idle=True) == []


def test_an_endpoint_that_is_gone_is_disabled_and_what_waited_for_it_given_up(jobs: Jobs, webhooks: Webhooks) -> None:
    endpoint, _ = webhooks.add(URL)
    for _ in range(3):
        jobs.cancel(jobs.create(new_job()))
    under_way = claim_delivery(webhooks)
    assert webhooks.finish(claim_delivery(webhooks), Verdict(GONE, 410)) is DeliveryState.FAILED
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
    webhooks.finish(claim_delivery(webhooks), Verdict(GONE, 410))
    assert webhooks.finish(claim_delivery(webhooks), OK) is DeliveryState.DELIVERED
    assert [each.disabled_at for each in webhooks.endpoints()] == [None]


def test_a_lost_delivery_is_taken_back_and_its_old_worker_writes_nothing(
    canceled: Delivery, impatient: Webhooks, webhooks: Webhooks
) -> None:
    old = claim_delivery(impatient)
    assert webhooks.reap() == 1
    assert webhooks.reap() == 0
    new = claim_delivery(webhooks)
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
    claim_delivery(webhooks)
    assert webhooks.reap(["another"]) == 0
    assert webhooks.reap(["another", "worker-1"]) == 1
    assert claim_delivery(webhooks).id == canceled.id


def test_a_delivery_that_loses_every_worker_is_given_up_at_last(canceled: Delivery, impatient: Webhooks) -> None:
    for _ in range(impatient.schedule.most_attempts):
        claim_delivery(impatient)
        assert impatient.reap() == 1
    assert impatient.delivery(canceled.id).state is DeliveryState.FAILED
    assert impatient.delivery(canceled.id).error_code == "WORKER_LOST"


def test_an_endpoint_that_hangs_does_not_hold_up_the_others(jobs: Jobs, webhooks: Webhooks) -> None:
    webhooks.add("https://slow.example/", ["transcription.job.canceled"])
    for _ in range(3):
        jobs.cancel(jobs.create(new_job()))
    assert claim_delivery(webhooks).url == "https://slow.example/"
    jobs.cancel(jobs.create(new_job(callback_url="https://quick.example/", tenant="north")))
    assert claim_delivery(webhooks).url == "https://quick.example/"
    assert claim_delivery(webhooks).url == "https://slow.example/"


def test_a_delivery_is_announced_at_once_and_again_when_its_message_must_be_lost(
    canceled: Delivery, webhooks: Webhooks
) -> None:
    assert webhooks.unannounced(60, is_idle=False) == [canceled.id]
    webhooks.mark_announced(canceled.id)
    assert webhooks.unannounced(60, is_idle=False) == []
    assert webhooks.unannounced(0, is_idle=False) == [canceled.id]
    webhooks.finish(claim_delivery(webhooks), LATER)
    assert webhooks.unannounced(60, is_idle=False) == [canceled.id]
    webhooks.finish(claim_delivery(webhooks), OK)
    assert webhooks.unannounced(0, is_idle=False) == []


def test_a_rotated_secret_signs_beside_the_old_one_for_a_while(webhooks: Webhooks, jobs: Jobs) -> None:
    endpoint, first = webhooks.add(URL)
    rotated, second = webhooks.rotate(endpoint.id, overlap_s=3600)
    assert first != second
    assert rotated.previous_until is not None
    webhooks.fire_test(endpoint.id)
    assert claim_delivery(webhooks).secrets == (second, first)
    third = webhooks.rotate(endpoint.id, overlap_s=0)[1]
    webhooks.fire_test(endpoint.id)
    assert claim_delivery(webhooks).secrets == (third,)


def test_a_test_is_sent_even_to_an_endpoint_that_is_switched_off(webhooks: Webhooks) -> None:
    endpoint, _ = webhooks.add(URL, ["transcription.job.failed"])
    webhooks.switch(endpoint.id, on=False)
    delivery = webhooks.fire_test(endpoint.id)
    payload = json.loads(delivery.payload)
    assert (payload["type"], payload["data"]) == ("webhook.test", {"endpoint_id": endpoint.id})
    assert claim_delivery(webhooks).id == delivery.id
    webhooks.callback_secret()
    [callbacks] = [each for each in webhooks.endpoints() if not each.url]
    with pytest.raises(InvalidOptions):
        webhooks.fire_test(callbacks.id)


def test_an_ended_delivery_is_replayed_with_its_id_and_all_its_retries(canceled: Delivery, webhooks: Webhooks) -> None:
    with pytest.raises(NotAllowedInState, match="ready"):
        webhooks.replay(canceled.id)
    webhooks.finish(claim_delivery(webhooks), Verdict("URL_NOT_ALLOWED"))
    replayed = webhooks.replay(canceled.id)
    assert (replayed.state, replayed.attempts, replayed.payload) == (DeliveryState.READY, 0, canceled.payload)
    assert webhooks.finish(claim_delivery(webhooks), LATER) is DeliveryState.READY
    assert webhooks.finish(claim_delivery(webhooks), OK) is DeliveryState.DELIVERED
    assert len(webhooks.delivery(canceled.id).log) == 3


def test_what_belongs_to_another_tenant_is_not_there(canceled: Delivery, webhooks: Webhooks) -> None:
    acts: list[Act] = [
        webhooks.endpoint,
        webhooks.rotate,
        webhooks.remove,
        partial(webhooks.switch, on=False),
        webhooks.fire_test,
    ]
    for act in acts:
        for endpoint_id, tenant in ((canceled.endpoint_id, "north"), ("nobody", None)):
            with pytest.raises(EndpointNotFound):
                act(endpoint_id, tenant)
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
