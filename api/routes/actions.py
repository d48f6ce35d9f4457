"""What goes beyond running a job: decode it again, delete it, read what was found out about the recording."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from api.errors import Forbidden, UnsupportedMediaType
from api.reading import read_as
from api.refusals import refusals
from api.routes.jobs import JobId, job_out
from api.routes.submit import MOST_JSON_BYTES
from api.schemas import Deleted, Job
from api.security import Caller, Reader, Writer
from api.uploads import received_text
from pipeline.options import Hotword, RedecodeOptions
from workers.jobs.removal import Receipt

router = APIRouter(tags=["jobs"])

_DECODE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RedecodeOptions"}}},
    }
}


@router.post(
    "/v1/jobs/{job_id}/redecode",
    summary="Decode a job again",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=_DECODE_BODY,
    responses=refusals(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ),
)
async def redecode_job(job_id: JobId, request: Request, caller: Writer) -> Job:
    """A new version of the transcript, with other options of decode and format, from what the model said: no GPU.

    What `redaction` leaves out is left out of earlier versions too; to change that takes the scope `unredacted`, and so
    does `sounds_like`, which could write digits as other words.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("application/json is expected")
    body = await received_text(request, MOST_JSON_BYTES, caller.services.upload_limits.stall_s)
    job = await caller.services.write(_redecode, caller, job_id, read_as(RedecodeOptions, body or b"{}"))
    return job_out(caller, job)


@router.delete("/v1/jobs/{job_id}", summary="Delete a job", responses=refusals(HTTPStatus.NOT_FOUND))
async def delete_job(job_id: JobId, caller: Writer) -> Deleted:
    """Delete recording, intermediate results and transcript, and cancel the job first if it has not ended."""
    receipt = await caller.services.write(_delete, caller, job_id)
    size = sum(file.size_bytes for file in receipt.files)
    at = datetime.fromtimestamp(receipt.at, UTC)
    return Deleted(job_id=job_id, at=at, files=len(receipt.files), bytes=size)


@router.get(
    "/v1/jobs/{job_id}/preflight",
    summary="Read the report on the recording",
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GONE),
)
async def get_preflight(job_id: JobId, caller: Reader) -> dict[str, Any]:
    """What was found out about the sound: levels, clipping, noise, silence, channels that are copies.

    Of a recording that can't be used, what came to light before that, and what to do.
    """
    return await caller.services.read(_preflight, caller, job_id)


def _preflight(caller: Caller, job_id: str) -> dict[str, Any]:
    report = caller.jobs.status(job_id).report
    return report or dict(json.loads(caller.jobs.document(job_id)).get("preflight") or {})


def _redecode(caller: Caller, job_id: str, options: RedecodeOptions) -> Any:
    caller.jobs.check(job_id)
    # Whoever may not see everything could otherwise be shown more, or hear more, or have digits written as other words.
    respells = any(isinstance(hotword, Hotword) and hotword.sounds_like for hotword in options.hotwords)
    if (options.redaction is not None or respells) and not caller.may_see_all:
        raise Forbidden("it takes the scope unredacted")
    return caller.services.client.redecode(job_id, options)


def _delete(caller: Caller, job_id: str) -> Receipt:
    caller.jobs.check(job_id)
    return caller.services.client.delete(job_id)
