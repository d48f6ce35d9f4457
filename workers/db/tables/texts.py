"""Transcripts, and what people changed in them."""

from sqlalchemy import Column, Double, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from workers.db.base import metadata
from workers.db.tables.columns import RowId, job_id

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    job_id(),
    Column("version", Integer, nullable=False),
    Column("language", String(16), nullable=False),
    Column("model", String(255), nullable=False),
    Column("text", Text, nullable=False),
    Column("document", Text, nullable=False),  # the canonical JSON, byte for byte what callers get
    Column("created_at", Double, nullable=False),
    UniqueConstraint("job_id", "version"),  # exactly one transcript a version: a constraint, not a hope
)

segments = Table(
    "segments",
    metadata,
    Column("transcript_id", RowId, ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("channel", Integer, nullable=False),
    Column("role", String(64)),
    Column("start_s", Double, nullable=False),
    Column("end_s", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("text", Text, nullable=False),
)

words = Table(
    "words",
    metadata,
    Column("transcript_id", RowId, ForeignKey("transcripts.id", ondelete="CASCADE"), primary_key=True),
    Column("segment", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("channel", Integer, nullable=False),
    Column("start_s", Double, nullable=False),
    Column("end_s", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("text", Text, nullable=False),
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("transcript_id", RowId, ForeignKey("transcripts.id", ondelete="CASCADE"), nullable=False),
    Column("revision", Integer, nullable=False),  # of the overlay, from 1
    Column("segment", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("text", Text),  # none: an earlier correction is taken back
    Column("author", String(64), nullable=False),
    Column("at", Double, nullable=False),
    UniqueConstraint("transcript_id", "revision", "segment", "position"),
)
