"""The recording itself, for whoever may hear it; in parts, so that a player can jump."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Header
from fastapi.responses import Response, StreamingResponse

from api.errors import Forbidden
from api.refusals import refusals
from api.routes.jobs import JobId
from api.security import Caller, Reader
from workers.errors import RecordingGone
from workers.jobs import ArtifactRef
from workers.sources import is_link

router = APIRouter(tags=["transcripts"])

_BLOCK_BYTES = 2**18
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SOUND = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.get(
    "/v1/jobs/{job_id}/audio",
    summary="Hear the recording",
    response_class=Response,
    responses=refusals(HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
    | {
        200: {"description": "The file as it was handed in.", "content": _SOUND},
        206: {"description": "The part that `Range` asks for.", "content": _SOUND},
        304: {"description": "It is still what `If-None-Match` names."},
        416: {"description": "There is no such part."},
    },
)
async def get_audio(
    job_id: JobId,
    caller: Reader,
    wanted: Annotated[str, Header(alias="Range", description="bytes=0-1023")] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Takes the scope `unredacted`: nobody can take numbers out of sound that was not heard yet."""
    ref = await caller.services.read(caller.jobs.recording, job_id)
    if not caller.may_see_all:
        raise Forbidden("it takes the scope unredacted")
    if is_link(ref):
        raise RecordingGone(job_id)
    tag = f'"{ref.sha256[:32]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if tag in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    part = part_of(wanted, ref.size_bytes)
    if part is None:
        headers["Content-Range"] = f"bytes */{ref.size_bytes}"
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    first, end = part
    is_whole = part == (0, ref.size_bytes)
    headers["Content-Length"] = str(end - first)
    if not is_whole:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{ref.size_bytes}"
    file = await caller.services.read(_opened_at, caller, ref, first)
    status = HTTPStatus.OK if is_whole else HTTPStatus.PARTIAL_CONTENT
    return StreamingResponse(_blocks(caller, file, end - first), status, headers, "application/octet-stream")


def part_of(wanted: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a header Range; all where that is no single range, None: no such."""
    read = _RANGE.fullmatch(wanted.strip())
    if read is None or read.group(1) == read.group(2) == "":
        return 0, size
    start, last = read.groups()
    if not start:
        return (max(0, size - int(last)), size) if int(last) else None
    first, end = int(start), min(size, int(last) + 1) if last else size
    return (first, end) if first < end else None


def _opened_at(caller: Caller, ref: ArtifactRef, first: int) -> BinaryIO:
    file = caller.services.client.runtime.store.open(ref)
    file.seek(first)
    return file


async def _blocks(caller: Caller, file: BinaryIO, left: int) -> AsyncIterator[bytes]:
    with file:
        while left > 0 and (block := await caller.services.read(file.read, min(left, _BLOCK_BYTES))):
            left -= len(block)
            yield block
