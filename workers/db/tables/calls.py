"""Calls that are cut into jobs while they go on."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from workers.db.base import JsonText, metadata
from workers.db.tables.columns import job_id

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("external_id", String(255)),
    Column("annotations", JsonText, nullable=False),
    Column("pieces", Integer, nullable=False),  # that were ever added: one whose job is deleted leaves its number
    Column("duration_s", Double, nullable=False),  # up to which the call has been cut
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),  # none while pieces may still come
    Column("error_code", String(64)),  # why it was given up
    Index(None, "tenant", "created_at"),
)

pieces = Table(
    "pieces",
    metadata,
    Column("session_id", String(36), ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    job_id(),
    Column("start_s", Double, nullable=False),  # from the start of the session
    Column("end_s", Double, nullable=False),
    UniqueConstraint("job_id"),
)
