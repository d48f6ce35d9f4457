"""A read-only view of a part of a file, for decoders that would read past it or trust what its header claims."""

import io
import os
from typing import BinaryIO


class Window(io.RawIOBase):
    """Bytes `start` to `stop` of `file` as a file of their own; `patch` replaces some at an offset in the window.

    Closing it leaves `file` open.
    """

    def __init__(
        self, file: BinaryIO, start: int = 0, stop: int | None = None, patch: tuple[int, bytes] = (0, b"")
    ) -> None:
        super().__init__()
        self._descriptor = file.fileno()
        self._start = start
        self._size = max(0, (os.fstat(self._descriptor).st_size if stop is None else stop) - start)
        self._patch = patch
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The offset from the start of the window."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move within the window; a position outside it is brought back to its nearest end."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = min(max(origin + offset, 0), self._size)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with what follows, up to the end of the window; returns how many bytes."""
        wanted = min(len(buffer), self._size - self._position)
        # The position of the descriptor is left alone: several windows may share it.
        data = bytearray(os.pread(self._descriptor, wanted, self._start + self._position))
        self._apply_patch(data)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _apply_patch(self, data: bytearray) -> None:
        at, replacement = self._patch
        first = max(at, self._position)
        last = min(at + len(replacement), self._position + len(data))
        if first < last:
            data[first - self._position : last - self._position] = replacement[first - at : last - at]
