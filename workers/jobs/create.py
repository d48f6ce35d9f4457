"""Make a job and its five step rows, once, however often the same job is handed in."""

import hashlib
import json
from dataclasses import asdict

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from pipeline.stages import STEPS
from workers.db.base import db_now
from workers.db.tables import artifacts, job_tags, jobs, steps
from workers.errors import IdempotencyConflict
from workers.jobs.admission import Gate, admit, estimate_s
from workers.jobs.history import record
from workers.jobs.values import SOURCE, DataClass, Keep, NewJob
from workers.states import JobState, StepState


def request_hash(job: NewJob) -> str:
    """Hash of what was asked for: the recording and the options, not the id."""
    asked: list[object] = [job.source.sha256, job.options.model_dump(mode="json"), job.external_id, job.annotations]
    if job.tags:
        asked.append(sorted(job.tags))
    if job.callback_url is not None:
        asked.append({"callback_url": job.callback_url})
    if job.keep != Keep():
        asked.append(asdict(job.keep))
    text = json.dumps(asked, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def create(connection: Connection, job: NewJob, gate: Gate | None = None) -> str:
    """Insert the job; return its id, or the id of the job that the same request made before.

    Without a gate it is taken however much is in flight: a piece of a call that goes on can't be heard again.

    Raises:
        IdempotencyConflict: the key was used for another request.
        QuotaExceeded, SystemFull: too much is in flight; nothing was written.
    """
    earlier = _find_earlier(connection, job)
    if earlier is not None:
        return earlier
    if gate is not None:
        admit(connection, job, gate)
    now = db_now()
    inserted = connection.execute(
        insert_ignoring(connection, jobs)
        .values(
            id=job.id,
            tenant=job.tenant,
            state=JobState.QUEUED,
            priority=job.priority,
            version=1,
            options=job.options.model_dump(mode="json"),
            file_name=job.file_name,
            external_id=job.external_id,
            annotations=job.annotations,
            idempotency_key=job.idempotency_key,
            request_sha256=request_hash(job),
            callback_url=job.callback_url,
            created_at=now,
            expires_at=None if job.expires_in_s is None else now + job.expires_in_s,
            source_bytes=job.source.size_bytes,
            estimated_s=estimate_s(job.source.size_bytes),
            **{f"keep_{kind}_s": job.keep.own_seconds(kind) for kind in DataClass},
        )
        .returning(jobs.c.id)
    ).first()
    if inserted is None:
        # Another transaction with the same request was quicker, and has committed: nothing was inserted because of it.
        return _find_earlier(connection, job) or job.id
    _insert_steps(connection, job)
    if job.tags:
        connection.execute(insert(job_tags), [{"job_id": job.id, "tag": tag} for tag in sorted(job.tags)])
    connection.execute(
        insert(artifacts).values(
            job_id=job.id,
            step=SOURCE,
            fence=0,
            key=job.source.key,
            sha256=job.source.sha256,
            size_bytes=job.source.size_bytes,
            created_at=now,
        )
    )
    record(connection, job.id, "job.queued")
    return job.id


def insert_ignoring(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that does nothing where its row is there already; a waiting one learns of it when the other commits."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    made: sqlite.Insert | postgresql.Insert = dialect.insert(table).on_conflict_do_nothing()
    return made


def _insert_steps(connection: Connection, job: NewJob) -> None:
    for step in STEPS:
        is_first = step is STEPS[0]
        connection.execute(
            insert(steps).values(
                job_id=job.id,
                name=step,
                tenant=job.tenant,
                priority=job.priority,
                state=StepState.READY if is_first else StepState.BLOCKED,
                ready_at=db_now() if is_first else None,
                fence=0,
                attempts=0,
                crashes=0,
                retries=0,
                publishes=0,
                progress=0.0,
            )
        )


def _find_earlier(connection: Connection, job: NewJob) -> str | None:
    same_request = jobs.c.id == job.id
    if job.idempotency_key is not None:
        same_request |= (jobs.c.tenant == job.tenant) & (jobs.c.idempotency_key == job.idempotency_key)
    found = connection.execute(select(jobs.c.id, jobs.c.request_sha256).where(same_request)).first()
    if found is None:
        return None
    if found.request_sha256 != request_hash(job):
        raise IdempotencyConflict(job.idempotency_key or job.id)
    return str(found.id)
