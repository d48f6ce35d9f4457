"""Delete what a job held: on request all of it, by retention a class of data at a time; each with a receipt.

The rows say first that the bytes are gone and the store loses them afterwards, so that nothing refers to bytes that are
not there. A removal whose `finished_at` is missing was cut short, and is finished by the next collector.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from pipeline.options import JobOptions
from pipeline.stages import Step
from workers.db.base import db_now
from workers.db.tables import artifacts, attempts, chores, job_tags, jobs, removals, steps, transcripts
from workers.errors import JobNotFound
from workers.jobs.control import stop_job
from workers.jobs.history import record
from workers.jobs.inserting import insert_ignoring
from workers.jobs.values import SOURCE, DataClass, Keep, stored_options
from workers.states import FINAL_JOB_STATES, JobState

_BATCH = 100
MAKERS: dict[DataClass, tuple[str, ...]] = {
    DataClass.AUDIO: (SOURCE,),
    DataClass.FEATURES: (Step.PREPROCESS, Step.FEATURES, Step.DECODE),
    DataClass.EMISSIONS: (Step.INFERENCE,),
    DataClass.TEXT: (),
}
_KEPT = {
    DataClass.AUDIO: jobs.c.keep_audio_s,
    DataClass.FEATURES: jobs.c.keep_features_s,
    DataClass.EMISSIONS: jobs.c.keep_emissions_s,
    DataClass.TEXT: jobs.c.keep_text_s,
}


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """Bytes that the store no longer holds; `step` is the one that made them, or `source`."""

    step: str
    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RemovedText:
    """A version of the transcript that is gone, by its length in bytes of UTF-8 when it was there."""

    version: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted of a job, when and why (`request`, or a class of data); times are seconds since 1970."""

    id: int
    job_id: str
    reason: str
    at: float
    finished_at: float | None
    files: tuple[RemovedFile, ...]
    texts: tuple[RemovedText, ...]


def delete_job(connection: Connection, job_id: str) -> Receipt:
    """Delete everything that a job held, and cancel it first if it has not ended. Its row stays, without content.

    A job that was deleted before gives its receipt again.

    Raises:
        JobNotFound: there is no such job.
    """
    found = connection.execute(
        select(jobs.c.state, jobs.c.deleted_at).where(jobs.c.id == job_id).with_for_update()
    ).first()
    if found is None:
        raise JobNotFound(job_id)
    if found.deleted_at is not None:
        return receipts(connection, job_id)[-1]
    if found.state not in FINAL_JOB_STATES:
        stop_job(connection, job_id, JobState.CANCELED)
    files = _take_files(connection, job_id, tuple(step for makers in MAKERS.values() for step in makers))
    texts = _take_texts(connection, job_id)
    _empty(connection, job_id)
    record(connection, job_id, "job.deleted")
    return _write(connection, job_id, "request", files, texts)


def due(connection: Connection, kind: DataClass, keep: Keep) -> list[str]:
    """Jobs that hold data of this kind past its time, at most a batch of them."""
    default_s = keep.seconds(kind)
    own_s = _KEPT[kind]
    held = transcripts if kind is DataClass.TEXT else artifacts
    wanted = (
        select(held.c.job_id)
        .distinct()
        .join(jobs, jobs.c.id == held.c.job_id)
        .where(jobs.c.state.in_(FINAL_JOB_STATES))
        .limit(_BATCH)
    )
    if kind is not DataClass.TEXT:
        wanted = wanted.where(artifacts.c.step.in_(MAKERS[kind]), artifacts.c.removed_at.is_(None))
    # What is made before the job ends can't be due before its own age is: the index finds it by that.
    by_default = (own_s.is_(None), held.c.created_at < db_now() - default_s, jobs.c.ended_at < db_now() - default_s)
    by_own = (own_s.is_not(None), jobs.c.ended_at < db_now() - own_s)
    found: list[str] = []
    for is_late in (by_default, by_own):
        found += connection.execute(wanted.where(*is_late)).scalars()
    return found


def remove_due(connection: Connection, job_id: str, kind: DataClass, keep: Keep) -> Receipt | None:
    """Let go of one kind of data of a job if its time has passed, which a retry in between may have changed."""
    is_late = func.coalesce(_KEPT[kind], keep.seconds(kind)) < db_now() - jobs.c.ended_at
    held = connection.execute(
        select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.state.in_(FINAL_JOB_STATES), is_late).with_for_update()
    ).first()
    if held is None:
        return None
    files = _take_files(connection, job_id, MAKERS[kind])
    texts = _take_texts(connection, job_id) if kind is DataClass.TEXT else ()
    if not files and not texts:
        return None
    record(connection, job_id, "data.removed", reason=kind)
    return _write(connection, job_id, kind, files, texts)


