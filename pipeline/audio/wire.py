"""What a confined decoder says to the process that started it: a kind, a length, and that many bytes."""

import json
import struct
from dataclasses import asdict
from enum import IntEnum
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decoder import Format
from pipeline.errors import InputError

HEAD = struct.Struct("<BI")
MOST_BYTES = 32 << 20
"""Nothing longer is sent; whoever is told of more has been lied to."""


class Kind(IntEnum):
    """A message: the format, then blocks of float32 samples, then the end; or an error at any time.

    The decoder of a stream says as well, at any time, that it has read all there was.
    """

    FORMAT = 1
    BLOCK = 2
    END = 3
    ERROR = 4
    HUNGRY = 5


def send_format(out: BinaryIO, told: Format) -> None:
    """The first message."""
    _send(out, Kind.FORMAT, _json(asdict(told)))


def send_block(out: BinaryIO, block: NDArray[np.float32]) -> None:
    """Samples, shape (frames, channels)."""
    _send(out, Kind.BLOCK, np.ascontiguousarray(block, "<f4").view(np.uint8).ravel().data)


def send_end(out: BinaryIO, warnings: tuple[str, ...]) -> None:
    """The last message of a recording that was decoded."""
    _send(out, Kind.END, _json(warnings))


def send_error(out: BinaryIO, error: InputError) -> None:
    """The last message of a recording that can't be used."""
    _send(out, Kind.ERROR, _json({"code": error.code, "detail": error.detail}))


def send_hungry(out: BinaryIO, read_bytes: int) -> None:
    """More input is waited for, after so many bytes of it."""
    _send(out, Kind.HUNGRY, _json(read_bytes))


def read_format(body: bytes | bytearray) -> Format:
    """The format in `body`; raises ValueError, TypeError or KeyError for nonsense."""
    told: dict[str, Any] = json.loads(body)
    rate_hz, channels, frames = (int(told[name]) for name in ("sample_rate_hz", "channels", "frames"))
    return Format(str(told["codec"]), rate_hz, channels, frames, str(told["container"]))


def read_block(body: bytes | bytearray, channels: int) -> NDArray[np.float32]:
    """The samples in `body`, which they share; raises ValueError when they are not whole frames."""
    return np.frombuffer(body, "<f4").astype(np.float32, copy=False).reshape(-1, channels)


def read_end(body: bytes | bytearray) -> tuple[str, ...]:
    """The warnings in `body`; raises ValueError or TypeError for nonsense."""
    return tuple(str(token) for token in json.loads(body))


def read_error(body: bytes | bytearray) -> InputError:
    """The error in `body`; raises ValueError, TypeError or KeyError for nonsense and unknown codes."""
    told: dict[str, Any] = json.loads(body)
    kinds = {each.code: each for each in InputError.__subclasses__()}
    return kinds[told["code"]](str(told["detail"]))


def read_hungry(body: bytes | bytearray) -> int:
    """How many bytes had been read; raises ValueError or TypeError for nonsense."""
    return int(json.loads(body))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _send(out: BinaryIO, kind: Kind, body: bytes | memoryview) -> None:
    out.write(HEAD.pack(kind, len(body)))
    out.write(body)
    out.flush()
