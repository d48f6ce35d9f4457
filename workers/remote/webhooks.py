"""Webhook endpoints on a server, and what was sent to them; it takes a key of the scope admin."""

from collections.abc import Collection, Mapping
from typing import Any

from workers.jobs.delivery_log import Attempt, Delivery, DeliveryFilter
from workers.jobs.endpoints import Endpoint
from workers.remote.carrying import Awaited, Blocking, Carried
from workers.remote.verbs import Call, Verb, ask, checked_id
from workers.remote.wire import check_tenant, seconds_of
from workers.states import FINAL_DELIVERY_STATES, DeliveryState


class WebhookVerbs:
    """The endpoints of the key's tenant; each verb raises what it raises in process, and ServerAway."""

    @Carried
    def add(self, url: str, kinds: Collection[str] = (), tenant: str | None = None) -> Verb[tuple[Endpoint, str]]:
        """Make an endpoint; with the secret that signs what goes there."""
        check_tenant(tenant)
        # Not sent twice: the second time it would be refused.
        call = Call("POST", "/v1/webhooks", json={"url": url, "events": [*kinds]}, is_repeatable=False)
        return (yield from _with_secret(call))

    @Carried
    def endpoints(self) -> Verb[list[Endpoint]]:
        """The oldest first."""
        return [_endpoint_of(each) for each in (yield from ask(Call("GET", "/v1/webhooks"))).document]

    @Carried
    def callback_secret(self, tenant: str | None = None) -> Verb[str]:
        """What signs messages to the callback URLs of jobs."""
        check_tenant(tenant)
        return str((yield from ask(Call("POST", "/v1/webhooks/callback-secret"))).document["secret"])

    @Carried
    def rotate(self, endpoint_id: str, *, overlap_s: float) -> Verb[tuple[Endpoint, str]]:
        """Sign with a new secret, and for `overlap_s` with the old one as well."""
        overlap = {"overlap_h": overlap_s / 3600}
        # Not sent twice: the second time it would be another secret.
        return (yield from _with_secret(Call("POST", _path(endpoint_id, "/rotate"), overlap, is_repeatable=False)))

    @Carried
    def switch(self, endpoint_id: str, *, on: bool) -> Verb[Endpoint]:
        """Send to an endpoint, or no longer."""
        call = Call("POST", _path(endpoint_id, "/enable" if on else "/disable"))
        return _endpoint_of((yield from ask(call)).document)

    @Carried
    def remove(self, endpoint_id: str) -> Verb[None]:
        """Remove an endpoint and the log of what was sent to it."""
        yield from ask(Call("DELETE", _path(endpoint_id)))

    @Carried
    def fire_test(self, endpoint_id: str) -> Verb[Delivery]:
        """Send a `webhook.test`."""
        return (yield from _once(_path(endpoint_id, "/test")))

    @Carried
    def deliveries(self, chosen: DeliveryFilter) -> Verb[list[Delivery]]:
        """What was sent, the newest first."""
        wanted = {"endpoint_id": chosen.endpoint_id, "job_id": chosen.job_id, "status": chosen.state}
        given = {name: str(value) for name, value in wanted.items() if value is not None}
        reply = yield from ask(Call("GET", "/v1/deliveries", {**given, "limit": chosen.limit}))
        return [_delivery_of(each) for each in reply.document]

    @Carried
    def delivery(self, delivery_id: str) -> Verb[Delivery]:
        """A delivery with every attempt at it."""
        return _delivery_of((yield from ask(Call("GET", f"/v1/deliveries/{checked_id(delivery_id)}"))).document)

    @Carried
    def replay(self, delivery_id: str) -> Verb[Delivery]:
        """Send a delivery that has ended once more."""
        return (yield from _once(f"/v1/deliveries/{checked_id(delivery_id)}/replay"))


class RemoteWebhooks(WebhookVerbs, Blocking):
    """Of a client that blocks."""


class AsyncRemoteWebhooks(WebhookVerbs, Awaited):
    """Of a client of asyncio."""


def _once(path: str) -> Verb[Delivery]:
    return _delivery_of((yield from ask(Call("POST", path, is_repeatable=False))).document)


def _with_secret(call: Call) -> Verb[tuple[Endpoint, str]]:
    document = (yield from ask(call)).document
    return _endpoint_of(document), str(document["secret"])


def _path(endpoint_id: str, more: str = "") -> str:
    return f"/v1/webhooks/{checked_id(endpoint_id)}{more}"


def _endpoint_of(document: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        id=document["id"],
        tenant="",
        url=document["url"],
        kinds=tuple(document["events"]),
        created_at=seconds_of(document["created_at"]) or 0.0,
        disabled_at=seconds_of(document["disabled_at"]),
        disabled_reason=document["disabled_reason"],
        previous_until=seconds_of(document["previous_secret_until"]),
    )


def _delivery_of(document: Mapping[str, Any]) -> Delivery:
    state = DeliveryState(document["status"])
    log = tuple(
        Attempt(seconds_of(each["started_at"]) or 0.0, seconds_of(each["ended_at"]), each["http_status"], each["error"])
        for each in document["attempts"]
    )
    created_at = seconds_of(document["created_at"]) or 0.0
    last = log[-1] if log else None
    return Delivery(
        id=document["id"],
        tenant="",
        endpoint_id=document["endpoint_id"],
        job_id=document["job_id"],
        url=document["url"],
        kind=document["event"],
        payload=document["payload"],
        state=state,
        attempts=len(log),
        ready_at=seconds_of(document["next_attempt_at"]) or created_at,
        status=last.status if last else None,
        error_code=last.error_code if last else None,
        created_at=created_at,
        ended_at=last.ended_at if last and state in FINAL_DELIVERY_STATES else None,
        log=log,
    )
