"""One attempt at a delivery: claim it, sign it, send it, write down what came of it."""

import logging
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus

from workers import log
from workers.errors import Fenced, FetchAway, FetchTimeout, UrlNotAllowed
from workers.jobs.deliveries import GONE, DeliveryLease, Verdict
from workers.outbound import Answer, Outbound, policy_of
from workers.runtime import Runtime
from workers.settings import Settings
from workers.signing import signed_headers

logger = logging.getLogger(__name__)


def run_delivery(runtime: Runtime, delivery_id: str) -> None:
    """Send this delivery, or one that should go first; a doubled or late message finds nothing to do."""
    lease = runtime.webhooks.claim(delivery_id, runtime.worker_name)
    if lease is None:
        return
    with log.bound(delivery=lease.id, attempt=lease.fence):
        runtime.reach("deliver.after_claim", "deliver")
        verdict = _send(runtime, lease)
        runtime.reach("deliver.after_post", "deliver")
        try:
            state = runtime.webhooks.finish(lease, verdict)
        except Fenced:
            logger.warning("delivery.fenced")
            return
        told = {"state": str(state), "status": verdict.status, "code": verdict.error_code}
        logger.info("delivery.attempted", extra=told)


@cache
def _outbound(chosen: Settings) -> Outbound:
    return Outbound(policy_of(chosen))


def _send(runtime: Runtime, lease: DeliveryLease) -> Verdict:
    body = lease.payload.encode()
    headers = {
        "content-type": "application/json",
        **signed_headers(lease.id, lease.started_at, body, lease.secrets),
    }
    try:
        answer = _outbound(runtime.settings).post(lease.url, body, headers, runtime.settings.webhook_timeout_s)
    except UrlNotAllowed as error:
        return Verdict(error.code)
    except (FetchTimeout, FetchAway) as error:
        return Verdict(error.code, is_final=False)
    return verdict_on(answer)


def verdict_on(answer: Answer) -> Verdict:
    """What an answer means: 2xx is delivered, 410 the end, and all else, redirects too, is tried again later."""
    if HTTPStatus(200) <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(status=answer.status)
    if answer.status == HTTPStatus.GONE:
        return Verdict(GONE, answer.status)
    asked_s = retry_after_s(answer.headers.get("retry-after", ""), time.time())
    return Verdict(f"HTTP_{answer.status}", answer.status, is_final=False, retry_after_s=asked_s)


def retry_after_s(text: str, now_s: float) -> float | None:
    """The wait that a Retry-After header asks for, in seconds or until a date; None where it can't be read."""
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, until.replace(tzinfo=until.tzinfo or UTC).timestamp() - now_s)
