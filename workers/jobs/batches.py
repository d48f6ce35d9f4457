"""Jobs that were handed in together: how far they are, stopped together, and told of once when all have ended.

A batch is opened, its jobs are made, each in the transaction that adds it, and it is sealed. It ends once: a job that
is tried again later does not open it anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic import dataclasses as checked
from sqlalchemy import ColumnElement, Connection, FromClause, Row, exists, func, insert, select, update

from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import batch_jobs, batches, jobs
from workers.errors import BatchNotFound, IdempotencyConflict
from workers.jobs.inserting import insert_ignoring
from workers.jobs.outbox import BATCH_ENDED, Message, tell
from workers.jobs.values import BatchPlace
from workers.states import FINAL_JOB_STATES, JobState

_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


@checked.dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch as it is opened; making one raises pydantic's ValidationError for what a database would not keep.

    `request_sha256` tells another request with the same `idempotency_key` from the same one.
    """

    id: str
    tenant: Annotated[_Text, Field(min_length=1, max_length=64)] = "default"
    callback_url: Annotated[_Text, Field(max_length=2048)] | None = None
    idempotency_key: Annotated[_Text, Field(max_length=255)] | None = None
    request_sha256: str = ""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch as callers see it; times are seconds since 1970, `counts` says how many of its jobs are in each state."""

    id: str
    tenant: str
    created_at: float
    is_sealed: bool
    ended_at: float | None
    counts: Mapping[JobState, int]

    @property
    def is_final(self) -> bool:
        """Whether all jobs have ended."""
        return self.ended_at is not None


class Batches:
    """The door to batches; each method is one transaction, but `cancel` has one for each job."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self, batch: NewBatch) -> str:
        """Open a batch, or find the one that the same request opened before; its id.

        Raises:
            IdempotencyConflict: the key was used for another request.
        """
        return self.database.run(partial(open_batch, batch=batch))

    def seal(self, batch_id: str) -> None:
        """No more jobs will come; safe to repeat."""
        self.database.run(partial(seal, batch_id=batch_id))

    def seal_abandoned(self, after_s: float) -> int:
        """Seal what was opened longer ago than `after_s`, because who handed it in has died; how many."""
        return self.database.run(partial(seal_abandoned, after_s=after_s))

    def status(self, batch_id: str) -> BatchStatus:
        """The batch as it is now.

        Raises:
            BatchNotFound: there is no such batch.
        """
        with self.database.read() as connection:
            return status(connection, batch_id)

    def cancel(self, batch_id: str, cancel_job: Callable[[str], bool]) -> int:
        """Cancel each job that has not ended, by this function; how many it canceled.

        Raises:
            BatchNotFound: there is no such batch.
        """
        self.status(batch_id)
        with self.database.read() as connection:
            running = unfinished_jobs(connection, batch_id)
        return sum(cancel_job(job_id) for job_id in running)


def open_batch(connection: Connection, batch: NewBatch) -> str:
    """Insert the batch; its id, or that of the batch that the same request opened before.

    Raises:
        IdempotencyConflict: the key was used for another request.
    """
    connection.execute(
        insert_ignoring(connection, batches).values(
            id=batch.id,
            tenant=batch.tenant,
            callback_url=batch.callback_url,
            idempotency_key=batch.idempotency_key,
            request_sha256=batch.request_sha256,
            created_at=db_now(),
        )
    )
    same = batches.c.id == batch.id
    if batch.idempotency_key is not None:
        same |= (batches.c.tenant == batch.tenant) & (batches.c.idempotency_key == batch.idempotency_key)
    found = connection.execute(select(batches.c.id, batches.c.request_sha256).where(same)).one()
    if found.request_sha256 != batch.request_sha256:
        raise IdempotencyConflict(batch.idempotency_key or batch.id)
    return str(found.id)


