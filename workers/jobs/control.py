"""What callers may do to a job that exists: cancel it, try it again."""

from sqlalchemy import Connection, case, select, update

from pipeline.stages import STEPS, Step, remaining
from workers.db.base import db_now
from workers.db.tables import artifacts, attempts, jobs, steps
from workers.errors import JobDeleted, JobNotFound, NotAllowedInState
from workers.jobs.endings import end_job
from workers.jobs.history import record
from workers.jobs.values import SOURCE
from workers.states import JobState, Outcome, StepState, sources_of


def cancel(connection: Connection, job_id: str) -> bool:
    """Cancel a job that has not ended; whether this call did it. A worker that runs a step of it is fenced off.

    Raises:
        JobNotFound: there is no such job.
    """
    _state_of(connection, job_id)
    return stop_job(connection, job_id, JobState.CANCELED)


def stop_job(connection: Connection, job_id: str, state: JobState) -> bool:
    """End a job early, and every step of it that is not done; whether it had not ended yet."""
    if not end_job(connection, job_id, state):
        return False
    stopped = connection.execute(
        update(steps)
        .where(
            steps.c.job_id == job_id,
            steps.c.state.in_((StepState.BLOCKED, StepState.READY, StepState.RUNNING)),
        )
        .values(state=StepState.CANCELED, lease_until=None, claim_token=None)
        .returning(steps.c.id)
    ).scalars()
    connection.execute(
        update(attempts)
        .where(attempts.c.step_id.in_(tuple(stopped)), attempts.c.outcome.is_(None))
        .values(outcome=Outcome.CANCELED, ended_at=db_now())
    )
    return True


def retry(connection: Connection, job_id: str, from_step: Step | None = None) -> Step:
    """Run an ended job again from `from_step`, or from the first step that is not done; return where it begins.

    It begins earlier where what an earlier step made is not kept any more. A completed job keeps its transcript and
    makes a new version.

    Raises:
        JobNotFound: there is no such job.
        JobDeleted: what it held was deleted, the recording at least.
        NotAllowedInState: the job has not ended, has expired, or an earlier step is not done.
    """
    state = _state_of(connection, job_id)
    if state not in sources_of(JobState.QUEUED):
        raise NotAllowedInState(state)
    unfinished = _first_unfinished(connection, job_id)
    start = from_step or unfinished or STEPS[0]
    if unfinished is not None and STEPS.index(start) > STEPS.index(unfinished):
        message = f"{unfinished} must be done before {start}"
        raise NotAllowedInState(message)
    start = _last_with_input(connection, job_id, start)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state == state)
        .values(
            state=JobState.QUEUED,
            version=jobs.c.version + (1 if state is JobState.COMPLETED else 0),
            ended_at=None,
            error_code=None,
            error_message=None,
            report=None,
        )
    )
    is_start = steps.c.name == start
    connection.execute(
        update(steps)
        .where(steps.c.job_id == job_id, steps.c.name.in_(remaining(start)))
        .values(
            state=case((is_start, StepState.READY.value), else_=StepState.BLOCKED.value),
            ready_at=case((is_start, db_now()), else_=None),
            crashes=0,
            retries=0,
            publishes=0,
            published_at=None,
            claim_token=None,
            progress=0.0,
            ended_at=None,
            error_code=None,
            error_message=None,
        )
    )
    connection.execute(update(steps).where(steps.c.job_id == job_id).values(remakes=0))
    record(connection, job_id, "job.retried", start)
    return start


def _last_with_input(connection: Connection, job_id: str, start: Step) -> Step:
    """The last step up to `start` whose input is still kept."""
    kept = set(
        connection.execute(
            select(artifacts.c.step).where(artifacts.c.job_id == job_id, artifacts.c.removed_at.is_(None))
        ).scalars()
    )
    inputs = dict(zip(STEPS, (SOURCE, *STEPS), strict=False))
    for step in reversed(STEPS[: STEPS.index(start) + 1]):
        if inputs[step] in kept:
            return step
    raise JobDeleted(job_id)


def _state_of(connection: Connection, job_id: str) -> JobState:
    state = connection.execute(select(jobs.c.state).where(jobs.c.id == job_id).with_for_update()).scalar()
    if state is None:
        raise JobNotFound(job_id)
    return JobState(state)


def _first_unfinished(connection: Connection, job_id: str) -> Step | None:
    done = set(
        connection.execute(
            select(steps.c.name).where(steps.c.job_id == job_id, steps.c.state == StepState.DONE)
        ).scalars()
    )
    return next((step for step in STEPS if step not in done), None)
