"""Make a job and its five step rows, once, however often the same job is handed in."""

import hashlib
import json
from dataclasses import asdict
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Select,
    bindparam,
    insert,
    literal,
    null,
    select,
    union_all,
)

from pipeline.stages import STEPS, Step
from workers.db.base import db_now
from workers.db.tables import artifacts, events, job_tags, jobs, steps
from workers.errors import IdempotencyConflict
from workers.jobs import batches
from workers.jobs.admission import Gate, admit, estimate_s
from workers.jobs.cascade import Cascade
from workers.jobs.inserting import insert_ignoring_in
from workers.jobs.values import SOURCE, DataClass, Keep, NewJob, stored_options
from workers.states import JobState, StepState


def request_hash(job: NewJob) -> str:
    """Hash of what was asked for: the recording and the options, not the id."""
    asked: list[object] = [job.source.sha256, stored_options(job.options), job.external_id, job.annotations]
    if job.tags:
        asked.append(sorted(job.tags))
    if job.callback_url is not None:
        asked.append({"callback_url": job.callback_url})
    if job.keep != Keep():
        asked.append(asdict(job.keep))
    text = json.dumps(asked, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Creating:
    """The transaction that creates: one that repeats it finds what the first has made before it asks for room."""

    __name__ = "create"

    def __init__(self, job: NewJob, gate: Gate) -> None:
        self._job = job
        self._gate = gate
        self._may_be_made = job.idempotency_key is not None

    def __call__(self, connection: Connection) -> str:
        """As `create`, if there is room.

        Raises:
            QuotaExceeded, SystemFull: too much is in flight; nothing was written.
        """
        earlier = _find_earlier(connection, self._job) if self._may_be_made else None
        self._may_be_made = True
        if earlier is not None:
            return earlier
        admit(connection, self._job, self._gate)
        return create(connection, self._job)


def create(connection: Connection, job: NewJob) -> str:
    """Insert the job, however much is in flight; return its id, or the id of the job that the same request made before.

    Raises:
        IdempotencyConflict: the key was used for another request.
    """
    if _creating(connection.dialect.name).run(connection, _values_of(job)) is None:
        # It was made before, or by another transaction with the same request: nothing was inserted because of it.
        return _find_earlier(connection, job) or job.id
    if job.tags:
        connection.execute(insert(job_tags), [{"job_id": job.id, "tag": tag} for tag in sorted(job.tags)])
    if job.batch is not None:
        batches.add(connection, job.batch, job.id)
    return job.id


def _values_of(job: NewJob) -> dict[str, object]:
    return {
        "new_id": job.id,
        "new_tenant": job.tenant,
        "new_priority": job.priority,
        "new_options": stored_options(job.options),
        "new_file_name": job.file_name,
        "new_external_id": job.external_id,
        "new_annotations": job.annotations,
        "new_idempotency_key": job.idempotency_key,
        "new_request_sha256": request_hash(job),
        "new_callback_url": job.callback_url,
        "expires_in_s": job.expires_in_s,
        "new_source_bytes": job.source.size_bytes,
        "new_estimated_s": estimate_s(job.source.size_bytes),
        **{f"new_keep_{kind}_s": job.keep.own_seconds(kind) for kind in DataClass},
        "source_key": job.source.key,
        "source_sha256": job.source.sha256,
    }


_GIVEN = (
    "id",
    "tenant",
    "priority",
    "options",
    "file_name",
    "external_id",
    "annotations",
    "idempotency_key",
    "request_sha256",
    "callback_url",
    "source_bytes",
    "estimated_s",
    *(f"keep_{kind}_s" for kind in DataClass),
)
"""Columns of a job whose values are handed in, each under its name behind `new_`."""


@cache
def _creating(dialect_name: str) -> Cascade:
    expires_in_s = bindparam("expires_in_s", type_=jobs.c.expires_at.type)
    first = insert_ignoring_in(dialect_name, jobs).values(
        state=JobState.QUEUED.value,
        version=1,
        created_at=db_now(),
        expires_at=db_now() + expires_in_s,  # NULL without a time to be done
        **{name: bindparam(f"new_{name}", type_=jobs.c[name].type) for name in _GIVEN},
    )
    return Cascade(first, _what_a_job_begins_with, lambda made: select(made.c.id))


def _what_a_job_begins_with(made: FromClause) -> tuple[Insert, ...]:
    source = select(
        made.c.id,
        literal(SOURCE),
        literal(0),
        bindparam("source_key"),
        bindparam("source_sha256"),
        made.c.source_bytes,
        made.c.created_at,
    )
    queued = select(made.c.id, made.c.created_at, literal("job.queued"))
    return (
        insert(steps).from_select(
            [*_new_step(made, STEPS[0]).keys()], union_all(*(_row(made, each) for each in STEPS))
        ),
        insert(artifacts).from_select(["job_id", "step", "fence", "key", "sha256", "size_bytes", "created_at"], source),
        insert(events).from_select(["job_id", "at", "kind"], queued),
    )


def _row(made: FromClause, step: Step) -> Select[Any]:
    return select(*_new_step(made, step).values())


def _new_step(made: FromClause, step: Step) -> dict[str, ColumnElement[Any]]:
    is_first = step is STEPS[0]
    return {
        "job_id": made.c.id,
        "tenant": made.c.tenant,
        "priority": made.c.priority,
        "name": literal(step.value),
        "state": literal((StepState.READY if is_first else StepState.BLOCKED).value),
        "ready_at": made.c.created_at if is_first else null(),
        **dict.fromkeys(("fence", "attempts", "crashes", "retries", "publishes"), literal(0)),
        "progress": literal(0.0),
    }


def _find_earlier(connection: Connection, job: NewJob) -> str | None:
    asked = {"of_tenant": job.tenant, "same_id": job.id, "same_key": job.idempotency_key}
    found = connection.execute(_same_request(has_key=job.idempotency_key is not None), asked).first()
    if found is None:
        return None
    if found.request_sha256 != request_hash(job):
        raise IdempotencyConflict(job.idempotency_key or job.id)
    return str(found.id)


@cache
def _same_request(*, has_key: bool) -> Select[tuple[str, str]]:
    is_same: ColumnElement[bool] = jobs.c.id == bindparam("same_id")
    if has_key:
        is_same |= (jobs.c.tenant == bindparam("of_tenant")) & (jobs.c.idempotency_key == bindparam("same_key"))
    return select(jobs.c.id, jobs.c.request_sha256).where(is_same)
