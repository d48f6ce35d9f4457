"""Attempts at real receivers: good ones, angry ones, hanging ones, and those that are not to be reached."""

import json
import socketserver
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest
from redis import Redis
from standardwebhooks.webhooks import Webhook

from tests.integration.conftest import hand_in
from tests.sinks import ADDRESS, Handler, Sink, raw_server, sink
from workers.celeryconfig import DELIVER
from workers.delivery import retry_after_s, run_delivery, verdict_on
from workers.dispatch import Dispatcher
from workers.identity import own_name
from workers.jobs.delivery_log import Delivery
from workers.outbound import Answer
from workers.runtime import Runtime
from workers.states import DeliveryState

RuntimeMaker = Callable[..., Runtime]
ABSENT = "redis://127.0.0.1:1/0"


@pytest.fixture
def receiver() -> Iterator[Sink]:
    with sink() as made:
        yield made


@pytest.fixture
def runtime(make_test_runtime: RuntimeMaker) -> Runtime:
    return make_test_runtime(
        broker_url=ABSENT, outbound_allow=f"{ADDRESS}/32", webhook_timeout_s=0.5, webhook_retry_base_s=0.0001
    )


def ended_job(runtime: Runtime) -> Delivery:
    """A job was canceled; the newest delivery that tells of it."""
    job_id = hand_in(runtime)
    runtime.jobs.cancel(job_id)
    return next(each for each in runtime.webhooks.deliveries() if each.job_id == job_id)


