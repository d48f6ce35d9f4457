"""Calls that are transcribed while they go on: open one, look how far it is, read it while it grows."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from itertools import takewhile
from typing import Annotated, Any, Self
from uuid import uuid4

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from api.pulls import Pull
from api.reading import checked_options
from api.refusals import refusals
from api.routes.transcripts import MEDIA_TYPES, Format, format_for, redaction_of
from api.schemas import LiveAudio, Text, moment
from api.security import Caller, Reader, Writer
from api.watching import happenings
from pipeline.options import CaptionOptions, JobOptions
from pipeline.render import render, to_json
from pipeline.values import Transcript
from workers.jobs.sessions import NewSession, PieceStatus, SessionStatus, transcript_of
from workers.states import JobState
from workers.views import shown

router = APIRouter(tags=["streams"])

StreamId = Annotated[str, Path(description="The id of a live call.")]
_EVENT_STREAM = "text/event-stream"
_LOOK_S = 1.0
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Pieces, until the call has ended.",
        "content": {_EVENT_STREAM: {"example": "id: 0\nevent: piece\ndata: {...}\n\n"}},
    }
}


class StreamIn(LiveAudio):
    """A call that is about to be sent, or fetched.

    What the audio is and what is wanted of it stands beside `url`; who sends it says so over the WebSocket.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "line 7"}, {"url": "https://pbx.example/live/7.ogg"}]}
    )

    url: Annotated[Text, Field(max_length=2048)] | None = Field(
        None, description="An address of https, or of rtsp or rtp, from which it is fetched while it goes on."
    )
    name: Annotated[Text, Field(max_length=255)] = Field("", description="Yours, for people.")
    external_id: Annotated[Text, Field(max_length=255)] | None = Field(None, description="Your own id of the call.")
    metadata: dict[str, JsonValue] = Field({}, description="Anything; comes back as it is.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        stray = self.model_fields_set & set(LiveAudio.model_fields)
        if self.url is None and stray:
            raise ValueError(f"{', '.join(sorted(stray))}: only beside url; a WebSocket begins with it")
        return self


class PieceOut(BaseModel):
    """A piece of a call, which is a job; seconds from the start of the call."""

    position: int
    job_id: str
    status: JobState
    error: str | None = Field(description="The code of the error with which its job ended.")
    start_s: float
    end_s: float


class LiveQuery(CaptionOptions):
    """Which form; the options of captions mean something to SRT and WebVTT."""

    format: Format | None = Field(None, description="Goes before the header Accept.")


class StreamOut(BaseModel):
    """A call and how far it is."""

    id: str
    name: str
    external_id: str | None
    metadata: dict[str, Any]
    created_at: datetime | None
    ended_at: datetime | None = Field(description="Null while more may come.")
    duration_s: float = Field(description="Up to here nothing can get lost any more.")
    pieces: int
    error: str | None = Field(description="The code of the error with which it ended before the call did.")

    @classmethod
    def of(cls, session: SessionStatus) -> Self:
        """The call as callers see it."""
        return cls(
            id=session.id,
            name=session.name,
            external_id=session.external_id,
            metadata=session.annotations,
            created_at=moment(session.created_at),
            ended_at=moment(session.ended_at),
            duration_s=session.duration_s,
            pieces=session.pieces,
            error=session.error_code,
        )


@router.post(
    "/v1/streams",
    summary="Open a live call",
    status_code=HTTPStatus.CREATED,
    responses=refusals(HTTPStatus.BAD_REQUEST),
)
async def open_stream(wanted: StreamIn, response: Response, caller: Writer) -> StreamOut:
    """Its audio is then sent over a WebSocket, `/v1/streams/{stream_id}/audio`, or fetched from `url`."""
    new = NewSession(str(uuid4()), wanted.name, caller.tenant, wanted.external_id, wanted.metadata)
    if wanted.url is None:
        session = await caller.services.write(caller.sessions.open, new)
    else:
        session = await _pulled(caller, new, wanted.url, checked_options(wanted))
    response.headers["Location"] = f"/v1/streams/{session.id}"
    return StreamOut.of(session)


async def _pulled(caller: Caller, new: NewSession, url: str, options: JobOptions) -> SessionStatus:
    """A session whose audio this process fetches; nothing is opened where nobody answers."""
    feeds = caller.services.feeds
    feeds.check_room(caller.tenant)
    # Not among those who write: a server may take its time.
    pull = await asyncio.to_thread(Pull, caller.services.client, url, options)
    try:
        feeds.check_room(caller.tenant)
        session = await caller.services.write(caller.sessions.open, new)
    except BaseException:
        pull.close()
        raise
    feeds.pull(pull, session)
    return session


@router.get("/v1/streams", summary="List live calls", responses=refusals())
async def list_streams(caller: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[StreamOut]:
    """The newest first, those that have ended too."""
    return [StreamOut.of(each) for each in await caller.services.read(caller.sessions.recent, limit)]


@router.get("/v1/streams/{stream_id}", summary="Look at a live call", responses=refusals(HTTPStatus.NOT_FOUND))
async def get_stream(stream_id: StreamId, caller: Reader) -> StreamOut:
    """As it is now."""
    return StreamOut.of(await caller.services.read(caller.sessions.status, stream_id))


@router.get("/v1/streams/{stream_id}/pieces", summary="Look at its pieces", responses=refusals(HTTPStatus.NOT_FOUND))
async def list_pieces(stream_id: StreamId, caller: Reader) -> list[PieceOut]:
    """In order, each with its job."""
    found = await caller.services.read(caller.sessions.pieces, stream_id)
    return [
        PieceOut(
            position=each.position,
            job_id=each.job_id,
            status=each.state,
            error=each.error_code,
            start_s=each.start_s,
            end_s=each.end_s,
        )
        for each in found
    ]


@router.post("/v1/streams/{stream_id}/end", summary="End a live call", responses=refusals(HTTPStatus.NOT_FOUND))
async def end_stream(stream_id: StreamId, caller: Writer) -> StreamOut:
    """Nothing more will come. What has come is still transcribed; `ended_at` is set once all of it is a job."""
    await caller.services.read(caller.sessions.status, stream_id)
    if not caller.services.feeds.end(stream_id):
        await caller.services.write(caller.sessions.end, stream_id)
    return StreamOut.of(await caller.services.read(caller.sessions.status, stream_id))


@router.get(
    "/v1/streams/{stream_id}/transcript",
    summary="Read a live call",
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_ACCEPTABLE)
    | {204: {"description": "Nothing has been transcribed yet."}},
    response_class=Response,
)
async def get_transcript(
    stream_id: StreamId,
    caller: Reader,
    query: Annotated[LiveQuery, Query()],
    accept: Annotated[str, Header()] = "*/*",
) -> Response:
    """What is known so far, its times those of the call. Without the scope `unredacted`, the redacted view."""
    chosen = query.format or format_for(accept)
    text = await caller.services.read(_rendered, caller, stream_id, chosen, query)
    if text is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(text, media_type=MEDIA_TYPES[chosen], headers={"Vary": "Accept, Authorization"})


@router.get(
    "/v1/streams/{stream_id}/events",
    summary="Listen to a live call",
    response_class=Response,
    responses=refusals(HTTPStatus.NOT_FOUND) | _EVENTS,
)
async def stream_events(
    stream_id: StreamId,
    caller: Reader,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,9}$", description="Pieces after it follow.")] = None,
) -> Response:
    """An event `piece` for each piece once it is transcribed, in order, with its transcript; at last, `ended`."""
    await caller.services.read(caller.sessions.status, stream_id)
    after = -1 if last_event_id is None else int(last_event_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(caller, stream_id, after), media_type=_EVENT_STREAM, headers=headers)


