"""The recording of a job that was handed in as a link, once a worker has fetched it."""

from sqlalchemy import Connection, insert, select

from workers.db.base import db_now
from workers.db.tables import artifacts, steps
from workers.errors import Fenced
from workers.jobs.values import SOURCE, ArtifactRef, Lease
from workers.states import StepState


def keep(connection: Connection, lease: Lease, ref: ArtifactRef) -> None:
    """From now on the recording of this job is `ref`: whoever tries the step again does not fetch it again.

    Raises:
        Fenced: the step was taken away; nothing was written.
    """
    held = connection.execute(
        select(steps.c.id)
        .where(steps.c.id == lease.step_id, steps.c.fence == lease.fence, steps.c.state == StepState.RUNNING)
        .with_for_update()
    ).first()
    if held is None:
        raise Fenced(f"{lease.step} of job {lease.job_id}, fence {lease.fence}")
    if connection.execute(select(artifacts.c.id).where(artifacts.c.key == ref.key)).first() is not None:
        return
    connection.execute(
        insert(artifacts).values(
            job_id=lease.job_id,
            step=SOURCE,
            fence=lease.fence,
            key=ref.key,
            sha256=ref.sha256,
            size_bytes=ref.size_bytes,
            created_at=db_now(),
        )
    )
