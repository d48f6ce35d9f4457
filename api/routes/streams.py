"""The audio of a live call, over a WebSocket."""

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.websockets import WebSocketState
from pydantic import Field

from api.errors import MalformedBody, UploadStalled
from api.feeds import Feed, Layout
from api.problems import problem, problem_document
from api.reading import checked_options, read_as
from api.schemas import LiveAudio
from api.security import Caller, caller_of
from pipeline.errors import VoxqueueError
from pipeline.options import NamedEncoding
from workers.errors import NotAllowedInState
from workers.jobs.sessions import SessionStatus
from workers.states import Scope

router = APIRouter()

_LOOK_S: Final = 0.1
_NORMAL, _GOING_AWAY, _REFUSED, _DEFECT = 1000, 1001, 1008, 1011


class StreamStart(LiveAudio):
    """The first message: what the bytes are, and what is wanted of them."""

    encoding: NamedEncoding
    sample_rate_hz: int = 8000
    channels: Annotated[int, Field(ge=1, le=8)] = 1


@router.websocket("/v1/streams/{stream_id}/audio")
async def take_audio(websocket: WebSocket, stream_id: str) -> None:
    """Take the audio of a live call; docs/sources.md says what is sent when."""
    try:
        caller = await caller_of(websocket, Scope.WRITE)
        session = await caller.services.read(caller.sessions.status, stream_id)
        if session.ended_at is not None:
            raise NotAllowedInState("the call has ended")
    except VoxqueueError as error:
        await websocket.send_denial_response(problem(websocket.url.path, error))
        return
    await websocket.accept()
    # Whoever is gone needs no answer.
    with suppress(WebSocketDisconnect):
        try:
            await _take(websocket, caller, session)
        except VoxqueueError as error:
            await _refuse(websocket, error)


async def _take(websocket: WebSocket, caller: Caller, session: SessionStatus) -> None:
    options = checked_options(await _start_of(websocket, caller.services.settings.upload_stall_s))
    Layout.of(options)
    # Once more: another connection may have brought some of it meanwhile.
    session = await caller.services.read(caller.sessions.status, session.id)
    me = object()
    feed = caller.services.feeds.attach(session, options, me)
    telling = asyncio.create_task(_tell(websocket, feed, me))
    try:
        await _listen(websocket, feed, me)
    finally:
        feed.detach(me)
        telling.cancel()


async def _start_of(websocket: WebSocket, stall_s: float) -> StreamStart:
    try:
        async with asyncio.timeout(stall_s):
            message = await websocket.receive()
    except TimeoutError as error:
        raise UploadStalled from error
    return read_as(StreamStart, message.get("text") or "")


async def _listen(websocket: WebSocket, feed: Feed, me: object) -> None:
    """Pass on what is sent until the connection ends."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("bytes"):
            while feed.reader is me and not feed.is_over and not feed.offer(message["bytes"]):  # noqa: ASYNC110  # a thread makes room
                await asyncio.sleep(_LOOK_S)
        # What was sent behind the back of the connection that took the call over is not in it: nor is this its end.
        elif _is_end(message.get("text") or "") and feed.reader is me:
            feed.end()


def _is_end(text: str) -> bool:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if told != {"type": "end"}:
        raise MalformedBody('it is neither audio nor {"type": "end"}')
    return True


async def _tell(websocket: WebSocket, feed: Feed, me: object) -> None:
    """Say what is kept, and how it ended."""
    with suppress(WebSocketDisconnect):
        await _tell_until_over(websocket, feed, me)


async def _tell_until_over(websocket: WebSocket, feed: Feed, me: object) -> None:
    told = feed.kept
    await websocket.send_json({"type": "ready", "offset": feed.offset, "kept": told})
    while feed.reader is me and not feed.is_over:
        await asyncio.sleep(_LOOK_S)
        if feed.kept != told:
            told = feed.kept
            await websocket.send_json({"type": "kept", "offset": told})
    if feed.reader is not me:
        await websocket.close(_GOING_AWAY, "another connection goes on with this call")
    elif feed.error is not None:
        await _refuse(websocket, feed.error)
    elif feed.is_whole:
        await _end(websocket, _NORMAL, {"type": "ended", "offset": feed.offset})
    else:
        await websocket.close(_GOING_AWAY, "come back and go on")


async def _refuse(websocket: WebSocket, error: VoxqueueError) -> None:
    document = problem_document(error)
    code = _DEFECT if document["status"] >= 500 else _REFUSED  # noqa: PLR2004  # as HTTP has it
    await _end(websocket, code, {"type": "error", "code": error.code, "message": document["detail"]})


async def _end(websocket: WebSocket, code: int, last: dict[str, Any]) -> None:
    if websocket.application_state is WebSocketState.CONNECTED:
        await websocket.send_json(last)
        await websocket.close(code)