def add(connection: Connection, place: BatchPlace, job_id: str) -> None:
    """Make a job part of a batch, in the transaction that makes the job."""
    connection.execute(insert(batch_jobs).values(batch_id=place.batch_id, position=place.position, job_id=job_id))


def seal(connection: Connection, batch_id: str) -> None:
    """No more jobs will come: from now on the batch can end, perhaps at once. Safe to repeat."""
    connection.execute(
        update(batches).where(batches.c.id == batch_id).values(sealed_at=func.coalesce(batches.c.sealed_at, db_now()))
    )
    _end_if_done(connection, batch_id)


def is_of_batch(ended: FromClause) -> ColumnElement[bool]:
    """Whether a job, a row of `ended`, is part of a batch."""
    return exists().where(batch_jobs.c.job_id == ended.c.id)


def note_job_ended(connection: Connection, job_id: str) -> None:
    """End the batch of a job that has just ended, if it was the last one."""
    wanted = select(batch_jobs.c.batch_id).where(batch_jobs.c.job_id == job_id)
    _end_if_done(connection, connection.execute(wanted).scalar_one())


def _end_if_done(connection: Connection, batch_id: str) -> None:
    # The last two jobs may end at the same time, each in the belief that the other goes on: whoever holds the lock of
    # the batch looks after the other's transaction, or before it and then the other looks after this one.
    batch = connection.execute(select(batches).where(batches.c.id == batch_id).with_for_update()).one()
    unfinished = exists().where(*_members(batch_id), jobs.c.state.not_in(tuple(FINAL_JOB_STATES)))
    if batch.sealed_at is None or batch.ended_at is not None or connection.execute(select(unfinished)).scalar_one():
        return
    counts = _counts(connection, batch_id)
    data = {"batch_id": batch_id, "jobs": sum(counts.values()), "counts": {str(key): counts[key] for key in counts}}
    connection.execute(update(batches).where(batches.c.id == batch_id).values(ended_at=db_now(), callback_url=None))
    tell(connection, Message(batch.tenant, BATCH_ENDED, data), batch.callback_url)


def _members(batch_id: str) -> tuple[ColumnElement[bool], ...]:
    return batch_jobs.c.batch_id == batch_id, batch_jobs.c.job_id == jobs.c.id


def _counts(connection: Connection, batch_id: str) -> dict[JobState, int]:
    rows = connection.execute(select(jobs.c.state, func.count()).where(*_members(batch_id)).group_by(jobs.c.state))
    return {JobState(state): number for state, number in rows}


def status(connection: Connection, batch_id: str, tenant: str | None = None) -> BatchStatus:
    """The batch as it is now.

    Raises:
        BatchNotFound: there is no such batch, or it is another tenant's.
    """
    row = connection.execute(select(batches).where(batches.c.id == batch_id)).first()
    if row is None or tenant not in {None, row.tenant}:
        raise BatchNotFound(batch_id)
    return _status_of(row, _counts(connection, batch_id))


def _status_of(row: Row[tuple[Any, ...]], counts: Mapping[JobState, int]) -> BatchStatus:
    return BatchStatus(row.id, row.tenant, row.created_at, row.sealed_at is not None, row.ended_at, counts)


def unfinished_jobs(connection: Connection, batch_id: str) -> list[str]:
    """The ids of those jobs of a batch that have not ended."""
    wanted = select(jobs.c.id).where(*_members(batch_id), jobs.c.state.not_in(tuple(FINAL_JOB_STATES)))
    return list(connection.execute(wanted).scalars())


def seal_abandoned(connection: Connection, after_s: float) -> int:
    """Seal what was opened longer ago than `after_s`: whoever handed it in has died meanwhile. How many these were."""
    late = connection.execute(
        select(batches.c.id).where(batches.c.sealed_at.is_(None), batches.c.created_at < db_now() - after_s)
    ).scalars()
    found = list(late)
    for batch_id in found:
        seal(connection, batch_id)
    return len(found)