async def _told(caller: Caller, stream_id: str, after: int) -> AsyncIterator[str]:
    read, watcher = caller.services.read, caller.services.watcher
    # Any job of the tenant may be the next piece; the end of a call is no event of a job.
    with watcher.listen(caller.tenant) as listener:
        async for _ in happenings(listener, _LOOK_S, watcher):
            # Looked at first: whatever is added later is seen below.
            session = await read(caller.sessions.status, stream_id)
            found = await read(caller.sessions.pieces, stream_id, after)
            done = list(takewhile(lambda piece: piece.is_final, found))
            for piece in done:
                yield await read(_message_of, caller, piece)
                after = piece.position
            if session.ended_at is not None and len(done) == len(found):
                yield "event: ended\ndata: {}\n\n"
                return
            yield ": still here\n\n"


def _message_of(caller: Caller, piece: PieceStatus) -> str:
    transcript = transcript_of([piece])
    told = {
        "position": piece.position,
        "job_id": piece.job_id,
        "status": piece.state,
        "error": piece.error_code,
        "transcript": None if transcript is None else json.loads(to_json(_seen(caller, transcript, piece))),
    }
    return f"id: {piece.position}\nevent: piece\ndata: {json.dumps(told)}\n\n"


def _rendered(caller: Caller, stream_id: str, chosen: Format, captions: CaptionOptions) -> str | None:
    pieces = caller.sessions.pieces(stream_id)
    transcript = transcript_of(pieces)
    return None if transcript is None else render(_seen(caller, transcript, pieces[0]), chosen, captions)


def _seen(caller: Caller, transcript: Transcript, piece: PieceStatus) -> Transcript:
    """As the caller may see it; what its pieces ask for is the same for all."""
    redaction = redaction_of(caller, piece.job_id, None)
    before = caller.sessions.said_before(piece.job_id) if redaction else ()
    return shown(transcript, redaction, caller.services.settings, caller.tenant, before)
