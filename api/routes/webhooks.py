"""Webhook endpoints of a tenant, and what was sent to them. It takes the scope `admin`: secrets pass here."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.refusals import refusals
from api.schemas import Text, moment
from api.security import Admin, Caller
from workers.jobs.delivery_log import Delivery, DeliveryFilter
from workers.jobs.endpoints import Endpoint
from workers.jobs.outbox import KINDS
from workers.jobs.webhooks import Webhooks
from workers.outbound import policy_of
from workers.states import DeliveryState

router = APIRouter(tags=["webhooks"])

EndpointId = Annotated[str, Path(description="The id of an endpoint.")]
DeliveryId = Annotated[str, Path(description="The id of a delivery, as receivers get it in `webhook-id`.")]
_LONGEST_OVERLAP_H = 24 * 7


class EndpointIn(BaseModel):
    """An endpoint to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://app.example/hooks", "events": [KINDS[0]]}]},
    )

    url: Annotated[Text, Field(max_length=2048)] = Field(description="https://, on a public host.")
    events: tuple[Text, ...] = Field((), max_length=20, description=f"Of {', '.join(KINDS)}; none: all.")


class EndpointOut(BaseModel):
    """Where events go; without a URL, it stands for the callback URLs of jobs."""

    id: str
    url: str
    events: list[str]
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    previous_secret_until: datetime | None = Field(description="Until then the secret before signs as well.")
    created_at: datetime | None

    @classmethod
    def of(cls, endpoint: Endpoint, **more: Any) -> Self:
        """The endpoint as callers see it."""
        return cls(
            id=endpoint.id,
            url=endpoint.url,
            events=list(endpoint.kinds),
            enabled=endpoint.disabled_at is None,
            disabled_at=moment(endpoint.disabled_at),
            disabled_reason=endpoint.disabled_reason,
            previous_secret_until=moment(endpoint.previous_until),
            created_at=moment(endpoint.created_at),
            **more,
        )


class EndpointWithSecret(EndpointOut):
    """An endpoint and the secret that signs what goes there, which is not shown again."""

    secret: str


class CallbackSecret(BaseModel):
    """The secret that signs what goes to the callback URLs of jobs."""

    secret: str


class AttemptOut(BaseModel):
    """One attempt at a delivery."""

    started_at: datetime | None
    ended_at: datetime | None
    http_status: int | None
    error: str | None


class DeliveryOut(BaseModel):
    """An event on its way to an endpoint, or there."""

    id: str
    endpoint_id: str
    job_id: str | None
    url: str
    event: str
    status: DeliveryState
    payload: str = Field(description="Byte for byte what is sent.")
    created_at: datetime | None
    next_attempt_at: datetime | None
    attempts: list[AttemptOut]

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """The delivery as callers see it."""
        return cls(
            id=delivery.id,
            endpoint_id=delivery.endpoint_id,
            job_id=delivery.job_id,
            url=delivery.url,
            event=delivery.kind,
            status=delivery.state,
            payload=delivery.payload,
            created_at=moment(delivery.created_at),
            next_attempt_at=moment(delivery.ready_at) if delivery.state is DeliveryState.READY else None,
            attempts=[
                AttemptOut(
                    started_at=moment(each.started_at),
                    ended_at=moment(each.ended_at),
                    http_status=each.status,
                    error=each.error_code,
                )
                for each in delivery.log
            ],
        )


@router.post(
    "/v1/webhooks",
    summary="Add an endpoint",
    status_code=HTTPStatus.CREATED,
    responses=refusals(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT),
)
async def add_endpoint(wanted: EndpointIn, caller: Admin) -> EndpointWithSecret:
    """Events of the tenant's jobs go to `url` from now on, signed with `secret` as Standard Webhooks 1.0.0."""
    url = str(policy_of(caller.services.settings).check(wanted.url))
    endpoint, secret = await caller.services.write(_webhooks(caller).add, url, wanted.events, caller.tenant)
    return EndpointWithSecret.of(endpoint, secret=secret)


@router.post("/v1/webhooks/callback-secret", summary="Show the secret of callback URLs", responses=refusals())
async def show_callback_secret(caller: Admin) -> CallbackSecret:
    """What signs messages to the callback URLs of the tenant's jobs; it is made when it is first asked for."""
    return CallbackSecret(secret=await caller.services.write(_webhooks(caller).callback_secret, caller.tenant))


