"""The recording of a job, to listen to and to look at."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from api.errors import Forbidden
from api.playables import Playables
from api.refusals import refusals
from api.routes.jobs import JobId
from api.routes.transcripts import redaction_of
from api.security import Caller, Listener, Reader
from pipeline.options import RedactionOptions
from pipeline.render import from_json
from pipeline.values import Span
from workers.views import silenced

router = APIRouter(tags=["recordings"])

_RESPONSES = refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)
_WAV: dict[int | str, dict[str, Any]] = {
    200: {"description": "16-bit PCM; ranges of it can be asked for.", "content": {"audio/wav": {}}}
}


@router.get(
    "/v1/jobs/{job_id}/playback",
    summary="Listen in a browser",
    response_class=FileResponse,
    responses=_RESPONSES | _WAV,
)
async def get_playback(job_id: JobId, request: Request, caller: Listener) -> FileResponse:
    """The recording as a WAV file, whatever it was; takes the scope `unredacted`."""
    playable = await _playables(request).of(caller.jobs, job_id)
    return FileResponse(playable.path, media_type="audio/wav", headers={"Cache-Control": "private, no-cache"})


@router.get(
    "/v1/jobs/{job_id}/audio/redacted",
    summary="Hear the recording without what is redacted",
    response_class=FileResponse,
    responses=_RESPONSES | _WAV,
)
async def get_redacted_audio(job_id: JobId, request: Request, caller: Reader) -> FileResponse:
    """A WAV file with a tone where something sensitive is said.

    For keys without the scope `unredacted`, the job must have been made with `redaction.audio`: what was not recognised
    can still be heard.
    """
    stretches = await caller.services.read(_silenced, caller, job_id)
    playable = await _playables(request).of(caller.jobs, job_id, stretches)
    return FileResponse(playable.path, media_type="audio/wav", headers={"Cache-Control": "private, no-cache"})


def _silenced(caller: Caller, job_id: str) -> list[Span]:
    asked = caller.jobs.options(job_id).redaction
    if not (caller.may_see_all or (asked is not None and asked.audio)):
        raise Forbidden("it takes the scope unredacted, or a job made with redaction.audio")
    redaction = redaction_of(caller, job_id, wanted=True) or RedactionOptions()
    return silenced(from_json(caller.jobs.document(job_id)), redaction, caller.sessions.said_before(job_id))


@router.get("/v1/jobs/{job_id}/waveform", summary="Look at the waveform", responses=_RESPONSES)
async def get_waveform(job_id: JobId, request: Request, caller: Listener) -> Response:
    """`{"channels": [[[low, high], ...], ...]}`: lowest and highest sample of up to 2000 columns, -127 to 127."""
    playable = await _playables(request).of(caller.jobs, job_id)
    return Response(playable.outline, media_type="application/json")


def _playables(request: Request) -> Playables:
    made: Playables = request.app.state.playables
    return made
