"""Many recordings with one request, and what became of them."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from api.errors import InvalidRequest, UnsupportedMediaType
from api.problems import problem_document
from api.reading import read_as
from api.refusals import refusals
from api.routes.jobs import job_out
from api.routes.submit import MOST_JSON_BYTES, IdempotencyKey, enqueue_arguments, handing_in
from api.schemas import Batch, BatchItem, BatchJob, BatchOut, BatchPage, BatchState
from api.security import Caller, Reader, Writer
from api.uploads import Form, received_form, received_text
from pipeline.errors import VoxqueueError
from workers.batching import HandedIn
from workers.details import EnqueueArguments
from workers.jobs import JobStatus
from workers.jobs.listing import Wanted

router = APIRouter(tags=["batches"])

BatchId = Annotated[str, Path(description="The id of a batch.", examples=["0b1f8f0a-5f0e-4a51-9d8e-6f1d2c3b4a59"])]
_MANIFEST = "manifest"
_BATCH = {"$ref": "#/components/schemas/Batch"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _BATCH},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [_MANIFEST],
                    "properties": {_MANIFEST: _BATCH},
                    "additionalProperties": {"type": "string", "format": "binary"},
                },
                "encoding": {_MANIFEST: {"contentType": "application/json"}},
            },
        },
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
    """A manifest as JSON, or a form of `manifest` and the recordings that it names.

    One that is refused does not stop the others: send it again alone, or all again with the same `Idempotency-Key`.
    """
    limits = caller.services.upload_limits
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    with handing_in(caller, idempotency_key):
        if kind == "application/json":
            batch = read_as(Batch, await received_text(request, MOST_JSON_BYTES, limits.stall_s))
            return await _taken(caller, batch, Form(), idempotency_key)
        if kind != "multipart/form-data":
            raise UnsupportedMediaType("application/json or multipart/form-data is expected")
        async with received_form(request, limits, caller.services.write, _MANIFEST.__ne__) as form:
            batch = read_as(Batch, form.only(_MANIFEST), _MANIFEST)
            return await _taken(caller, batch, form, idempotency_key)


@router.get("/v1/batches/{batch_id}", summary="Look at a batch", responses=refusals(HTTPStatus.NOT_FOUND))
async def get_batch(
    batch_id: BatchId,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before.")] = None,
) -> BatchPage:
    """How many of its jobs are in each state, and the jobs page by page."""
    batch = await caller.services.read(caller.jobs.batch, batch_id)
    page = await caller.services.read(caller.jobs.page, Wanted(batch_id=batch_id, limit=limit, cursor=cursor))
    jobs = [job_out(caller, job) for job in page.jobs]
    return BatchPage(**BatchState.told(batch), jobs=jobs, next_cursor=page.next_cursor)


@router.post("/v1/batches/{batch_id}/cancel", summary="Cancel a batch", responses=refusals(HTTPStatus.NOT_FOUND))
async def cancel_batch(batch_id: BatchId, caller: Writer) -> BatchState:
    """Stop those of its jobs that have not ended."""
    await caller.services.write(caller.jobs.cancel_batch, batch_id)
    return BatchState(**BatchState.told(await caller.services.read(caller.jobs.batch, batch_id)))


async def _taken(caller: Caller, batch: Batch, form: Form, key: str | None) -> BatchOut:
    recordings = [_arguments(job, form, place) for place, job in enumerate(batch.jobs)]
    named = {job.file for job in batch.jobs}
    if left_over := form.parts.keys() - named:
        name = min(left_over)[:64]
        raise InvalidRequest(f"{name}: the manifest does not name this part", [(name, "not in the manifest")])
    # Once the bytes are here the jobs are made, whether the client still waits or not.
    made = await asyncio.shield(caller.services.write(_hand_in, caller, recordings, (batch.callback_url, key)))
    return BatchOut(**BatchState.told(made.batch), items=[_item(caller, item) for item in made.items])


def _arguments(job: BatchJob, form: Form, place: int) -> EnqueueArguments:
    if (job.audio_url is None) is (job.file is None):
        message = "audio_url or file, one of them"
        raise InvalidRequest(f"jobs.{place}: {message}", [(f"jobs.{place}", message)])
    if job.file is None:
        return enqueue_arguments(job, None, str(job.audio_url))
    return enqueue_arguments(job, *form.recording(job.file))


def _hand_in(caller: Caller, recordings: list[EnqueueArguments], asked: tuple[str | None, str | None]) -> HandedIn:
    callback_url, key = asked
    client = caller.services.client
    return client.enqueue_batch(recordings, tenant=caller.tenant, callback_url=callback_url, idempotency_key=key)


def _item(caller: Caller, item: JobStatus | VoxqueueError) -> BatchItem:
    if isinstance(item, VoxqueueError):
        return BatchItem(problem=problem_document(item))
    return BatchItem(job=job_out(caller, item))