@router.get("/v1/webhooks", summary="List endpoints", responses=refusals())
async def list_endpoints(caller: Admin) -> list[EndpointOut]:
    """The oldest first."""
    return [EndpointOut.of(each) for each in await caller.services.read(_webhooks(caller).endpoints, caller.tenant)]


@router.delete(
    "/v1/webhooks/{endpoint_id}",
    summary="Remove an endpoint",
    status_code=HTTPStatus.NO_CONTENT,
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def remove_endpoint(endpoint_id: EndpointId, caller: Admin) -> Response:
    """And the log of what was sent to it."""
    await caller.services.write(_webhooks(caller).remove, endpoint_id, caller.tenant)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/v1/webhooks/{endpoint_id}/rotate", summary="Change the secret", responses=refusals(HTTPStatus.NOT_FOUND))
async def rotate_secret(
    endpoint_id: EndpointId,
    caller: Admin,
    overlap_h: Annotated[float, Query(ge=0, le=_LONGEST_OVERLAP_H, description="The old one signs as well.")] = 24,
) -> EndpointWithSecret:
    """Sign with a new secret from now on."""
    rotate = _webhooks(caller).rotate
    endpoint, secret = await caller.services.write(rotate, endpoint_id, caller.tenant, overlap_s=3600 * overlap_h)
    return EndpointWithSecret.of(endpoint, secret=secret)


@router.post("/v1/webhooks/{endpoint_id}/enable", summary="Send there again", responses=refusals(HTTPStatus.NOT_FOUND))
async def enable_endpoint(endpoint_id: EndpointId, caller: Admin) -> EndpointOut:
    """After it was disabled, by a caller or because it said that it is gone."""
    switch = _webhooks(caller).switch
    return EndpointOut.of(await caller.services.write(switch, endpoint_id, caller.tenant, on=True))


@router.post(
    "/v1/webhooks/{endpoint_id}/disable", summary="Send there no longer", responses=refusals(HTTPStatus.NOT_FOUND)
)
async def disable_endpoint(endpoint_id: EndpointId, caller: Admin) -> EndpointOut:
    """What waits for it is given up."""
    switch = _webhooks(caller).switch
    return EndpointOut.of(await caller.services.write(switch, endpoint_id, caller.tenant, on=False))


@router.post(
    "/v1/webhooks/{endpoint_id}/test",
    summary="Send a test",
    status_code=HTTPStatus.ACCEPTED,
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def fire_test(endpoint_id: EndpointId, caller: Admin) -> DeliveryOut:
    """An event of the type `webhook.test`."""
    return DeliveryOut.of(await caller.services.write(_webhooks(caller).fire_test, endpoint_id, caller.tenant))


@router.get("/v1/deliveries", summary="List deliveries", responses=refusals())
async def list_deliveries(
    caller: Admin,
    endpoint_id: str | None = None,
    job_id: str | None = None,
    status: DeliveryState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[DeliveryOut]:
    """The newest first."""
    chosen = DeliveryFilter(caller.tenant, endpoint_id, job_id, status, limit)
    return [DeliveryOut.of(each) for each in await caller.services.read(_webhooks(caller).deliveries, chosen)]


@router.get("/v1/deliveries/{delivery_id}", summary="Look at a delivery", responses=refusals(HTTPStatus.NOT_FOUND))
async def get_delivery(delivery_id: DeliveryId, caller: Admin) -> DeliveryOut:
    """With every attempt at it."""
    return DeliveryOut.of(await caller.services.read(_webhooks(caller).delivery, delivery_id, caller.tenant))


@router.post(
    "/v1/deliveries/{delivery_id}/replay",
    summary="Send once more",
    status_code=HTTPStatus.ACCEPTED,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def replay_delivery(delivery_id: DeliveryId, caller: Admin) -> DeliveryOut:
    """A delivery that has ended, with the same id and body, and all its retries."""
    return DeliveryOut.of(await caller.services.write(_webhooks(caller).replay, delivery_id, caller.tenant))


def _webhooks(caller: Caller) -> Webhooks:
    return caller.services.client.runtime.webhooks
