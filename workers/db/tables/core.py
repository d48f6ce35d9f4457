"""Jobs: what decides, and its history."""

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from pipeline.stages import STEPS
from workers.db.base import JsonText, metadata
from workers.db.tables.columns import RowId, job_id, one_of
from workers.states import JobState, StepState

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
    Column("report", JsonText),  # on a recording that can't be used
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
    one_of("state", JobState),
)

steps = Table(
    "steps",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    job_id(),
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
    one_of("name", STEPS),
    one_of("state", StepState),
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
    job_id(),
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
    job_id(primary_key=True),
    Column("tag", String(64), primary_key=True),
    Index(None, "tag", "job_id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    job_id(),
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
    job_id(),
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
