"""Recordings as they come over the wire: to disk block by block, never whole in memory, and given up in time."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BufferedReader, RawIOBase
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from api.errors import InvalidRequest, MalformedBody, UnsupportedMediaType, UploadStalled
from workers.errors import TooLarge

Run = Callable[..., Awaitable[int]]
"""Runs a function with its arguments where it may block."""

FILE = "file"
IsFile = Callable[[str], bool]
"""Whether the part of this name is a recording."""

_FIELDS_LIMIT_BYTES = 2**20
_HEADS_LIMIT_BYTES = 2**16
_MOST_PARTS = 200
_LONGEST_NAME = 255
# Comes in smaller pieces, each of which would have to change threads.
_TAKEN_BYTES = 2**18
# Who does not send as much as this in each stretch of time is not sending a file.
_LEAST_BYTES = 2**14


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How large a recording may be, and how long its sender may be nearly silent."""

    most_bytes: int
    stall_s: float


@dataclass(slots=True)
class Part:
    """A recording that came in a form: what its sender calls it, and which bytes of the form's file it is."""

    file_name: str
    start: int
    end: int


class _Slice(RawIOBase):
    """Some bytes of a file, read as a file; what else reads the file must not do so at the same time."""

    def __init__(self, file: IO[bytes], part: Part) -> None:
        self._file = file
        self._at, self._end = part.start, part.end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._file.seek(self._at)
        piece = self._file.read(min(len(buffer), self._end - self._at))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@dataclass
class Form:
    """A form as far as it has come: its fields, and its recordings in one file under no name, gone when closed."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    file: IO[bytes] | None = None
    file_bytes: int = 0

    def only(self, name: str, default: str = "") -> str:
        """The value of a field that may stand once."""
        return self.fields.get(name, [default])[0]

    def recording(self, name: str) -> tuple[BinaryIO, str]:
        """The recording that came as this part, from its start, and what its sender calls it.

        Raises:
            InvalidRequest: there is no such part.
        """
        if self.file is None or name not in self.parts:
            raise InvalidRequest(f"{name[:64]}: missing", [(name[:64], "missing")])
        part = self.parts[name]
        return cast("BinaryIO", BufferedReader(_Slice(self.file, part))), part.file_name


@asynccontextmanager
async def received_form(
    request: Request, limits: UploadLimits, run: Run, is_file: IsFile = FILE.__eq__
) -> AsyncIterator[Form]:
    """The multipart form that a request carries, complete. Together its recordings are held to the limit of one.

    Raises:
        UnsupportedMediaType: it is no multipart form.
        MalformedBody: it is cut or damaged, or has a part twice.
        TooLarge, UploadStalled: see `UploadLimits`.
    """
    form = Form()
    try:
        reader = _FormReader(form, boundary_of(request), limits, is_file)
        await _receive(request, reader, limits, run)
        yield form
    finally:
        if form.file is not None:
            form.file.close()


def boundary_of(request: Request) -> bytes:
    """What separates the parts of a multipart body.

    Raises:
        UnsupportedMediaType: it is no multipart body.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise UnsupportedMediaType("multipart/form-data is expected")
    return boundary


async def received_text(request: Request, most_bytes: int, stall_s: float) -> bytes:
    """A short body, such as JSON, whole.

    Raises:
        TooLarge, UploadStalled: it is longer than `most_bytes`, or is not here after `stall_s`.
    """
    try:
        async with asyncio.timeout(stall_s):
            return await _read(request, most_bytes)
    except TimeoutError as error:
        raise UploadStalled from error


