"""The other end of a confined decoder of a stream: writes to it what arrives and reads what it decoded.

Whichever is possible is done, so that neither waits for the other for ever.
"""

import os
import select
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack

from pipeline.audio.cage import Cage, CagedDecoder, start
from pipeline.audio.header import Declared, Limits
from pipeline.audio.reader import AudioReader
from pipeline.audio.wire import Kind


class CagedStream(CagedDecoder):
    """A `Decoder` of `chunks` in a process of its own; it asks for the next one when there is nothing to read."""

    def __init__(self, chunks: Iterable[bytes], process: "subprocess.Popen[bytes]", resources: ExitStack) -> None:
        assert process.stdin is not None
        self._chunks = iter(chunks)
        self._pending = memoryview(b"")
        self._input = process.stdin
        os.set_blocking(self._input.fileno(), False)
        super().__init__(process, Cage().silence_s, resources)

    def _receive(self) -> tuple[Kind, bytes]:
        self._feed()
        return super()._receive()

    def _end(self) -> None:
        self._input.close()
        super()._end()

    def _feed(self) -> None:
        """Write until the decoder has something to say, or nothing more will come."""
        while not self._input.closed and not self._poll.poll(0):
            if not self._pending:
                self._pending = memoryview(next(self._chunks, b""))
                if not self._pending:
                    self._input.close()
                    return
                continue
            both = select.poll()
            both.register(self._input, select.POLLOUT)
            both.register(self._pipe, select.POLLIN)
            both.poll(self._silence_s * 1000)
            self._write()

    def _write(self) -> None:
        try:
            self._pending = self._pending[os.write(self._input.fileno(), self._pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # Why it hung up is what it says next.
            self._input.close()


def open_stream(chunks: Iterable[bytes], limits: Limits, declared: Declared | None = None) -> AudioReader:
    """Open a stream that arrives in `chunks`, none of them empty, in a confined process; use it in a `with` statement.

    Raises an InputError as `pipe.open_live` does, and whatever `chunks` raises.
    """
    with ExitStack() as guard:
        resources = guard.enter_context(ExitStack())
        process = start(subprocess.PIPE, limits, declared, Cage())
        reader = AudioReader(CagedStream(chunks, process, resources), limits, resources)
        # From here on the reader closes them.
        guard.pop_all()
        return reader
