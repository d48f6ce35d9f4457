"""Hand in many recordings with one request."""

import json
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request

from api.errors import UnsupportedMediaType
from api.problems import problem_document
from api.reading import read_as
from api.refusals import refusals
from api.routes.jobs import job_out
from api.routes.submit import MOST_JSON_BYTES, IdempotencyKey, hand_in_link, handing_in
from api.schemas import Batch, BatchItem, BatchOut, LinkedJob
from api.security import Caller, Writer
from api.uploads import received_text
from pipeline.errors import InputError
from workers.errors import RequestError

router = APIRouter(tags=["jobs"])

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
    }
}


@router.post(
    "/v1/jobs/batch",
    summary="Hand in many recordings",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=_BODY,
    responses=refusals(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ),
)
async def create_batch(request: Request, caller: Writer, idempotency_key: IdempotencyKey = None) -> BatchOut:
    """A manifest of recordings that lie elsewhere. One that is refused does not stop the others: send it again alone.

    The jobs have a tag in common, by which `GET /v1/jobs?tag=` finds them.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("application/json is expected")
    stall_s = caller.services.upload_limits.stall_s
    with handing_in(caller, idempotency_key):
        batch = read_as(Batch, await received_text(request, MOST_JSON_BYTES, stall_s))
        # The same batch with the same key has the same tag, and so makes the same jobs.
        tag = f"batch:{idempotency_key or uuid4().hex}"[:64]
        keys = [f"{idempotency_key}:{place}" if idempotency_key else None for place in range(len(batch.jobs))]
        items = [
            await caller.services.write(_item, caller, _tagged(job, tag), key)
            for job, key in zip(batch.jobs, keys, strict=True)
        ]
    return BatchOut(tag=tag, items=items)


def _tagged(job: LinkedJob, tag: str) -> LinkedJob:
    return LinkedJob.model_validate_json(json.dumps({**job.model_dump(mode="json"), "tags": [*job.tags[:31], tag]}))


def _item(caller: Caller, wanted: LinkedJob, key: str | None) -> BatchItem:
    try:
        return BatchItem(job=job_out(caller, hand_in_link(caller, wanted, key)))
    except (InputError, RequestError) as error:
        return BatchItem(problem=problem_document(error))
