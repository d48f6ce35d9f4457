"""Webhook endpoints of a tenant, and what was sent to them."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.errors import InvalidOptions
from workers.db.base import db_now
from workers.db.tables import deliveries, webhook_endpoints
from workers.errors import EndpointExists, EndpointNotFound
from workers.jobs.deliveries import disable
from workers.jobs.outbox import CALLBACKS, KINDS, TEST_KIND, Message, callback_endpoint, deliver_to


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events of a tenant go; an empty `url` stands for the callback URLs of jobs. Times since 1970."""

    id: str
    tenant: str
    url: str
    kinds: tuple[str, ...]
    created_at: float
    disabled_at: float | None
    disabled_reason: str | None
    previous_until: float | None


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to be made, by an id that its maker chose: made twice, it is one. No `kinds` are all of them."""

    id: str
    tenant: str
    url: str
    secret: str
    kinds: tuple[str, ...] = ()


def add(connection: Connection, new: NewEndpoint) -> Endpoint:
    """Make an endpoint; its URL was checked before.

    Raises:
        InvalidOptions: there are no such kinds of events.
        EndpointExists: the tenant has one with this URL.
    """
    unknown = sorted(set(new.kinds) - set(KINDS))
    if unknown:
        raise InvalidOptions(f"there are no events {', '.join(unknown)}; there are {', '.join(KINDS)}")
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(
        dialect.insert(webhook_endpoints)
        .values(
            id=new.id,
            tenant=new.tenant,
            url=new.url,
            kinds=list(new.kinds),
            secret=new.secret,
            created_at=db_now(),
        )
        .on_conflict_do_nothing()
    )
    row = connection.execute(
        select(webhook_endpoints).where(webhook_endpoints.c.tenant == new.tenant, webhook_endpoints.c.url == new.url)
    ).one()
    if row.id != new.id:
        raise EndpointExists(row.id)
    return _endpoint(row)


def find(connection: Connection, endpoint_id: str, tenant: str | None) -> Endpoint:
    """The endpoint.

    Raises:
        EndpointNotFound: there is none, or it is another tenant's.
    """
    wanted = select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
    if tenant is not None:
        wanted = wanted.where(webhook_endpoints.c.tenant == tenant)
    row = connection.execute(wanted).first()
    if row is None:
        raise EndpointNotFound(endpoint_id)
    return _endpoint(row)


def listed(connection: Connection, tenant: str | None) -> list[Endpoint]:
    """The endpoints of a tenant, or of all, oldest first."""
    wanted = select(webhook_endpoints).order_by(webhook_endpoints.c.created_at, webhook_endpoints.c.id)
    if tenant is not None:
        wanted = wanted.where(webhook_endpoints.c.tenant == tenant)
    return [_endpoint(row) for row in connection.execute(wanted)]


def secret(connection: Connection, endpoint_id: str, tenant: str | None) -> str:
    """The newest signing secret of an endpoint; raises as `find` does."""
    found = find(connection, endpoint_id, tenant)
    row = connection.execute(select(webhook_endpoints.c.secret).where(webhook_endpoints.c.id == found.id))
    return str(row.scalar_one())


def callback_secret(connection: Connection, tenant: str) -> str:
    """The secret that signs what goes to the callback URLs of a tenant's jobs."""
    return secret(connection, callback_endpoint(connection, tenant), tenant)


def rotate(connection: Connection, endpoint: Endpoint, made: str, overlap_s: float) -> Endpoint:
    """Sign with the secret `made` from now on, and for `overlap_s` with the one before as well."""
    connection.execute(
        update(webhook_endpoints)
        # A second try of the same rotation must not push the old secret out.
        .where(webhook_endpoints.c.id == endpoint.id, webhook_endpoints.c.secret != made)
        .values(secret=made, previous_secret=webhook_endpoints.c.secret, previous_until=db_now() + overlap_s)
    )
    return find(connection, endpoint.id, None)


def remove(connection: Connection, endpoint: Endpoint) -> None:
    """Remove an endpoint and the log of its deliveries."""
    connection.execute(delete(webhook_endpoints).where(webhook_endpoints.c.id == endpoint.id))


def switch(connection: Connection, endpoint: Endpoint, *, on: bool) -> Endpoint:
    """Send to an endpoint again, or no longer; what failed in between is replayed one by one."""
    if on:
        connection.execute(
            update(webhook_endpoints)
            .where(webhook_endpoints.c.id == endpoint.id)
            .values(disabled_at=None, disabled_reason=None)
        )
    else:
        disable(connection, endpoint.id, "SWITCHED_OFF")
    return find(connection, endpoint.id, None)


def fire_test(connection: Connection, endpoint: Endpoint, delivery_id: str) -> None:
    """Send an event that says nothing to an endpoint, enabled or not, by an id that the caller chose.

    Raises:
        InvalidOptions: the endpoint stands for the callback URLs of jobs and has none itself.
    """
    if endpoint.url == CALLBACKS:
        raise InvalidOptions("callbacks go to the URL of each job")
    if connection.execute(select(deliveries.c.id).where(deliveries.c.id == delivery_id)).first() is None:
        message = Message(endpoint.tenant, TEST_KIND, {"endpoint_id": endpoint.id})
        deliver_to(connection, message, (endpoint.id, endpoint.url), delivery_id)


def _endpoint(row: Row[tuple[object, ...]]) -> Endpoint:
    return Endpoint(
        id=row.id,
        tenant=row.tenant,
        url=row.url,
        kinds=tuple(row.kinds),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        previous_until=row.previous_until,
    )
