"""Keeps hours of audio on disk, so that memory does not grow with the length of a call."""

import bisect
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_767


class Spool:
    """One channel as 16-bit blocks in an unnamed temporary file, each block with a scale of its own.

    The scales (block floating point) keep both a whisper at -60 dB and samples far above full scale to 16 bits.
    The file is plain and not mapped, as written pages of a map count as resident memory. It goes with the object.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object
        self.close = weakref.finalize(self, self._file.close)
        self._starts = [0]
        self._scales: list[float] = []

    def __len__(self) -> int:
        return self._starts[-1]

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add `samples`, shape (n,)."""
        if not len(samples):
            return
        scale = float(np.abs(samples).max()) / FULL_SCALE or 1.0
        self._file.write(np.rint(samples / scale).astype("<i2").tobytes())
        self._scales.append(scale)
        self._starts.append(self._starts[-1] + len(samples))

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop`, clipped to what there is."""
        start, stop = max(start, 0), min(stop, len(self))
        self._file.seek(2 * start)
        samples = np.frombuffer(self._file.read(2 * max(0, stop - start)), "<i2").astype(np.float32)
        block = bisect.bisect_right(self._starts, start) - 1
        for first, end in pairwise(self._starts[block:]):
            if first >= stop:
                break
            samples[max(first - start, 0) : end - start] *= np.float32(self._scales[block])
            block += 1
        return samples


@dataclass(frozen=True, slots=True)
class Track:
    """What is transcribed as one channel: a spool, or several added up with weights."""

    spools: tuple[Spool, ...]
    weights: tuple[float, ...] = (1.0,)

    def __len__(self) -> int:
        return len(self.spools[0])

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop`, clipped to what there is."""
        if self.weights == (1.0,):
            return self.spools[0].read(start, stop)
        parts = [spool.read(start, stop) * np.float32(w) for spool, w in zip(self.spools, self.weights, strict=True)]
        mixed: NDArray[np.float32] = np.sum(parts, axis=0, dtype=np.float32)
        return mixed

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """All samples in blocks of `size`, the last one shorter."""
        for start in range(0, len(self), size):
            yield self.read(start, start + size)

    def close(self) -> None:
        """Remove what is on disk."""
        for spool in self.spools:
            spool.close()
