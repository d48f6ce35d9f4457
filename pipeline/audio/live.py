"""The other end of a confined decoder of a stream: writes to it what arrives and reads what it decoded.

Whichever is possible is done, so that neither waits for the other for ever.
"""

import os
import select
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO

from pipeline.audio import wire
from pipeline.audio.cage import Cage, CagedDecoder, Child, start
from pipeline.audio.header import Declared, Limits
from pipeline.audio.reader import AudioReader
from pipeline.audio.wire import Kind


class CagedStream(CagedDecoder):
    """A `Decoder` of `chunks` in a process of its own; the next one is asked for when it has read all there was.

    So whatever can be heard in the bytes that came is heard before more are waited for.
    """

    def __init__(self, chunks: Iterable[bytes], pipe: IO[bytes], process: Child, resources: ExitStack) -> None:
        self._chunks = iter(chunks)
        self._pending = memoryview(b"")
        self._written = 0
        self._input = pipe
        os.set_blocking(self._input.fileno(), False)
        super().__init__(process, Cage().silence_s, resources)

    def _receive(self) -> tuple[Kind, bytearray]:
        while True:
            self._write_until_it_speaks()
            kind, body = super()._receive()
            if kind is not Kind.HUNGRY:
                return kind, body
            # What was written since it said so is what it reads next.
            if not self._pending and self._believe(wire.read_hungry, body) == self._written:
                self._take_next()

    def _end(self) -> None:
        self._input.close()
        super()._end()

    def _take_next(self) -> None:
        self._pending = memoryview(next(self._chunks, b""))
        if not self._pending:
            self._input.close()

    def _write_until_it_speaks(self) -> None:
        while self._pending and not self._poll.poll(0):
            both = select.poll()
            both.register(self._input, select.POLLOUT)
            both.register(self._pipe, select.POLLIN)
            both.poll(self._silence_s * 1000)
            self._write()

    def _write(self) -> None:
        try:
            count = os.write(self._input.fileno(), self._pending)
        except BlockingIOError:
            return
        except BrokenPipeError:
            # Why it hung up is what it says next.
            self._pending = memoryview(b"")
            self._input.close()
            return
        self._pending = self._pending[count:]
        self._written += count


def open_stream(chunks: Iterable[bytes], limits: Limits, declared: Declared | None = None) -> AudioReader:
    """Open a stream that arrives in `chunks`, none of them empty, in a confined process; use it in a `with` statement.

    Raises an InputError as `pipe.open_live` does, and whatever `chunks` raises.
    """
    with ExitStack() as guard:
        resources = guard.enter_context(ExitStack())
        reading, writing = os.pipe()
        pipe = resources.enter_context(open(writing, "wb", buffering=0))  # noqa: PTH123 - a descriptor
        with open(reading, "rb", buffering=0) as file:  # noqa: PTH123
            process = start(file, limits, declared, Cage(), is_live=True)
        reader = AudioReader(CagedStream(chunks, pipe, process, resources), limits, resources)
        # From here on the reader closes them.
        guard.pop_all()
        return reader
