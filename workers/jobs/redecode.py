"""Decode a job again from what its model said: a new version of the transcript, the old ones kept."""

from sqlalchemy import Connection, select, update

from pipeline.options import JobOptions, RedecodeOptions
from pipeline.stages import Step
from workers.db.tables import events, jobs
from workers.jobs.control import retry
from workers.jobs.history import record
from workers.jobs.values import stored_options

_ASKED = "job.redecode_asked"


def redecode(connection: Connection, job_id: str, options: RedecodeOptions, token: str) -> int:
    """Run decode and format of an ended job again with `options`; the version of the transcript that they will make.

    `token` finds the request again after a lost commit: however often it is made, it counts once.

    Raises:
        JobNotFound: there is no such job.
        NotAllowedInState: the job has not ended, has expired, or never got as far as decode.
    """
    asked = (events.c.job_id == job_id) & (events.c.kind == _ASKED) & (events.c.reason == token)
    if connection.execute(select(events.c.id).where(asked)).first() is None:
        # Locks the job, so that of several who ask at once the first is heard and the others are told its state.
        retry(connection, job_id, Step.DECODE)
        made_with = JobOptions.model_validate(_column(connection, job_id, "options"))
        changed = stored_options(options.changed(made_with))
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(options=changed))
        record(connection, job_id, _ASKED, Step.DECODE, token)
    return int(str(_column(connection, job_id, "version")))


def _column(connection: Connection, job_id: str, name: str) -> object:
    return connection.execute(select(jobs.c[name]).where(jobs.c.id == job_id)).scalar_one()
