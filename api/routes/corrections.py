"""What people corrected in a transcript: an overlay beside what the machine wrote."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.refusals import refusals
from api.routes.jobs import JobId
from api.schemas import Text
from api.security import Caller, Corrector, Listener
from pipeline.render import from_json
from workers.evaluate import correction_rate
from workers.jobs.corrections import Correction, Corrections

router = APIRouter(tags=["corrections"])


_RESPONSES = refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE)


class CorrectionIn(BaseModel):
    """A word as it should be."""

    model_config = ConfigDict(extra="forbid")

    segment: int = Field(ge=0, lt=2**31, description="Index of the segment in the transcript.")
    position: int = Field(ge=0, lt=2**31, description="Index of the word in the segment.")
    text: Annotated[Text, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")] | None = Field(
        description="Stands in place of the word; empty strikes it out, null takes a correction back."
    )


class CorrectionsIn(BaseModel):
    """Words to correct, and the revision that was seen."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"base_revision": 0, "words": [{"segment": 0, "position": 2, "text": "Kane"}]}]
        },
    )

    base_revision: int = Field(ge=0, lt=2**31)
    words: list[CorrectionIn] = Field(min_length=1, max_length=1000)


class CorrectionsOut(BaseModel):
    """The overlay of the newest transcript."""

    version: int = Field(description="Of the transcript.")
    revision: int = Field(description="Of the overlay; 0 is what the machine wrote.")
    words: list[CorrectionIn]
    word_error_rate: float = Field(description="Of the machine, as far as people have corrected it.")


@router.get("/v1/jobs/{job_id}/corrections", summary="Read corrections", responses=_RESPONSES)
async def get_corrections(job_id: JobId, caller: Listener) -> CorrectionsOut:
    """What stands in place of what the machine wrote."""
    overlay = await caller.services.read(caller.jobs.corrections, job_id)
    return await _out(caller, job_id, overlay)


@router.put(
    "/v1/jobs/{job_id}/corrections",
    summary="Correct words",
    responses=_RESPONSES | refusals(HTTPStatus.BAD_REQUEST),
)
async def put_corrections(job_id: JobId, wanted: CorrectionsIn, caller: Corrector) -> CorrectionsOut:
    """Add a revision. When somebody else was quicker, nothing is changed and the answer is 409."""
    words = [Correction(each.segment, each.position, each.text) for each in wanted.words]
    author = caller.key_id or "local"
    overlay = await caller.services.write(caller.jobs.correct, job_id, words, wanted.base_revision, author)
    return await _out(caller, job_id, overlay)


async def _out(caller: Caller, job_id: str, overlay: Corrections) -> CorrectionsOut:
    return CorrectionsOut(
        version=overlay.version,
        revision=overlay.revision,
        words=[CorrectionIn(segment=each.segment, position=each.position, text=each.text) for each in overlay.words],
        word_error_rate=await caller.services.read(_rate, caller, job_id, overlay),
    )


def _rate(caller: Caller, job_id: str, overlay: Corrections) -> float:
    texts = {(each.segment, each.position): each.text or "" for each in overlay.words}
    return correction_rate(from_json(caller.jobs.document(job_id)), texts) if texts else 0.0
