"""Claim a delivery, end it, take it back when it was lost: the rules of steps, for events that go out."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, insert, or_, select, update

from workers.db.base import db_now
from workers.db.tables import deliveries, delivery_attempts, webhook_endpoints
from workers.errors import Fenced
from workers.jobs.outbox import CALLBACKS
from workers.jobs.schedule import RetrySchedule
from workers.states import DeliveryState

_BATCH = 200
_MAX_DOUBLINGS = 5
GONE = "GONE"


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A request for a delivery, at best this one. `token` finds the claim again after a lost commit."""

    delivery_id: str
    worker: str
    token: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class DeliveryLease:
    """The right of one worker to send one delivery now; `started_at` by the clock of the database."""

    id: str
    fence: int
    url: str
    payload: str
    secrets: tuple[str, ...]
    started_at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended: delivered, or with an error that is final or not; `status` of HTTP where there was one."""

    error_code: str | None = None
    status: int | None = None
    is_final: bool = True
    retry_after_s: float | None = None


def claim(connection: Connection, wanted: DeliveryClaim) -> DeliveryLease | None:
    """Take a ready delivery; None when there is none.

    Order: the endpoint with the fewest deliveries under way, so that one that hangs does not hold up the others, then
    the delivery that the message named, then age.
    """
    held = connection.execute(select(deliveries).where(deliveries.c.claim_token == wanted.token)).first()
    if held is not None:
        return _lease(connection, held.id) if held.state == DeliveryState.RUNNING else None
    now = db_now()
    taken = connection.execute(
        update(deliveries)
        .where(deliveries.c.id == _next_ready(wanted), deliveries.c.state == DeliveryState.READY)
        .values(
            state=DeliveryState.RUNNING,
            fence=deliveries.c.fence + 1,
            attempts=deliveries.c.attempts + 1,
            claim_token=wanted.token,
            worker=wanted.worker,
            lease_until=now + wanted.lease_s,
        )
        .returning(deliveries.c.id, deliveries.c.fence)
    ).first()
    if taken is None:
        return None
    connection.execute(
        insert(delivery_attempts).values(delivery_id=taken.id, fence=taken.fence, worker=wanted.worker, started_at=now)
    )
    return _lease(connection, taken.id)


def _next_ready(wanted: DeliveryClaim) -> ColumnElement[str]:
    under_way = (
        select(deliveries.c.endpoint_id, func.count().label("number"))
        .where(deliveries.c.state == DeliveryState.RUNNING)
        .group_by(deliveries.c.endpoint_id)
        .subquery()
    )
    return (
        select(deliveries.c.id)
        .outerjoin(under_way, under_way.c.endpoint_id == deliveries.c.endpoint_id)
        .where(deliveries.c.state == DeliveryState.READY, deliveries.c.ready_at <= db_now())
        .order_by(
            func.coalesce(under_way.c.number, 0),
            (deliveries.c.id == wanted.delivery_id).desc(),
            deliveries.c.ready_at,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=deliveries)
        .scalar_subquery()
    )


def _lease(connection: Connection, delivery_id: str) -> DeliveryLease:
    found = connection.execute(
        select(
            deliveries.c.fence,
            deliveries.c.url,
            deliveries.c.payload,
            webhook_endpoints.c.secret,
            case(
                (webhook_endpoints.c.previous_until > db_now(), webhook_endpoints.c.previous_secret), else_=None
            ).label("previous"),
            delivery_attempts.c.started_at,
        )
        .join(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id)
        .join(
            delivery_attempts,
            (delivery_attempts.c.delivery_id == deliveries.c.id) & (delivery_attempts.c.fence == deliveries.c.fence),
        )
        .where(deliveries.c.id == delivery_id)
    ).one()
    secrets = (found.secret, *([found.previous] if found.previous else []))
    return DeliveryLease(delivery_id, found.fence, found.url, found.payload, secrets, found.started_at)


def finish(connection: Connection, lease: DeliveryLease, verdict: Verdict, schedule: RetrySchedule) -> DeliveryState:
    """End an attempt: delivered, ready again later, or given up; an endpoint that says it is gone is disabled.

    Raises:
        Fenced: the delivery was taken away; nothing was written.
    """
    attempt = connection.execute(
        select(deliveries.c.state, deliveries.c.attempts, deliveries.c.endpoint_id, delivery_attempts.c.ended_at)
        .join(delivery_attempts, delivery_attempts.c.delivery_id == deliveries.c.id)
        .where(deliveries.c.id == lease.id, delivery_attempts.c.fence == lease.fence)
    ).first()
    if attempt is not None and attempt.ended_at is not None and attempt.state != DeliveryState.RUNNING:
        # An earlier try of this very transaction was committed after all.
        return DeliveryState(attempt.state)
    wait_s = None
    if attempt is not None and not verdict.is_final:
        wait_s = schedule.wait_s(attempt.attempts, verdict.retry_after_s)
    state = _state_after(verdict, wait_s)
    ended = {"ready_at": db_now() + wait_s} if wait_s is not None else {"ended_at": db_now()}
    changed = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id == lease.id,
            deliveries.c.fence == lease.fence,
            deliveries.c.state == DeliveryState.RUNNING,
        )
        .values(**_at_rest(), state=state, status=verdict.status, error_code=verdict.error_code, **ended)
    )
    if attempt is None or not changed.rowcount:
        raise Fenced(f"delivery {lease.id}, fence {lease.fence}")
    _close_attempt(connection, lease.id, lease.fence, verdict)
    if verdict.error_code == GONE:
        disable(connection, attempt.endpoint_id, GONE)
    return state


def disable(connection: Connection, endpoint_id: str, reason: str) -> None:
    """Send nothing more to an endpoint, and give up what waits for it; that of callback URLs is left as it is."""
    disabled = connection.execute(
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.id == endpoint_id,
            webhook_endpoints.c.url != CALLBACKS,
            webhook_endpoints.c.disabled_at.is_(None),
        )
        .values(disabled_at=db_now(), disabled_reason=reason)
    )
    if disabled.rowcount:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == DeliveryState.READY)
            .values(state=DeliveryState.FAILED, error_code="ENDPOINT_DISABLED", ended_at=db_now())
        )


def holders(connection: Connection) -> set[str]:
    """The workers that hold a delivery."""
    running = select(deliveries.c.worker).where(deliveries.c.state == DeliveryState.RUNNING)
    return set(connection.execute(running).scalars())


def take_back(connection: Connection, gone_workers: Collection[str], schedule: RetrySchedule) -> int:
    """Make deliveries ready again whose worker is silent or gone, or give them up after too many attempts; how many."""
    is_lost = or_(deliveries.c.lease_until < db_now(), deliveries.c.worker.in_(gone_workers))
    exhausted = deliveries.c.attempts >= schedule.most_attempts
    lost = connection.execute(
        select(deliveries.c.id)
        .where(deliveries.c.state == DeliveryState.RUNNING, is_lost)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    ).scalars()
    taken = connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(list(lost)), deliveries.c.state == DeliveryState.RUNNING)
        .values(
            **_at_rest(),
            state=case((exhausted, DeliveryState.FAILED.value), else_=DeliveryState.READY.value),
            ready_at=db_now(),
            ended_at=case((exhausted, db_now()), else_=None),
            error_code="WORKER_LOST",
        )
        .returning(deliveries.c.id, deliveries.c.fence)
    ).all()
    for delivery in taken:
        _close_attempt(connection, delivery.id, delivery.fence, Verdict("WORKER_LOST"))
    return len(taken)


def unannounced(connection: Connection, after_s: float, *, is_idle: bool) -> list[str]:
    """Deliveries that a worker should be told of: never announced, or for so long that the message must be lost.

    As with steps, the wait doubles with each announcement, and is short while the queue is empty.
    """
    doubled = case(
        *((deliveries.c.publishes == times, after_s * 2**times) for times in range(1, _MAX_DOUBLINGS)),
        else_=after_s * 2**_MAX_DOUBLINGS,
    )
    wait_s = 1.0 + deliveries.c.publishes if is_idle else doubled
    rows = connection.execute(
        select(deliveries.c.id)
        .where(
            deliveries.c.state == DeliveryState.READY,
            deliveries.c.ready_at <= db_now(),
            or_(deliveries.c.published_at.is_(None), deliveries.c.published_at + wait_s <= db_now()),
        )
        .order_by(deliveries.c.ready_at)
        .limit(_BATCH)
    )
    return list(rows.scalars())


def mark_announced(connection: Connection, delivery_id: str) -> None:
    """Remember that the delivery was announced just now."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == DeliveryState.READY)
        .values(published_at=db_now(), publishes=deliveries.c.publishes + 1)
    )


def _state_after(verdict: Verdict, wait_s: float | None) -> DeliveryState:
    if verdict.error_code is None:
        return DeliveryState.DELIVERED
    return DeliveryState.FAILED if wait_s is None else DeliveryState.READY


def _close_attempt(connection: Connection, delivery_id: str, fence: int, verdict: Verdict) -> None:
    connection.execute(
        update(delivery_attempts)
        .where(
            delivery_attempts.c.delivery_id == delivery_id,
            delivery_attempts.c.fence == fence,
            delivery_attempts.c.ended_at.is_(None),
        )
        .values(ended_at=db_now(), status=verdict.status, error_code=verdict.error_code)
    )


def _at_rest() -> dict[str, object]:
    return {"claim_token": None, "lease_until": None, "published_at": None, "publishes": 0}
