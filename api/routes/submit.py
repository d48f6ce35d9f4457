"""Hand in a recording."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Header, Request, Response

from api.errors import InvalidRequest, StillRunning, UnsupportedMediaType
from api.reading import read_as
from api.refusals import refusals
from api.routes.jobs import job_out
from api.schemas import Job, JobConfig, LinkedJob
from api.security import Caller, Writer
from api.uploads import FILE, Form, received_form, received_text
from workers.details import EnqueueArguments
from workers.jobs import JobStatus

router = APIRouter(tags=["jobs"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key and request again give the job that was made; with another request it is an error.",
    ),
]
MOST_JSON_BYTES = 2**20
_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The recording."},
                        "config": {"$ref": "#/components/schemas/JobConfig"},
                    },
                },
                "encoding": {"config": {"contentType": "application/json"}},
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/LinkedJob"}},
        },
    }
}


@router.post(
    "/v1/jobs",
    summary="Hand in a recording",
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra=_BODIES,
    responses=refusals(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ),
)
async def create_job(
    request: Request, response: Response, caller: Writer, idempotency_key: IdempotencyKey = None
) -> Job:
    """A multipart form of `file` and `config` (JSON), or JSON with `audio_url`. Answers as soon as the job is safe."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    ways = {"multipart/form-data": _from_form, "application/json": _from_link}
    if kind not in ways:
        raise UnsupportedMediaType(f"{kind[:64] or 'none'}, not one of {', '.join(ways)}")
    with handing_in(caller, idempotency_key):
        job = await ways[kind](request, caller, idempotency_key)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_out(caller, job)


@contextmanager
def handing_in(caller: Caller, key: str | None) -> Iterator[None]:
    """Refuse a second request with the same key while the first is on its way.

    Raises:
        StillRunning: there is such a request.
    """
    if key is None:
        yield
        return
    mine = (caller.tenant, key)
    if mine in caller.services.handing_in:
        raise StillRunning
    caller.services.handing_in.add(mine)
    try:
        yield
    finally:
        caller.services.handing_in.discard(mine)


async def _from_form(request: Request, caller: Caller, key: str | None) -> JobStatus:
    async with received_form(request, caller.services.upload_limits, caller.services.write) as form:
        unknown = set(form.fields) - {FILE, "config"}
        if unknown:
            name = min(unknown)
            raise InvalidRequest(f"{name[:64]}: no such part", [(name, "no such part")])
        config = read_as(JobConfig, form.only("config", "{}"), "config")
        return await hand_in(caller, form, config, key)


async def _from_link(request: Request, caller: Caller, key: str | None) -> JobStatus:
    limits = caller.services.upload_limits
    wanted = read_as(LinkedJob, await received_text(request, MOST_JSON_BYTES, limits.stall_s))
    return await caller.services.write(_enqueue, caller, None, wanted.audio_url, (wanted, key))


async def hand_in(caller: Caller, form: Form, config: JobConfig, key: str | None = None) -> JobStatus:
    """Make a job of the file of a form.

    Raises:
        InvalidRequest: the form has no file.
    """
    file, name = form.recording(FILE)
    # Once the bytes are here the job is made, whether the client still waits or not.
    return await asyncio.shield(caller.services.write(_enqueue, caller, file, name, (config, key)))


def _enqueue(caller: Caller, file: BinaryIO | None, name: str, wanted: tuple[JobConfig, str | None]) -> JobStatus:
    config, key = wanted
    arguments = enqueue_arguments(config, file, name)
    arguments["tenant"], arguments["idempotency_key"] = caller.tenant, key
    return caller.services.client.enqueue(**arguments)


def enqueue_arguments(config: JobConfig, file: BinaryIO | None, name: str) -> EnqueueArguments:
    """What the client is called with for a recording: a file and what it is called, or without one its URL."""
    arguments = EnqueueArguments(
        options=config.job_options,
        priority=config.priority,
        external_id=config.external_id,
        annotations=config.metadata,
        tags=config.tags,
        expires_in_s=config.expires_in_s,
        callback_url=config.callback_url,
    )
    if file is None:
        return {**arguments, "url": name}
    return {**arguments, "source": file, "file_name": name or "recording"}
