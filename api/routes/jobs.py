"""Jobs: look at them, list them, stop them, run them again."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.queries import Moment
from api.refusals import refusals
from api.schemas import Job, JobList, Tag, Text
from api.security import Caller, Reader, Writer
from api.watching import until_final
from pipeline.stages import Step
from workers.jobs import JobStatus
from workers.jobs.listing import Wanted
from workers.states import JobState

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(description="The id of a job.", examples=["6f1c1f6e-3a57-4e0e-8d7e-1f2d3c4b5a69"])]
LONGEST_WAIT_S = 60


class JobQuery(BaseModel):
    """Which jobs a list shows."""

    model_config = ConfigDict(extra="forbid")

    status: tuple[JobState, ...] = Field((), description="May be repeated.", max_length=6)
    created_after: Moment | None = Field(None, description="With a time zone: 2026-11-22T18:00:00Z.")
    created_before: Moment | None = None
    tag: Tag | None = None
    external_id: Annotated[Text, Field(max_length=255)] | None = None
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=300, description="`next_cursor` of the page before.")


@router.get("/v1/jobs", summary="List jobs", responses=refusals())
async def list_jobs(caller: Reader, query: Annotated[JobQuery, Query()]) -> JobList:
    """The newest first, page by page; jobs made in the meantime neither shift nor repeat any."""
    wanted = Wanted(
        states=query.status,
        created_after=_seconds(query.created_after),
        created_before=_seconds(query.created_before),
        tag=query.tag,
        external_id=query.external_id,
        limit=query.limit,
        cursor=query.cursor,
    )
    page = await caller.services.read(caller.jobs.page, wanted)
    return JobList(jobs=[job_out(caller, job) for job in page.jobs], next_cursor=page.next_cursor)


@router.get("/v1/jobs/{job_id}", summary="Look at a job", responses=refusals(HTTPStatus.NOT_FOUND))
async def get_job(
    job_id: JobId,
    caller: Reader,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S, description="Answer when it ends, or after seconds.")] = 0,
) -> Job:
    """The job as it is now, or with `wait` as soon as it has ended. A job that failed is an answer, not an error."""
    job = await waited_for(caller, job_id, wait) if wait else await caller.job(job_id)
    return job_out(caller, job)


@router.post(
    "/v1/jobs/{job_id}/cancel", summary="Cancel a job", responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
)
async def cancel_job(job_id: JobId, caller: Writer) -> Job:
    """Stop a job that has not ended; one that has stays as it is."""
    await caller.services.write(caller.jobs.cancel, job_id)
    return job_out(caller, await caller.job(job_id))


@router.post(
    "/v1/jobs/{job_id}/retry",
    summary="Run a job again",
    status_code=HTTPStatus.ACCEPTED,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE),
)
async def retry_job(
    job_id: JobId,
    caller: Writer,
    from_step: Annotated[Step | None, Query(description="Default: the first step that is not done.")] = None,
) -> Job:
    """Run a job that has ended again; what its earlier steps made is used again."""
    await caller.services.write(_retry, caller, job_id, from_step)
    return job_out(caller, await caller.job(job_id))


async def waited_for(caller: Caller, job_id: str, wait_s: float) -> JobStatus:
    """The job as soon as it has ended, or as it is after `wait_s`; holds no thread meanwhile."""
    watcher = caller.services.watcher
    # Listen first and look then: whatever happens in between is heard.
    with watcher.listen(caller.tenant, job_id) as listener:
        job = await caller.job(job_id)
        if job.is_final:
            return job
        await until_final(listener, wait_s)
    return await caller.job(job_id)


def job_out(caller: Caller, job: JobStatus) -> Job:
    """The job as callers see it."""
    return Job.of(job, caller.services.forecast.of(job))


def _retry(caller: Caller, job_id: str, from_step: Step | None) -> None:
    caller.services.client.announce(job_id, caller.jobs.retry(job_id, from_step))


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
