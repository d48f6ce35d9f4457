"""Transcripts, in the form that the caller asks for."""

import hashlib
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import NotAcceptable
from api.refusals import refusals
from api.routes.jobs import JobId
from api.security import Caller, Reader
from pipeline.render import OutputFormat, from_json, render
from pipeline.render.overlay import corrected
from pipeline.values import Transcript

router = APIRouter(tags=["transcripts"])

Format = Literal["json", "text", "srt", "vtt", "csv", "ctm", "rttm"]

MEDIA_TYPES: dict[OutputFormat, str] = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "ctm": "text/x-ctm; charset=utf-8",
    "rttm": "text/x-rttm; charset=utf-8",
}
_RESPONSES = refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.NOT_ACCEPTABLE) | {
    200: {
        "description": "The transcript; `ETag` changes when it does.",
        "content": {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}
        | {"application/json": {"schema": {"type": "object", "required": ["schema", "text", "segments"]}}},
    },
    304: {"description": "It is still what `If-None-Match` names."},
}


class TranscriptQuery(BaseModel):
    """Which form of which transcript."""

    model_config = ConfigDict(extra="forbid")

    format: Format | None = Field(None, description="Goes before the header Accept.")
    version: int | None = Field(None, ge=1, lt=2**31, description="Default: the newest.")
    corrected: bool = Field(False, description="With what people corrected.")  # noqa: FBT003


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
    """As JSON, text, SRT, WebVTT, CSV, CTM or RTTM. A key without the scope `unredacted` gets the redacted view."""
    output_format = query.format or format_for(accept)
    text = await caller.services.read(rendered, caller, job_id, output_format, query)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Vary": "Accept, Authorization", "Cache-Control": "private, no-cache"}
    if tag in {each.strip().removeprefix("W/") for each in if_none_match.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(text, headers=headers, media_type=MEDIA_TYPES[output_format])


def rendered(caller: Caller, job_id: str, output_format: OutputFormat, wanted: TranscriptQuery = _NEWEST) -> str:
    """The transcript of a job as the caller may see it, as the machine wrote it or as people corrected it."""
    if caller.may_see_all and output_format == "json" and not wanted.corrected:
        return caller.jobs.document(job_id, wanted.version)
    return render(visible(caller, job_id, wanted), output_format)


def visible(caller: Caller, job_id: str, wanted: TranscriptQuery = _NEWEST) -> Transcript:
    """The transcript of a job, redacted unless the caller may see all of it."""
    transcript = from_json(caller.jobs.document(job_id, wanted.version))
    if wanted.corrected:
        overlay = caller.jobs.corrections(job_id, wanted.version)
        transcript = corrected(transcript, {(each.segment, each.position): each.text or "" for each in overlay.words})
    if caller.may_see_all:
        return transcript
    # It comes with all of formatting, models too, which only this needs.
    from pipeline.format.redaction import Redaction, redacted  # noqa: PLC0415

    return redacted(transcript, Redaction())


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
