"""Jobs that were handed in together, and are told of together."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from workers.db.base import metadata
from workers.db.tables.columns import job_id

batches = Table(
    "batches",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("callback_url", Text),  # is told once that all jobs have ended
    Column("idempotency_key", String(255)),
    Column("request_sha256", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("sealed_at", Double),  # none while jobs may still be added
    Column("ended_at", Double),
    UniqueConstraint("tenant", "idempotency_key"),
    Index(None, "sealed_at", "created_at"),
)

batch_jobs = Table(
    "batch_jobs",
    metadata,
    Column("batch_id", String(36), ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    job_id(),
    UniqueConstraint("job_id"),
)
