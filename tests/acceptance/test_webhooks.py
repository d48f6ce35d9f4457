"""An event reaches its receiver from a whole stack, whatever is done to the processes that send it."""

from pathlib import Path

from standardwebhooks.webhooks import Webhook

from tests.acceptance.conftest import program_of, wait_until
from tests.sinks import ADDRESS, Handler, sink
from workers.client import Client
from workers.stack import Stack
from workers.states import DeliveryState

STRUCK = "deliver.after_claim:kill9,deliver.after_post:kill9"
TROUBLES = [200, 500, 429, 302]


def test_senders_that_are_killed_around_their_post_and_a_receiver_in_trouble_cost_time_but_no_event(
    tmp_path: Path,
) -> None:
    quick = {"lease_s": 60, "reap_s": 0.2, "webhook_retry_base_s": 0.01, "webhook_timeout_s": 5}
    program = program_of(tmp_path, failpoint=STRUCK, outbound_allow=f"{ADDRESS}/32", **quick)
    with sink() as receiver, Stack(program.settings, log_to=tmp_path / "stack.log"), Client(program.settings) as client:

        def answer(handler: Handler) -> None:
            status = TROUBLES[len(receiver.came) - 1] if len(receiver.came) <= len(TROUBLES) else 204
            handler.send(status, b"", Location=receiver.url("/elsewhere"))

        receiver.answer = answer
        webhooks = client.runtime.webhooks
        endpoint, secret = webhooks.add(receiver.url("/hooks"))
        delivery = webhooks.fire_test(endpoint.id)
        wait_until(lambda: webhooks.delivery(delivery.id).state is DeliveryState.DELIVERED, timeout_s=150)
        log = [each.error_code for each in webhooks.delivery(delivery.id).log]
    # The one that was killed behind its post had been answered 200, and nobody knew.
    assert log == ["WORKER_LOST", "WORKER_LOST", "HTTP_500", "HTTP_429", "HTTP_302", None]
    assert len(receiver.came) == len(TROUBLES) + 1
    assert {(came.path, came.headers["webhook-id"], came.body) for came in receiver.came} == {
        ("/hooks", delivery.id, delivery.payload.encode())
    }
    for came in receiver.came:
        assert Webhook(secret).verify(came.body.decode(), came.headers)["type"] == "webhook.test"
