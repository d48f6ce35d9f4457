"""What a tenant had transcribed, and how its queue does now."""

import time
from typing import Annotated

from fastapi import APIRouter, Query

from api.queries import Moment
from api.refusals import refusals
from api.schemas import QueueOut, UsageOut
from api.security import Reader

router = APIRouter(tags=["usage"])


@router.get("/v1/usage", summary="Usage in seconds of audio", responses=refusals())
async def get_usage(
    caller: Reader,
    since: Annotated[Moment | None, Query(description="Completed from then on.")] = None,
    until: Annotated[Moment | None, Query(description="Completed before then.")] = None,
) -> UsageOut:
    """Jobs that completed in the span of time, deleted ones too; each counts once."""
    start, end = (since.timestamp() if since else 0.0), (until.timestamp() if until else None)
    rows = await caller.services.read(caller.jobs.usage, start, end)
    return UsageOut(jobs=sum(row.jobs for row in rows), audio_s=round(sum(row.audio_s for row in rows), 3))


@router.get("/v1/queue", summary="Load and throughput", responses=refusals())
async def get_queue(caller: Reader) -> QueueOut:
    """Of the tenant's jobs, at this moment."""
    load = await caller.services.read(caller.jobs.load, time.time())
    return QueueOut(queued=load.queued, running=load.running, audio_s_per_s=round(load.audio_s_per_s, 3))
