"""Telephone keys: pairs of one of four low and one of four high tones (ITU-T Q.23), received as Q.24 asks for."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pipeline.preprocess.spool import Track
from pipeline.values import SAMPLE_RATE_HZ

LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
FRAME = 512
"""Samples (32 ms): Q.24 asks for tones of 40 ms and more."""
HOP = FRAME // 2
FRAMES_A_BLOCK = 400
FEWEST = 2
"""Frames in a row that must hear the same key."""
DETUNED = (0.988, 1.0, 1.012)
"""Q.24 allows tones to be off by 1.5 %: each is looked for at three frequencies."""
LEAST_SHARE = 0.85
"""Of the power of a frame: speech has as much in two such tones for no more than one."""
MOST_TWIST = 10 ** (9 / 10)
"""Between the two tones; Q.24 allows 4 to 8 dB, and lines add to it."""
MOST_RIVAL = 0.2
"""Of the power of the tone: any other frequency of its group."""
FLOOR = 1e-6
"""Mean square (-60 dB): softer is no key pressed on this line."""

Press = tuple[str, int, int]
"""A key and the half-open range of samples in which it is heard."""


def find_keys(track: Track) -> list[Press]:
    """Every key that is pressed on `track`, in order."""
    keys = [key for block in _frames(track) for key in _keys(block)]
    presses: list[Press] = []
    position = 0
    for key, run in groupby(keys):
        length = len(list(run))
        if key is not None and length >= FEWEST:
            # The first and the last frame hold the tone by half or more.
            presses.append((key, position * HOP + HOP // 2, (position + length) * HOP + HOP // 2))
        position += length
    return presses


def _frames(track: Track) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(track), FRAMES_A_BLOCK * HOP):
        samples = track.read(start, start + (FRAMES_A_BLOCK - 1) * HOP + FRAME)
        if len(samples) >= FRAME:
            # A copy, as BLAS does not multiply rows that overlap.
            yield np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP])


def _filters() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The window, and what hears each frequency in and out of tune: cosines, then sines."""
    window = np.hanning(FRAME + 1)[:-1]
    hertz = np.outer(LOW_HZ + HIGH_HZ, DETUNED).ravel()
    turns = np.outer(np.arange(FRAME), hertz / SAMPLE_RATE_HZ) * 2 * np.pi
    kernel = np.concatenate((np.cos(turns), np.sin(turns)), axis=1) * window[:, None] * (2 / window.sum())
    return (window / np.sqrt((window * window).mean())).astype(np.float32), kernel.astype(np.float32)


_WINDOW, _KERNEL = _filters()


def _keys(frames: NDArray[np.float32]) -> list[str | None]:
    """The key that each frame hears, None for no key."""
    parts = frames @ _KERNEL
    half = parts.shape[1] // 2
    power = (parts[:, :half] ** 2 + parts[:, half:] ** 2) / 2
    tones = power.reshape(len(frames), -1, len(DETUNED)).max(axis=2)
    total = ((frames * _WINDOW) ** 2).mean(axis=1)
    low, low_rival = _best_two(tones[:, :4])
    high, high_rival = _best_two(tones[:, 4:])
    is_key = (
        (total > FLOOR)
        & (low + high >= LEAST_SHARE * total)
        & (np.maximum(low, high) <= MOST_TWIST * np.minimum(low, high))
        & (low_rival <= MOST_RIVAL * low)
        & (high_rival <= MOST_RIVAL * high)
    )
    numbers = 4 * tones[:, :4].argmax(axis=1) + tones[:, 4:].argmax(axis=1)
    return [KEYS[number] if is_one else None for number, is_one in zip(numbers, is_key, strict=True)]


def _best_two(tones: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    ordered = np.sort(tones, axis=1)
    return ordered[:, -1], ordered[:, -2]
