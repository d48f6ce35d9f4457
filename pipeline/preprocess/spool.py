"""Keeps hours of audio on disk, so that memory does not grow with the length of a call."""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_767
BLOCK = 512
"""Samples of one scale. Where they are cut depends on their place alone, not on how they came."""


def rounded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """`samples`, shape (n,), as a spool gives them back that they begin, or whose blocks they fill."""
    whole = len(samples) // BLOCK * BLOCK
    integers, scales = _in_integers(samples[:whole].reshape(-1, BLOCK))
    return np.concatenate(((integers * scales[:, None]).ravel(), samples[whole:]))


def _in_integers(blocks: NDArray[np.float32]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Blocks, shape (n, BLOCK), as 16-bit numbers and what these are multiplied with, a power of two, shape (n,)."""
    _, exponents = np.frexp(np.abs(blocks).max(axis=1) / FULL_SCALE)
    scales = np.ldexp(np.float32(1), exponents)
    return np.rint(blocks / scales[:, None]).astype("<i2"), scales


class Spool:
    """One channel as 16-bit blocks in an unnamed temporary file, each block with a scale of its own, a power of two.

    The scales (block floating point) keep both a whisper at -60 dB and samples far above full scale to 15 bits or more.
    The file is plain and not mapped, as written pages of a map count as resident memory. It goes with the object.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object
        self.close = weakref.finalize(self, self._file.close)
        self._scales = array("f")
        self._rest = np.empty(0, np.float32)

    def __len__(self) -> int:
        return len(self._scales) * BLOCK + len(self._rest)

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add `samples`, shape (n,)."""
        joined = np.concatenate((self._rest, samples))
        whole = len(joined) // BLOCK * BLOCK
        blocks, self._rest = joined[:whole].reshape(-1, BLOCK), joined[whole:].copy()
        integers, scales = _in_integers(blocks)
        self._file.seek(0, os.SEEK_END)
        self._file.write(integers.tobytes())
        self._scales.extend(scales.tolist())

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop`, clipped to what there is."""
        start, stop = max(start, 0), min(stop, len(self))
        written = len(self._scales) * BLOCK
        first, last = min(start, written) // BLOCK, -(-min(stop, written) // BLOCK)
        self._file.seek(2 * first * BLOCK)
        kept = np.frombuffer(self._file.read(2 * max(0, last - first) * BLOCK), "<i2").reshape(-1, BLOCK)
        scaled = kept * np.array(self._scales[first:last], np.float32)[:, None]
        samples = np.concatenate((scaled.ravel(), self._rest)) if stop > written else scaled.ravel()
        asked: NDArray[np.float32] = samples[start - first * BLOCK : max(start, stop) - first * BLOCK]
        return asked


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
