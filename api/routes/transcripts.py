"""Transcripts, in the form that the caller asks for."""

import hashlib
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import Field

from api.errors import Forbidden, NotAcceptable
from api.refusals import refusals
from api.routes.jobs import JobId
from api.security import Caller, Reader
from pipeline.options import CaptionOptions, RedactionOptions
from pipeline.render import OutputFormat, from_json, render
from pipeline.render.overlay import corrected
from pipeline.values import Transcript
from workers.views import at_least_usual, shown

router = APIRouter(tags=["transcripts"])

Format = Literal["json", "text", "srt", "vtt", "csv", "ctm", "rttm", "markdown", "textgrid"]

MEDIA_TYPES: dict[OutputFormat, str] = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "ctm": "text/x-ctm; charset=utf-8",
    "rttm": "text/x-rttm; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "textgrid": "text/x-textgrid; charset=utf-8",
}
_RESPONSES = refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE, HTTPStatus.NOT_ACCEPTABLE) | {
    200: {
        "description": "The transcript; `ETag` changes when it does.",
        "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}
        | {"application/json": {"schema": {"type": "object", "required": ["schema", "text", "segments"]}}},
    },
    304: {"description": "It is still what `If-None-Match` names."},
}


class TranscriptQuery(CaptionOptions):
    """Which form of which transcript; the options of captions mean something to SRT and WebVTT."""

    format: Format | None = Field(None, description="Goes before the header Accept.")
    version: int | None = Field(None, ge=1, lt=2**31, description="Default: the newest.")
    corrected: bool = Field(False, description="With what people corrected.")  # noqa: FBT003
    redacted: bool | None = Field(
        None,
        description="Default: as the job asks. `false` takes the scope `unredacted`; keys without it see no other.",
    )


_NEWEST = TranscriptQuery()


@router.get(
    "/v1/jobs/{job_id}/transcript", summary="Read the transcript", responses=_RESPONSES, response_class=Response
)
async def get_transcript(
    job_id: JobId,
    caller: Reader,
    query: Annotated[TranscriptQuery, Query()],
    accept: Annotated[str, Header()] = "*/*",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """In the form that is asked for. A key without the scope `unredacted` gets the redacted view."""
    output_format = query.format or format_for(accept)
    text = await caller.services.read(rendered, caller, job_id, output_format, query)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Vary": "Accept, Authorization", "Cache-Control": "private, no-cache"}
    if tag in {each.strip().removeprefix("W/") for each in if_none_match.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(text, headers=headers, media_type=MEDIA_TYPES[output_format])


def rendered(caller: Caller, job_id: str, output_format: OutputFormat, wanted: TranscriptQuery = _NEWEST) -> str:
    """The transcript of a job as the caller may see it, as the machine wrote it or as people corrected it."""
    redaction = redaction_of(caller, job_id, wanted.redacted)
    if redaction is None and output_format == "json" and not wanted.corrected:
        return caller.jobs.document(job_id, wanted.version)
    return render(_view(caller, job_id, wanted, redaction), output_format, wanted)


def visible(caller: Caller, job_id: str, wanted: TranscriptQuery = _NEWEST) -> Transcript:
    """The transcript of a job, redacted where the job asks for it or the caller may not see all of it."""
    return _view(caller, job_id, wanted, redaction_of(caller, job_id, wanted.redacted))


def _view(caller: Caller, job_id: str, wanted: TranscriptQuery, redaction: RedactionOptions | None) -> Transcript:
    transcript = from_json(caller.jobs.document(job_id, wanted.version))
    if wanted.corrected:
        overlay = caller.jobs.corrections(job_id, wanted.version)
        transcript = corrected(transcript, {(each.segment, each.position): each.text or "" for each in overlay.words})
    before = caller.sessions.said_before(job_id) if redaction else ()
    return shown(transcript, redaction, caller.services.settings, caller.tenant, before)


def redaction_of(caller: Caller, job_id: str, wanted: bool | None) -> RedactionOptions | None:
    """What is left out of what a caller sees and hears of a job; None: nothing.

    Raises:
        Forbidden: the caller may not see all that was asked for.
    """
    asked = caller.jobs.options(job_id).redaction
    if not caller.may_see_all:
        if wanted is False:
            raise Forbidden("it takes the scope unredacted")
        return at_least_usual(asked)
    if wanted is False:
        return None
    return (asked or RedactionOptions()) if wanted else asked


def format_for(accept: str) -> OutputFormat:
    """The format that a header Accept prefers; JSON where it says nothing.

    Raises:
        NotAcceptable: it allows none of ours.
    """
    weights = dict(_weight(part) for part in accept.split(",") if part.strip()) or {"*/*": 1.0}
    kinds = {name: media.partition(";")[0] for name, media in MEDIA_TYPES.items()}
    by_weight = {name: _weight_of(kind, weights) for name, kind in kinds.items()}
    best = max(by_weight, key=lambda name: by_weight[name])
    if not by_weight[best]:
        raise NotAcceptable(", ".join(kinds.values()))
    return best


def _weight(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return kind, 0.0


def _weight_of(kind: str, weights: dict[str, float]) -> float:
    group = f"{kind.partition('/')[0]}/*"
    return next((weights[each] for each in (kind, group, "*/*") if each in weights), 0.0)