async def _read(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise TooLarge(f"at most {most_bytes} bytes")
    return bytes(body)


async def _receive(request: Request, reader: "_FormReader", limits: UploadLimits, run: Run) -> None:
    # What a sender says about the length is believed only where it is refused anyway.
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > reader.most_bytes:
        raise TooLarge(f"at most {limits.most_bytes} bytes")
    chunks = request.stream()
    until, got_bytes = time.monotonic() + limits.stall_s, 0
    came = bytearray()
    while True:
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise UploadStalled from error
        if chunk is None:
            break
        got_bytes += len(chunk)
        if got_bytes >= _LEAST_BYTES:
            until, got_bytes = time.monotonic() + limits.stall_s, 0
        came += chunk
        if len(came) >= _TAKEN_BYTES:
            await run(reader.take, bytes(came))
            came.clear()
    await run(reader.take, bytes(came))
    reader.finish()


class _FormReader:
    """Puts the parts of a multipart body where they belong, as they come."""

    def __init__(self, form: Form, boundary: bytes, limits: UploadLimits, is_file: IsFile) -> None:
        self.form = form
        self.most_bytes = limits.most_bytes + _FIELDS_LIMIT_BYTES + _HEADS_LIMIT_BYTES
        self._limits = limits
        self._is_file = is_file
        self._part: Part | None = None
        self._taken_bytes = self._field_bytes = self._parts = 0
        self._head: dict[bytes, bytes] = {}
        self._head_name = self._head_value = b""
        self._name = ""
        self._value = bytearray()
        self._has_ended = False
        callbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]  # these are all it calls
        except FormParserError as error:
            raise MalformedBody("the boundary is too long") from error

    def take(self, chunk: bytes) -> int:
        """Read on; how much was read of the chunk."""
        self._taken_bytes += len(chunk)
        if self._taken_bytes > self.most_bytes:
            raise TooLarge(f"at most {self._limits.most_bytes} bytes")
        try:
            return self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedBody("not a multipart form") from error

    def finish(self) -> None:
        """Say that nothing more will come.

        Raises:
            MalformedBody: something is missing.
        """
        if not self._has_ended:
            raise MalformedBody("the form is cut off")

    def _on_part_begin(self) -> None:
        self._head, self._name, self._value = {}, "", bytearray()
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise MalformedBody("it has too many parts")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._head_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._head_value += data[start:end]

    def _on_header_end(self) -> None:
        self._head[self._head_name.lower()] = self._head_value
        self._head_name = self._head_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._head.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode(errors="replace")
        if self._name in self.form.fields and not self._name.endswith("[]"):
            raise MalformedBody(f"the part {self._name[:64]!r} stands twice")
        self.form.fields.setdefault(self._name, [])
        self._part = None
        if not self._is_file(self._name):
            return
        if self.form.file is None:
            # Without a name in any folder: whatever happens to this process, nothing is left behind.
            self.form.file = TemporaryFile()  # noqa: SIM115  # closed by `received_form`
        at = self.form.file_bytes
        self._part = self.form.parts[self._name] = Part(base_name(options.get(b"filename", b"")), at, at)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part is not None and self.form.file is not None:
            self.form.file_bytes += end - start
            if self.form.file_bytes > self._limits.most_bytes:
                raise TooLarge(f"at most {self._limits.most_bytes} bytes")
            self.form.file.write(memoryview(data)[start:end])
            self._part.end = self.form.file_bytes
            return
        self._field_bytes += end - start
        if self._field_bytes > _FIELDS_LIMIT_BYTES:
            raise TooLarge(f"fields of at most {_FIELDS_LIMIT_BYTES} bytes")
        self._value += data[start:end]

    def _on_part_end(self) -> None:
        if self._part is not None:
            return
        try:
            self.form.fields[self._name].append(self._value.decode())
        except UnicodeDecodeError as error:
            raise MalformedBody(f"the part {self._name[:64]!r} is no UTF-8") from error

    def _on_end(self) -> None:
        self._has_ended = True


def base_name(name: bytes) -> str:
    """The last part of the name that a sender gave a file; kept as data, never used as a path."""
    last = re.split(r"[/\\]", name.decode(errors="replace").replace("\x00", ""))[-1]
    return last[:_LONGEST_NAME]
