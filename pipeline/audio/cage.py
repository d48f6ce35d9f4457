"""Has a confined process for each recording (see `zygote`) and hears from it what it decodes.

Decoders are C that reads hostile bytes. One that crashes, hangs, or is taken over is a process of its own, without
the environment, the network or the right to write; the recording fails, the worker goes on.
"""

import fcntl
import json
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from typing import IO, BinaryIO, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.audio import wire
from pipeline.audio.header import Declared, Limits
from pipeline.audio.wire import Kind
from pipeline.audio.zygote import Fork, Zygote
from pipeline.errors import DecoderCrash

ZYGOTE: Final = Zygote()

PIPE_BYTES: Final = 1 << 20
"""What Linux lets any user's pipe hold."""

_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class Cage:
    """What a decoder may use: CPU seconds, memory beyond its libraries, and seconds without a word.

    The CPU time is that of 8 hours of two channels in the slowest codec, several times over.
    """

    cpu_s: int = 1800
    memory_bytes: int = 256 << 20
    silence_s: float = 60.0


class Child(Protocol):
    """A process that runs `confined.decode_stdin`, and its standard output."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """What it says, as `wire` has it."""

    def kill(self) -> None:
        """End it now; nothing happens when it has ended."""

    def wait(self) -> int:
        """Its exit status once it has ended, negative for the signal that ended it."""


class CagedDecoder:
    """A `Decoder` in a process of its own, see `start`; `resources` ends it."""

    def __init__(self, process: Child, silence_s: float, resources: ExitStack) -> None:
        self.warnings: tuple[str, ...] = ()
        self._silence_s = silence_s
        self._process = process
        resources.callback(self._end)
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        _widen(self._pipe)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        kind, body = self._receive()
        if kind is not Kind.FORMAT:
            raise self._crash("it began with nonsense")
        self.format = self._believe(wire.read_format, body)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """See `Decoder`; raises what the decoder raised, or DecoderCrash."""
        while True:
            kind, body = self._receive()
            if kind is Kind.END:
                self.warnings = self._believe(wire.read_end, body)
                return
            if kind is not Kind.BLOCK:
                raise self._crash("it repeated itself")
            yield self._believe(lambda sent: wire.read_block(sent, self.format.channels), body)

    def _receive(self) -> tuple[Kind, bytearray]:
        number, size = wire.HEAD.unpack(self._read(wire.HEAD.size))
        if size > wire.MOST_BYTES:
            raise self._crash("it sent too much")
        kind = self._believe(Kind, number)
        body = self._read(size)
        if kind is Kind.ERROR:
            raise self._believe(wire.read_error, body)
        return kind, body

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        missing = memoryview(data)
        while missing:
            if not self._poll.poll(self._silence_s * 1000):
                raise self._crash(f"nothing was heard of it for {self._silence_s:g} s")
            count = os.readv(self._pipe, [missing])
            if not count:
                raise self._crash(_how_it_ended(self._process.wait()))
            missing = missing[count:]
        return data

    def _believe(self, read: "Callable[[bytearray], _Told] | Callable[[int], _Told]", told: bytearray | int) -> _Told:
        """What `read` makes of `told`; DecoderCrash for nonsense, which only a decoder out of control sends."""
        try:
            return read(told)  # type: ignore[arg-type]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._crash("it sent nonsense") from error

    def _crash(self, why: str) -> DecoderCrash:
        self._end()
        return DecoderCrash(why)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def start(file: BinaryIO, limits: Limits, declared: Declared | None, cage: Cage, *, is_live: bool = False) -> Fork:
    """A confined process that decodes `file`, or what is still to be written to it when it is one end of a pipe.

    Raises DecoderCrash when none can be had.
    """
    try:
        return ZYGOTE.decode(file.fileno(), tell(limits, declared, cage, is_live=is_live))
    except (ConnectionError, TimeoutError) as error:
        raise DecoderCrash(str(error)) from error


def tell(limits: Limits, declared: Declared | None, cage: Cage, *, is_live: bool = False) -> str:
    """What `confined.decode_stdin` has to know."""
    return json.dumps(asdict(limits) | asdict(cage) | {"declared": declared and asdict(declared), "is_live": is_live})


def _widen(pipe: int) -> None:
    """Let it hold a whole block, or the two processes take turns at every 64 KiB."""
    # Not beyond what the system allows a pipe, or all of a user's together: it works as it is, slower.
    with suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _how_it_ended(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
