"""Who is told of a job that has ended, and what they were told."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from workers.db.base import JsonText, metadata
from workers.db.tables.columns import one_of
from workers.states import DeliveryState

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("url", Text, nullable=False),  # empty: stands for the callback URLs of jobs, and holds the secret of these
    Column("kinds", JsonText, nullable=False),  # of events; an empty list is all of them
    Column("secret", String(128), nullable=False),
    Column("previous_secret", String(128)),  # still signs beside the new one, so that receivers can change over
    Column("previous_until", Double),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    Column("disabled_reason", String(64)),
    UniqueConstraint("tenant", "url"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),  # what receivers know it by: the same in every attempt
    Column("tenant", String(64), nullable=False),
    Column("endpoint_id", String(36), ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", String(36), ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("url", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("payload", Text, nullable=False),  # byte for byte what is sent, in every attempt
    Column("state", String(16), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("claim_token", String(36)),
    Column("attempts", Integer, nullable=False),  # since it was made, or replayed
    Column("worker", String(255)),
    Column("ready_at", Double, nullable=False),
    Column("published_at", Double),
    Column("publishes", Integer, nullable=False),
    Column("lease_until", Double),
    Column("status", Integer),
    Column("error_code", String(64)),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
    Index(None, "state", "ready_at"),
    Index(None, "endpoint_id", "state"),
    Index(None, "tenant", "created_at"),
    Index(None, "job_id"),
    one_of("state", DeliveryState),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", String(40), ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("fence", Integer, primary_key=True),
    Column("worker", String(255), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("status", Integer),
    Column("error_code", String(64)),
)
