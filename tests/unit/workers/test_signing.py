"""Signatures are those that the verifier of Standard Webhooks, written elsewhere, accepts; and no others."""

import time
from base64 import b64encode

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from workers.jobs.outbox import new_secret
from workers.signing import signed_headers

BODY = '{"type":"transcription.job.completed","data":{"job_id":"é"}}'.encode()


@pytest.fixture
def secret() -> str:
    return new_secret()


def verified(secret: str, headers: dict[str, str], body: bytes = BODY) -> object:
    return Webhook(secret).verify(body.decode(), headers)


def test_a_signed_body_is_accepted_and_comes_out_as_it_went_in(secret: str) -> None:
    headers = signed_headers("msg_1", time.time(), BODY, [secret])
    assert verified(secret, headers) == {"type": "transcription.job.completed", "data": {"job_id": "é"}}


def test_signatures_agree_with_those_that_others_make_to_the_byte(secret: str) -> None:
    # The example of the specification's reference libraries.
    known = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, b'{"test": 2432232314}', [known])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_while_a_secret_is_changed_either_is_accepted(secret: str) -> None:
    new = new_secret()
    headers = signed_headers("msg_1", time.time(), BODY, [new, secret])
    assert len(headers["webhook-signature"].split()) == 2
    for each in (secret, new):
        assert verified(each, headers)
    with pytest.raises(WebhookVerificationError):
        verified(new_secret(), headers)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_what_was_changed_on_the_way_is_refused(secret: str, changed: str) -> None:
    at_s = time.time()
    headers = signed_headers("msg_1", at_s, BODY, [secret])
    other = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(at_s) + 1),
        "webhook-signature": f"v1,{b64encode(b'0' * 32).decode()}",
    }
    with pytest.raises(WebhookVerificationError):
        verified(secret, {**headers, changed: other[changed]})
    with pytest.raises(WebhookVerificationError):
        verified(secret, headers, BODY + b" ")


@pytest.mark.parametrize("off_s", [-3600, 3600])
def test_an_attempt_of_another_hour_is_refused(secret: str, off_s: int) -> None:
    with pytest.raises(WebhookVerificationError):
        verified(secret, signed_headers("msg_1", time.time() + off_s, BODY, [secret]))


def test_secrets_are_long_random_and_of_the_form_that_verifiers_read() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(each.startswith("whsec_") and len(each) == len("whsec_") + 44 for each in made)
