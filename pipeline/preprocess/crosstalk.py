"""Finds on a channel the quiet copy of another one, as headsets and analogue lines leave it: no word comes twice.

A block is a leak when another channel is clearly louder at that time, and when the block is mostly a scaled and
delayed copy of it. Someone who speaks softly at the same time is no copy, and is kept. What stays the same for a whole
call has been taken away before (`coupling`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

from pipeline.preprocess.spool import Track
from pipeline.preprocess.vad import WINDOW
from pipeline.values import SAMPLE_RATE_HZ

BLOCK_WINDOWS = 16
"""Windows of the detector (0.5 s) that are judged together."""
MOST_DELAY = SAMPLE_RATE_HZ // 20
"""Samples (50 ms): electrical and acoustic coupling; an echo over the network is later and not looked for."""
LOUDER = 10 ** (6 / 10)
COPIED_SHARE = 0.5
"""Of the energy of a block. Two voices at a time share less than a third, even if they hit the same pitch."""
AUDIBLE = 0.1
"""Blocks of a lower probability are no speech anyway."""


def without_leaks(probability: NDArray[np.float32], track: Track, others: Sequence[Track]) -> NDArray[np.float32]:
    """`probability` of speech on `track`, window by window, with 0 where it is a copy of one of `others`."""
    kept = probability.copy()
    for first in range(0, len(kept), BLOCK_WINDOWS):
        block = slice(first, first + BLOCK_WINDOWS)
        if kept[block].max() < AUDIBLE:
            continue
        samples = track.read(first * WINDOW, (first + BLOCK_WINDOWS) * WINDOW)
        start = first * WINDOW
        if any(is_leak(samples, read_around(other, start, start + len(samples))) for other in others):
            kept[block] = 0
    return kept


def read_around(track: Track, start: int, stop: int) -> NDArray[np.float32]:
    """Samples `start` to `stop` with MOST_DELAY more on both sides, zeros outside the recording."""
    before = max(0, MOST_DELAY - start)
    samples = track.read(start - MOST_DELAY, stop + MOST_DELAY)
    return np.pad(samples, (before, stop - start + 2 * MOST_DELAY - before - len(samples)))


def is_leak(samples: NDArray[np.float32], source: NDArray[np.float32]) -> bool:
    """Whether `samples` are mostly a quieter copy of `source`, which begins and ends MOST_DELAY samples further out."""
    energy = float(np.vdot(samples, samples))
    inner = source[MOST_DELAY : MOST_DELAY + len(samples)]
    if energy == 0 or float(np.vdot(inner, inner)) < LOUDER * energy:
        return False
    products = correlate(source.astype(np.float64), samples.astype(np.float64), "valid", "fft")
    squares = np.concatenate(([0.0], np.cumsum(source.astype(np.float64) ** 2)))
    source_energies = squares[len(samples) :] - squares[: -len(samples)]
    shares = products**2 / np.maximum(source_energies * energy, np.finfo(np.float64).tiny)
    return float(shares.max()) >= COPIED_SHARE
