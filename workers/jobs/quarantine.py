"""Steps that were set aside because they ended their worker too often, and what is known of each."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from pipeline.stages import STEPS, Step
from workers.db.base import db_now
from workers.db.tables import artifacts, attempts, jobs, steps
from workers.jobs.values import SOURCE
from workers.states import Outcome, StepState

_RECENT_S = 120.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a step; `exit_status` is that of the process that it took with it, where somebody saw it."""

    fence: int
    worker: str
    started_at: float
    ended_at: float | None
    outcome: str | None
    exit_status: str | None
    error_code: str | None
    error_detail: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quarantined step: its input by hash, and its attempts, oldest first; times are seconds since 1970."""

    job_id: str
    tenant: str
    file_name: str
    step: Step
    crashes: int
    source_sha256: str
    input_key: str
    input_sha256: str
    attempts: tuple[Attempt, ...]


def note_exit(connection: Connection, worker: str, exit_status: str) -> None:
    """Write down what a process died of, beside the attempts that it took with it a moment ago."""
    connection.execute(
        update(attempts)
        .where(
            attempts.c.worker == worker,
            attempts.c.outcome == Outcome.LOST,
            attempts.c.exit_status.is_(None),
            attempts.c.ended_at > db_now() - _RECENT_S,
        )
        .values(exit_status=exit_status[:64])
    )


def quarantined(connection: Connection, job_id: str | None = None, limit: int = 50) -> list[Evidence]:
    """What is set aside, newest first; of one job, or of all."""
    wanted = (
        select(steps.c.id, steps.c.job_id, steps.c.name, steps.c.crashes, jobs.c.tenant, jobs.c.file_name)
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(steps.c.state == StepState.QUARANTINED)
        .order_by(jobs.c.ended_at.desc(), steps.c.id)
        .limit(limit)
    )
    if job_id is not None:
        wanted = wanted.where(steps.c.job_id == job_id)
    found = []
    for row in connection.execute(wanted).all():
        step = Step(row.name)
        position = STEPS.index(step)
        source = _newest(connection, row.job_id, SOURCE)
        held = source if position == 0 else _newest(connection, row.job_id, STEPS[position - 1])
        tried = _attempts(connection, row.id)
        found.append(Evidence(row.job_id, row.tenant, row.file_name, step, row.crashes, source[1], *held, tried))
    return found


def _newest(connection: Connection, job_id: str, maker: str) -> tuple[str, str]:
    row = connection.execute(
        select(artifacts.c.key, artifacts.c.sha256)
        .where(artifacts.c.job_id == job_id, artifacts.c.step == maker)
        .order_by(artifacts.c.fence.desc())
        .limit(1)
    ).one()
    return row.key, row.sha256


def _attempts(connection: Connection, step_id: int) -> tuple[Attempt, ...]:
    rows = connection.execute(
        select(
            attempts.c.fence,
            attempts.c.worker,
            attempts.c.started_at,
            attempts.c.ended_at,
            attempts.c.outcome,
            attempts.c.exit_status,
            attempts.c.error_code,
            attempts.c.error_detail,
        )
        .where(attempts.c.step_id == step_id)
        .order_by(attempts.c.fence)
    )
    return tuple(Attempt(*row) for row in rows)
