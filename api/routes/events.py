"""Server-sent events: what happens to a job, or to every job of a tenant, as it happens."""

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from api.refusals import refusals
from api.routes.jobs import JobId
from api.schemas import EventOut
from api.security import Caller, Reader
from api.watching import FINAL_KINDS, Listener, happenings
from workers.jobs.queries import Event

router = APIRouter(tags=["events"])

LastEventId = Annotated[
    str | None,
    Header(pattern=r"^[0-9]{1,18}$", description="Of the last event that was heard; those after it are told first."),
]
EVENT_STREAM = "text/event-stream"
_HEARTBEAT_S = 15.0
_RECONNECT_MS = 2000
_EXAMPLE = 'id: 17\nevent: job.queued\ndata: {"id": 17, "job_id": "6f1c1f6e-3a57-4e0e-8d7e-1f2d3c4b5a69", ...}\n\n'
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events, until the stream ends; `data` of one is an `EventOut`.",
        "content": {EVENT_STREAM: {"example": _EXAMPLE}},
    }
}


@router.get(
    "/v1/jobs/{job_id}/events",
    summary="Listen to a job",
    response_class=Response,
    responses=refusals(HTTPStatus.NOT_FOUND)
    | _STREAM
    | {204: {"description": "The job has ended and everything was heard: do not come back."}},
)
async def job_events(job_id: JobId, caller: Reader, last_event_id: LastEventId = None) -> Response:
    """From its first event, or from the one after `Last-Event-ID`, until the job has ended.

    Events named `progress` come in between and have no id: they tell how far each step is, 0 to 1.
    """
    job = await caller.job(job_id)
    after = int(last_event_id or 0)
    if job.is_final and not await caller.services.read(caller.jobs.events_after, after, job_id):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return _stream(_of_job(caller, job_id, after))


@router.get("/v1/events", summary="Listen to all jobs", response_class=Response, responses=refusals() | _STREAM)
async def all_events(caller: Reader, last_event_id: LastEventId = None) -> Response:
    """Every event of every job from now on, or from the one after `Last-Event-ID`."""
    return _stream(_of_tenant(caller, None if last_event_id is None else int(last_event_id)))


async def _of_job(caller: Caller, job_id: str, after: int) -> AsyncIterator[str]:
    watcher = caller.services.watcher
    await watcher.ready()
    yield f"retry: {_RECONNECT_MS}\n\n"
    with watcher.listen(caller.tenant, job_id) as listener:
        async for event in _told_before(caller, listener, after):
            yield _event(event)
            after = event.id
        if (await caller.job(job_id)).is_final:
            # Nothing more will come that the watcher might still hold back.
            for event in await caller.services.read(caller.jobs.events_after, after, job_id):
                yield _event(event)
            return
        told: dict[Any, float] = {}
        async for events in happenings(listener, _HEARTBEAT_S, watcher):
            if events is None:
                yield ": still here\n\n"
                continue
            for event in (each for each in events if each.id > after):
                yield _event(event)
            if any(event.kind in FINAL_KINDS for event in events):
                return
            if listener.progress != told:
                told = listener.progress
                yield _message("progress", {"job_id": job_id, "steps": told})


async def _of_tenant(caller: Caller, after: int | None) -> AsyncIterator[str]:
    watcher = caller.services.watcher
    await watcher.ready()
    yield f"retry: {_RECONNECT_MS}\n\n"
    with watcher.listen(caller.tenant) as listener:
        if after is not None:
            async for event in _told_before(caller, listener, after):
                yield _event(event)
        async for events in happenings(listener, _HEARTBEAT_S, watcher):
            if events is None:
                yield ": still here\n\n"
                continue
            for event in (each for each in events if after is None or each.id > after):
                yield _event(event)


async def _told_before(caller: Caller, listener: Listener, after: int) -> AsyncIterator[Event]:
    """Events after `after` up to those that the listener hears by itself."""
    while True:
        found = await caller.services.read(caller.jobs.events_after, after, listener.job_id)
        settled = [event for event in found if event.id <= listener.since]
        for event in settled:
            yield event
        if not settled or len(settled) < len(found):
            return
        after = settled[-1].id


def _event(event: Event) -> str:
    out = EventOut.of(event)
    return f"id: {event.id}\n" + _message(event.kind, out.model_dump(mode="json"))


def _message(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _stream(messages: AsyncIterator[str]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(messages, media_type=EVENT_STREAM, headers=headers)