def attempt(runtime: Runtime, delivery: Delivery) -> Delivery:
    """Run the task once, when the delivery is due; the delivery afterwards."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        run_delivery(runtime, delivery.id)
        found = runtime.webhooks.delivery(delivery.id)
        if len(found.log) > len(delivery.log):
            return found
        time.sleep(0.01)
    raise AssertionError(delivery)


def test_a_receiver_with_the_secret_can_verify_what_it_got(runtime: Runtime, receiver: Sink) -> None:
    _, secret = runtime.webhooks.add(receiver.url("/hooks?of=voxqueue"))
    done = attempt(runtime, ended_job(runtime))
    assert (done.state, done.status) == (DeliveryState.DELIVERED, 200)
    [came] = receiver.came
    assert (came.method, came.path, came.headers["content-type"]) == ("POST", "/hooks?of=voxqueue", "application/json")
    told = Webhook(secret).verify(came.body.decode(), came.headers)
    assert told["type"] == "transcription.job.canceled"
    assert told["data"]["job_id"] == done.job_id
    assert came.headers["webhook-id"] == done.id


def test_receivers_of_both_secrets_are_served_while_one_is_changed(runtime: Runtime, receiver: Sink) -> None:
    endpoint, old = runtime.webhooks.add(receiver.url())
    _, new = runtime.webhooks.rotate(endpoint.id)
    attempt(runtime, ended_job(runtime))
    [came] = receiver.came
    for secret in (old, new):
        Webhook(secret).verify(came.body.decode(), came.headers)


def test_the_callback_url_of_a_job_is_signed_with_the_secret_for_callbacks(
    make_test_runtime: RuntimeMaker, runtime: Runtime, receiver: Sink
) -> None:
    runtime.jobs.cancel(hand_in(runtime, callback_url=receiver.url("/back")))
    [delivery] = runtime.webhooks.deliveries()
    attempt(runtime, delivery)
    [came] = receiver.came
    assert came.path == "/back"
    Webhook(runtime.webhooks.callback_secret()).verify(came.body.decode(), came.headers)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500, 503])
def test_a_failure_is_tried_again_with_the_same_id_and_body_and_a_signature_of_its_own(
    runtime: Runtime, receiver: Sink, status: int
) -> None:
    _, secret = runtime.webhooks.add(receiver.url())
    elsewhere = {"Location": receiver.url("/elsewhere")}
    receiver.answer = lambda handler: handler.send(status if len(receiver.came) < 3 else 204, b"", **elsewhere)
    delivery = ended_job(runtime)
    for expected in (status, status, 204):
        delivery = attempt(runtime, delivery)
        assert delivery.status == expected
    assert delivery.state is DeliveryState.DELIVERED
    assert {(came.path, came.headers["webhook-id"], came.body) for came in receiver.came} == {
        ("/", delivery.id, delivery.payload.encode())
    }
    for came in receiver.came:
        Webhook(secret).verify(came.body.decode(), came.headers)


def test_a_receiver_that_is_gone_is_asked_no_more(runtime: Runtime, receiver: Sink) -> None:
    endpoint, _ = runtime.webhooks.add(receiver.url())
    receiver.answer = lambda handler: handler.send(410)
    assert attempt(runtime, ended_job(runtime)).state is DeliveryState.FAILED
    assert runtime.webhooks.endpoint(endpoint.id).disabled_reason == "GONE"
    runtime.jobs.cancel(hand_in(runtime))
    assert len(runtime.webhooks.deliveries()) == len(receiver.came) == 1


def test_a_receiver_that_asks_for_patience_gets_it(runtime: Runtime, receiver: Sink) -> None:
    runtime.webhooks.add(receiver.url())
    receiver.answer = lambda handler: handler.send(429, Retry_After="120")
    delivery = attempt(runtime, ended_job(runtime))
    assert delivery.state is DeliveryState.READY
    assert 119 < delivery.ready_at - delivery.created_at < 130
    run_delivery(runtime, delivery.id)
    assert len(receiver.came) == 1


def hang(_talk: socketserver.StreamRequestHandler) -> None:
    time.sleep(2)


def drop(_talk: socketserver.StreamRequestHandler) -> None:
    """Hang up without a word."""


@pytest.mark.parametrize(("talk", "code"), [(hang, "FETCH_TIMEOUT"), (drop, "FETCH_AWAY")])
def test_a_receiver_that_hangs_or_hangs_up_is_tried_again(
    runtime: Runtime, talk: Callable[[socketserver.StreamRequestHandler], None], code: str
) -> None:
    with raw_server(talk) as port:
        runtime.webhooks.add(f"http://{ADDRESS}:{port}/")
        delivery = attempt(runtime, ended_job(runtime))
    assert (delivery.state, delivery.error_code, delivery.status) == (DeliveryState.READY, code, None)


def test_a_receiver_that_drops_the_line_behind_its_answer_has_answered(runtime: Runtime, receiver: Sink) -> None:
    def answer_and_drop(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nand then")
        handler.close_connection = True

    runtime.webhooks.add(receiver.url())
    receiver.answer = answer_and_drop
    assert attempt(runtime, ended_job(runtime)).state is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "https://169.254.169.254/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://root@93.184.216.34/",
        "https://93.184.216.34:6379/",
        "http://93.184.216.34/",
    ],
)
def test_nothing_is_sent_inside(runtime: Runtime, url: str) -> None:
    with sink("127.0.0.1") as inside:
        runtime.webhooks.add(url.format(port=inside.port))
        delivery = attempt(runtime, ended_job(runtime))
    assert (delivery.state, delivery.error_code) == (DeliveryState.FAILED, "URL_NOT_ALLOWED")
    assert inside.came == []


def test_a_message_that_is_late_doubled_or_forged_does_nothing(runtime: Runtime, receiver: Sink) -> None:
    runtime.webhooks.add(receiver.url())
    delivery = attempt(runtime, ended_job(runtime))
    for message in (delivery.id, delivery.id, "msg_nobody", "'; DROP TABLE deliveries; --"):
        run_delivery(runtime, message)
    assert len(receiver.came) == 1


def test_a_delivery_of_a_worker_that_was_slower_than_its_lease_is_noted_by_the_next_alone(
    make_test_runtime: RuntimeMaker, runtime: Runtime, receiver: Sink
) -> None:
    runtime.webhooks.add(receiver.url())
    delivery = ended_job(runtime)

    def lose_the_lease(handler: Handler) -> None:
        if len(receiver.came) == 1:
            assert runtime.webhooks.reap([own_name()]) == 1
        handler.send()

    receiver.answer = lose_the_lease
    run_delivery(runtime, delivery.id)
    assert runtime.webhooks.delivery(delivery.id).state is DeliveryState.READY
    run_delivery(runtime, delivery.id)
    ended = runtime.webhooks.delivery(delivery.id)
    assert ended.state is DeliveryState.DELIVERED
    assert [each.error_code for each in ended.log] == ["WORKER_LOST", None]
    assert len({came.headers["webhook-id"] for came in receiver.came}) == 1


def test_the_dispatcher_tells_workers_of_what_is_to_be_sent(
    make_test_runtime: RuntimeMaker, clean_broker_url: str
) -> None:
    runtime = make_test_runtime(broker_url=clean_broker_url, republish_s=60)
    runtime.webhooks.add("https://hooks.example/")
    delivery = ended_job(runtime)
    dispatcher = Dispatcher(runtime)
    dispatcher.sweep()
    dispatcher.sweep()
    assert runtime.announcer.queue_length(DELIVER) == 1
    with Redis.from_url(clean_broker_url) as client:
        [raw] = client.lrange(DELIVER, 0, -1)
        assert json.loads(raw)["headers"]["task"] == "voxqueue.deliver"
        assert delivery.id in json.loads(raw)["headers"]["argsrepr"]
        client.flushdb()
    deadline = time.monotonic() + 10
    while runtime.announcer.queue_length(DELIVER) == 0 and time.monotonic() < deadline:
        dispatcher.sweep()
    assert runtime.announcer.queue_length(DELIVER) == 1


def test_the_dispatcher_takes_back_what_a_dead_process_was_sending(
    make_test_runtime: RuntimeMaker, clean_broker_url: str
) -> None:
    runtime = make_test_runtime(broker_url=clean_broker_url, lease_s=600)
    runtime.webhooks.add("https://hooks.example/")
    delivery = ended_job(runtime)
    gone = f"{own_name().rpartition(':')[0]}:{2**22 + 1}"
    assert runtime.webhooks.claim(delivery.id, gone) is not None
    Dispatcher(runtime).sweep()
    assert runtime.webhooks.delivery(delivery.id).state is DeliveryState.READY
    assert runtime.announcer.queue_length(DELIVER) == 1


@pytest.mark.parametrize(
    ("status", "code", "is_final"),
    [
        (200, None, True),
        (299, None, True),
        (300, "HTTP_300", False),
        (304, "HTTP_304", False),
        (410, "GONE", True),
        (401, "HTTP_401", False),
        (599, "HTTP_599", False),
    ],
)
def test_only_2xx_is_delivered_and_only_410_is_the_end(status: int, code: str | None, *, is_final: bool) -> None:
    verdict = verdict_on(Answer(status, {}))
    assert (verdict.error_code, verdict.is_final, verdict.status) == (code, is_final, status)


def test_the_wait_that_is_asked_for_is_read_in_both_of_its_forms() -> None:
    now_s = 1_700_000_000.0
    assert retry_after_s(" 120 ", now_s) == 120.0
    assert retry_after_s(formatdate(now_s + 90, usegmt=True), now_s) == pytest.approx(90)
    assert retry_after_s(formatdate(now_s - 90, usegmt=True), now_s) == 0.0
    for nonsense in ("", "soon", "-5", "1.5e9x", "Thu, 99 Nov 2026"):
        assert retry_after_s(nonsense, now_s) is None
