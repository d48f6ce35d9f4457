"""What was sent to webhook endpoints, attempt by attempt; and sending it again."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, select, update

from workers.db.base import db_now
from workers.db.tables import deliveries, delivery_attempts
from workers.errors import DeliveryNotFound, NotAllowedInState
from workers.states import FINAL_DELIVERY_STATES, DeliveryState


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a delivery; times are seconds since 1970."""

    started_at: float
    ended_at: float | None
    status: int | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to an endpoint, or there; `attempts` counts those since it was made, or replayed."""

    id: str
    tenant: str
    endpoint_id: str
    job_id: str | None
    url: str
    kind: str
    payload: str
    state: DeliveryState
    attempts: int
    ready_at: float
    status: int | None
    error_code: str | None
    created_at: float
    ended_at: float | None
    log: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to show: those of a tenant, an endpoint, a job, in a state; None means any."""

    tenant: str | None = None
    endpoint_id: str | None = None
    job_id: str | None = None
    state: DeliveryState | None = None
    limit: int = 50


def find(connection: Connection, delivery_id: str, tenant: str | None) -> Delivery:
    """The delivery, with every attempt at it.

    Raises:
        DeliveryNotFound: there is none, or it is another tenant's.
    """
    wanted = select(deliveries).where(deliveries.c.id == delivery_id)
    if tenant is not None:
        wanted = wanted.where(deliveries.c.tenant == tenant)
    found = _read(connection, wanted)
    if not found:
        raise DeliveryNotFound(delivery_id)
    return found[0]


def listed(connection: Connection, chosen: DeliveryFilter) -> list[Delivery]:
    """The newest deliveries first."""
    wanted = select(deliveries).order_by(deliveries.c.created_at.desc(), deliveries.c.id).limit(chosen.limit)
    for column in ("tenant", "endpoint_id", "job_id", "state"):
        value = getattr(chosen, column)
        if value is not None:
            wanted = wanted.where(deliveries.c[column] == value)
    return _read(connection, wanted)


def replay(connection: Connection, delivery_id: str, tenant: str | None) -> Delivery:
    """Send a delivery that has ended once more, with the same id and payload, and all its retries.

    Raises:
        DeliveryNotFound: there is none, or it is another tenant's.
        NotAllowedInState: it is under way.
    """
    delivery = find(connection, delivery_id, tenant)
    if delivery.state not in FINAL_DELIVERY_STATES:
        raise NotAllowedInState(delivery.state)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == delivery.state)
        .values(
            state=DeliveryState.READY,
            attempts=0,
            ready_at=db_now(),
            ended_at=None,
            published_at=None,
            publishes=0,
        )
    )
    return find(connection, delivery_id, tenant)


def _read(connection: Connection, wanted: Select[tuple[object, ...]]) -> list[Delivery]:
    rows = connection.execute(wanted).all()
    ids = [row.id for row in rows]
    tried = connection.execute(
        select(delivery_attempts)
        .where(delivery_attempts.c.delivery_id.in_(ids))
        .order_by(delivery_attempts.c.delivery_id, delivery_attempts.c.fence)
    ).all()
    return [_delivery(row, [each for each in tried if each.delivery_id == row.id]) for row in rows]


def _delivery(row: Row[tuple[object, ...]], tried: list[Row[tuple[object, ...]]]) -> Delivery:
    return Delivery(
        id=row.id,
        tenant=row.tenant,
        endpoint_id=row.endpoint_id,
        job_id=row.job_id,
        url=row.url,
        kind=row.kind,
        payload=row.payload,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        ready_at=row.ready_at,
        status=row.status,
        error_code=row.error_code,
        created_at=row.created_at,
        ended_at=row.ended_at,
        log=tuple(Attempt(each.started_at, each.ended_at, each.status, each.error_code) for each in tried),
    )
