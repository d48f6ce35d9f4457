"""Whose a request is, what each tenant had transcribed, and its words; these rows outlive the jobs."""

from sqlalchemy import Column, Double, Index, String, Table

from workers.db.base import JsonText, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", JsonText, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
    Index(None, "tenant"),
)

usage = Table(
    "usage",
    metadata,
    Column("job_id", String(36), primary_key=True),  # no foreign key: what was used stays when the job is deleted
    Column("tenant", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("audio_s", Double, nullable=False),
    Index(None, "tenant", "at"),
)

vocabularies = Table(
    "vocabularies",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("content", JsonText, nullable=False),
    Column("changed_at", Double, nullable=False),
)
