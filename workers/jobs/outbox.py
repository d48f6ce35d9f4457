"""What receivers are to be told, written in the transaction in which it happens: it is not lost."""

import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, FromClause, exists, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from workers.db.base import db_now
from workers.db.tables import deliveries, jobs, webhook_endpoints
from workers.states import FINAL_JOB_STATES, DeliveryState

CALLBACKS = ""
"""The URL of the endpoint that stands for the callback URLs of a tenant's jobs."""

JOB_KINDS = tuple(f"transcription.job.{state}" for state in sorted(FINAL_JOB_STATES))
BATCH_ENDED = "transcription.batch.completed"
"""Once for a batch, when all its jobs have ended, well or not."""

KINDS = (*JOB_KINDS, BATCH_ENDED)
"""What an endpoint can ask for."""

TEST_KIND = "webhook.test"

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Message:
    """An event as receivers get it; it links to the job and holds nothing of what was said."""

    tenant: str
    kind: str
    data: dict[str, Any]
    job_id: str | None = None


def wants_to_know(ended: FromClause) -> ColumnElement[bool]:
    """Whether a job, a row of `ended`, has a callback URL or its tenant an endpoint: whether anyone is to be told."""
    is_watched = exists().where(webhook_endpoints.c.tenant == ended.c.tenant, webhook_endpoints.c.disabled_at.is_(None))
    return or_(ended.c.callback_url.is_not(None), is_watched)


def tell_job_ended(connection: Connection, job_id: str) -> None:
    """Write a delivery to each endpoint that wants to know of this job, and to its callback URL."""
    job = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
    error = {"code": job.error_code, "message": job.error_message} if job.error_code else None
    data = {
        "job_id": job.id,
        "status": job.state,
        "version": job.version,
        "external_id": job.external_id,
        "duration_s": job.duration_s,
        "error": error,
    }
    message = Message(job.tenant, f"transcription.job.{job.state}", data, job.id)
    tell(connection, message, job.callback_url)


def tell(connection: Connection, message: Message, callback_url: str | None = None) -> None:
    """Write a delivery of this message to each endpoint of the tenant that wants its kind, and to `callback_url`."""
    rows = connection.execute(
        select(webhook_endpoints.c.id, webhook_endpoints.c.url, webhook_endpoints.c.kinds).where(
            webhook_endpoints.c.tenant == message.tenant,
            webhook_endpoints.c.url != CALLBACKS,
            webhook_endpoints.c.disabled_at.is_(None),
        )
    )
    targets = [(row.id, row.url) for row in rows if not row.kinds or message.kind in row.kinds]
    if callback_url is not None:
        targets.append((callback_endpoint(connection, message.tenant), callback_url))
    for target in targets:
        deliver_to(connection, message, target, new_delivery_id())


def deliver_to(connection: Connection, message: Message, target: tuple[str, str], delivery_id: str) -> None:
    """Write the delivery of a message to `target`: the id of an endpoint, and the URL."""
    now = float(connection.execute(select(db_now())).scalar_one())
    endpoint_id, url = target
    connection.execute(
        insert(deliveries).values(
            id=delivery_id,
            tenant=message.tenant,
            endpoint_id=endpoint_id,
            job_id=message.job_id,
            url=url,
            kind=message.kind,
            payload=_payload(message, now),
            state=DeliveryState.READY,
            fence=0,
            attempts=0,
            publishes=0,
            ready_at=now,
            created_at=now,
        )
    )


def callback_endpoint(connection: Connection, tenant: str) -> str:
    """The id of the endpoint that holds the secret for callback URLs, made when a tenant first needs it."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(
        dialect.insert(webhook_endpoints)
        .values(id=str(uuid4()), tenant=tenant, url=CALLBACKS, kinds=[], secret=new_secret(), created_at=db_now())
        .on_conflict_do_nothing()
    )
    found = connection.execute(
        select(webhook_endpoints.c.id).where(webhook_endpoints.c.tenant == tenant, webhook_endpoints.c.url == CALLBACKS)
    )
    return str(found.scalar_one())


def new_delivery_id() -> str:
    """An id by which receivers tell a delivery that they have seen from a new one."""
    return f"msg_{uuid4().hex}"


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes one: `whsec_` and base64 of 32 random bytes."""
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _payload(message: Message, at_s: float) -> str:
    at = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": message.kind, "timestamp": at, "data": message.data}, ensure_ascii=False)
