"""Signatures of webhooks, as the Standard Webhooks specification 1.0.0 has them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105  # what every secret begins with


def signed_headers(message_id: str, at_s: float, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that go with `body`: one signature (HMAC-SHA256) for each secret, any of which a receiver may know.

    `at_s` is the time of this attempt; receivers refuse what is more than five minutes off.
    """
    timestamp = str(int(at_s))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    return b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
