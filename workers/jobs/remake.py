"""An input that is gone or damaged: the step that made it runs once more, and this one waits for it."""

from sqlalchemy import Connection, select, update

from pipeline.stages import STEPS, Step
from workers.db.base import db_now
from workers.db.tables import steps
from workers.jobs.history import close_attempt, record
from workers.jobs.lease import hold, outcome
from workers.jobs.values import Lease
from workers.states import Outcome, StepState

_MOST_REMAKES = 1


def remake_input(connection: Connection, lease: Lease, error: tuple[str, str]) -> Step | None:
    """Send the job back to the step that makes the input of this one; None when there is none, or it was tried before.

    Raises:
        Fenced: the step was taken away; nothing was written.
    """
    position = STEPS.index(lease.step)
    if position == 0:
        return None
    maker = STEPS[position - 1]
    if outcome(connection, lease) == Outcome.RETURNED:
        return maker
    is_maker = (steps.c.job_id == lease.job_id) & (steps.c.name == maker)
    remakes = connection.execute(select(steps.c.remakes).where(is_maker)).scalar_one()
    if remakes >= _MOST_REMAKES:
        return None
    hold(
        connection,
        lease,
        {"state": StepState.BLOCKED, "lease_until": None, "claim_token": None, "progress": 0.0, "ready_at": None},
    )
    connection.execute(
        update(steps)
        .where(is_maker, steps.c.state == StepState.DONE)
        .values(
            state=StepState.READY,
            ready_at=db_now(),
            remakes=remakes + 1,
            published_at=None,
            publishes=0,
            claim_token=None,
            progress=0.0,
            ended_at=None,
        )
    )
    close_attempt(connection, lease.step_id, lease.fence, Outcome.RETURNED, error)
    record(connection, lease.job_id, "step.input_lost", lease.step, error[0])
    return maker
