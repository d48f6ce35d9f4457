"""The tables. Times are `db_now()` seconds; states are the values of `workers.states`.

jobs ─┬─ steps ── attempts      what decides, and its history
      ├─ events                 append-only, what listeners resume from
      ├─ job_tags               what callers group jobs by
      ├─ artifacts              references to bytes in the store
      ├─ transcripts ─ segments ─ words
      └─ deliveries ── delivery_attempts     what receivers are told of it
webhook_endpoints ─┘                         who they are

api_keys, usage                 whose a request is, and what each tenant had transcribed; they outlive the jobs
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from pipeline.stages import STEPS
from workers.db.base import JsonText, metadata
from workers.states import DeliveryState, JobState, StepState

# SQLite numbers rows by itself only for a plain INTEGER primary key.
RowId = BigInteger().with_variant(Integer, "sqlite")


def _one_of(column: str, values: object) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _job_id(*, primary_key: bool = False) -> "Column[str]":
    return Column(
        "job_id", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key
    )


jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("version", Integer, nullable=False),  # of the transcript that the job is making, from 1
    Column("options", JsonText, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("external_id", String(255)),
    Column("annotations", JsonText, nullable=False),  # the caller's own metadata, returned as it came
    Column("idempotency_key", String(255)),
    Column("request_sha256", String(64), nullable=False),
    Column("callback_url", Text),  # is told how the job ended, beside the tenant's webhook endpoints
    Column("duration_s", Double),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("expires_at", Double),
    Column("source_bytes", BigInteger),
    Column("estimated_s", Double),  # of audio, until duration_s is known
    # How long after its end the job's data is kept; NULL: as long as the settings say.
    Column("keep_audio_s", Double),
    Column("keep_features_s", Double),
    Column("keep_emissions_s", Double),
    Column("keep_text_s", Double),
    Column("deleted_at", Double),
    UniqueConstraint("tenant", "idempotency_key"),
    Index(None, "tenant", "created_at"),
    Index(None, "tenant", "state"),
    Index(None, "state"),
    Index(None, "ended_at"),
    _one_of("state", JobState),
)

steps = Table(
    "steps",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _job_id(),
    Column("name", String(16), nullable=False),
    # Copies of the job's, so that a claim reads one table and one index.
    Column("tenant", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fence", Integer, nullable=False),  # grows with each claim; only its holder may end the step
    Column("claim_token", String(36)),  # finds a claim again whose commit was in doubt
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("remakes", Integer, nullable=False, server_default="0"),  # because what it had left was gone or damaged
    Column("worker", String(255)),
    Column("progress", Double, nullable=False),
    Column("ready_at", Double),  # not to be claimed before
    Column("published_at", Double),
    Column("publishes", Integer, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("lease_until", Double),
    Column("deadline_at", Double),
    Column("error_code", String(64)),
    Column("error_message", Text),
    UniqueConstraint("job_id", "name"),
    Index(None, "name", "state", "ready_at"),
    Index(None, "state", "lease_until"),
    _one_of("name", STEPS),
    _one_of("state", StepState),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("step_id", RowId, ForeignKey("steps.id", ondelete="CASCADE"), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("worker", String(255), nullable=False),
    Column("waited_s", Double, nullable=False),  # from ready to claimed; the run itself is ended_at - started_at
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", String(16)),
    Column("error_code", String(64)),
    Column("error_detail", Text),
    Column("exit_status", String(64)),  # of the process that it took with it
    UniqueConstraint("step_id", "fence"),
)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _job_id(),
    Column("at", Double, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("step", String(16)),
    Column("reason", Text),
    Index(None, "job_id", "id"),
    # Without it SQLite gives the number of a deleted row to the next one, which a listener would take for one it saw.
    sqlite_autoincrement=True,
)

job_tags = Table(
    "job_tags",
    metadata,
    _job_id(primary_key=True),
    Column("tag", String(64), primary_key=True),
    Index(None, "tag", "job_id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _job_id(),
    Column("step", String(16), nullable=False),  # the step that made it, or "source" for the recording
    Column("fence", Integer, nullable=False),
    Column("key", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("removed_at", Double),  # the bytes are gone from the store; what they were stays written here
    UniqueConstraint("job_id", "step", "fence"),
    UniqueConstraint("key"),
    Index(None, "step", "removed_at", "created_at"),
)

removals = Table(
    "removals",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _job_id(),
    Column("reason", String(16), nullable=False),
    Column("removed", JsonText, nullable=False),
    Column("at", Double, nullable=False),
    Column("finished_at", Double),  # the bytes are gone from the store too
    Index(None, "job_id"),
    Index(None, "finished_at"),
)

chores = Table(
    "chores",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("begun_at", Double, nullable=False),
)

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    _job_id(),
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
    _one_of("state", DeliveryState),
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
    Index(None, "tenant", "created_at"),
)

pieces = Table(
    "pieces",
    metadata,
    Column("session_id", String(36), ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    _job_id(),
    Column("start_s", Double, nullable=False),  # from the start of the session
    Column("end_s", Double, nullable=False),
    UniqueConstraint("job_id"),
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