def unfinished(connection: Connection) -> list[Receipt]:
    """Removals whose bytes may still be in the store."""
    rows = connection.execute(select(removals).where(removals.c.finished_at.is_(None)).limit(_BATCH))
    return [_receipt(row) for row in rows]


def finish_removal(connection: Connection, receipt_id: int) -> None:
    """Note that the store has lost the bytes too."""
    connection.execute(
        update(removals)
        .where(removals.c.id == receipt_id, removals.c.finished_at.is_(None))
        .values(finished_at=db_now())
    )


def receipts(connection: Connection, job_id: str) -> list[Receipt]:
    """What was deleted of a job, oldest first."""
    rows = connection.execute(select(removals).where(removals.c.job_id == job_id).order_by(removals.c.id))
    return [_receipt(row) for row in rows]


def referenced(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Those of these keys that a job needs."""
    wanted = select(artifacts.c.key).where(artifacts.c.key.in_(tuple(keys)), artifacts.c.removed_at.is_(None))
    return set(connection.execute(wanted).scalars())


def begin_chore(connection: Connection, name: str, every_s: float) -> bool:
    """Whether it is time for work that one process does for all; then it is this one's to do."""
    moved = connection.execute(
        update(chores).where(chores.c.name == name, chores.c.begun_at < db_now() - every_s).values(begun_at=db_now())
    )
    if moved.rowcount:
        return True
    made = insert_ignoring(connection, chores).values(name=name, begun_at=db_now()).returning(chores.c.name)
    return connection.execute(made).first() is not None


def _take_files(connection: Connection, job_id: str, makers: tuple[str, ...]) -> tuple[RemovedFile, ...]:
    rows = connection.execute(
        update(artifacts)
        .where(artifacts.c.job_id == job_id, artifacts.c.step.in_(makers), artifacts.c.removed_at.is_(None))
        .values(removed_at=db_now())
        .returning(artifacts.c.step, artifacts.c.key, artifacts.c.sha256, artifacts.c.size_bytes)
    )
    return tuple(sorted((RemovedFile(*row) for row in rows), key=lambda file: file.key))


def _take_texts(connection: Connection, job_id: str) -> tuple[RemovedText, ...]:
    rows = connection.execute(
        delete(transcripts)
        .where(transcripts.c.job_id == job_id)
        .returning(transcripts.c.version, func.length(transcripts.c.document))
    )
    return tuple(sorted((RemovedText(*row) for row in rows), key=lambda text: text.version))


def _empty(connection: Connection, job_id: str) -> None:
    """Everything that callers gave or that was said, out of the rows that stay."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id)
        .values(
            deleted_at=db_now(),
            file_name="",
            external_id=None,
            annotations={},
            idempotency_key=None,
            options=stored_options(JobOptions()),
            error_message=None,
            report=None,
        )
    )
    connection.execute(delete(job_tags).where(job_tags.c.job_id == job_id))
    of_the_job: ColumnElement[bool] = steps.c.job_id == job_id
    connection.execute(update(steps).where(of_the_job).values(error_message=None))
    its_steps = select(steps.c.id).where(of_the_job).scalar_subquery()
    connection.execute(update(attempts).where(attempts.c.step_id.in_(its_steps)).values(error_detail=None))


def _write(
    connection: Connection, job_id: str, reason: str, files: tuple[RemovedFile, ...], texts: tuple[RemovedText, ...]
) -> Receipt:
    removed = {"files": [asdict(each) for each in files], "texts": [asdict(each) for each in texts]}
    row = connection.execute(
        insert(removals).values(job_id=job_id, reason=reason, removed=removed, at=db_now()).returning(removals)
    ).one()
    return _receipt(row)


def _receipt(row: Row[tuple[Any, ...]]) -> Receipt:
    return Receipt(
        id=row.id,
        job_id=row.job_id,
        reason=row.reason,
        at=row.at,
        finished_at=row.finished_at,
        files=tuple(RemovedFile(**each) for each in row.removed["files"]),
        texts=tuple(RemovedText(**each) for each in row.removed["texts"]),
    )
