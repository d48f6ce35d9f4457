"""From the probability of speech to segments: pure arithmetic on half-open ranges of VAD windows."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess.vad import WINDOW
from pipeline.values import SAMPLE_RATE_HZ

Stretch = tuple[int, int]

HYSTERESIS = 0.15
"""Speech ends this far below the probability at which it starts, as in Silero's own code."""
LOWEST_LEAVE = 0.01
SMOOTHING = 7
"""Windows (0.22 s) that are averaged to look for the best place to cut: a pause rather than one weak sound."""


def plan(speech: Sequence[Stretch], probability: NDArray[np.float32], options: PreprocessOptions) -> list[Stretch]:
    """Where a channel is cut for the acoustic model: ordered, apart, none longer than `options.max_segment_s`."""
    longest = int(options.max_segment_s * SAMPLE_RATE_HZ) // WINDOW
    padded = pad(speech, _windows(options.padding_s), len(probability))
    pieces = [piece for stretch in padded for piece in split(stretch, probability, longest)]
    return pack(pieces, _windows(options.max_gap_s), longest)


def widen(planned: Sequence[Stretch], total: int, options: PreprocessOptions) -> list[Stretch]:
    """A recording that is one segment in little else is read whole, if it fits a window: nothing is won by cutting it.

    Models of 30 s windows are trained on speech with its surroundings, and cost the same for a second and for thirty.
    """
    longest = int(options.max_segment_s * SAMPLE_RATE_HZ) // WINDOW
    is_most = len(planned) == 1 and 2 * (planned[0][1] - planned[0][0]) >= total
    return [(0, total)] if is_most and total <= longest else list(planned)


def find_speech(probability: NDArray[np.float32], options: PreprocessOptions) -> list[Stretch]:
    """Stretches of speech: entered at the threshold, left below it once a whole `min_silence_s` stayed quiet."""
    enter, leave = options.speech_threshold, max(options.speech_threshold - HYSTERESIS, LOWEST_LEAVE)
    min_silence = max(1, _windows(options.min_silence_s))
    found: list[Stretch] = []
    start = quiet_since = None
    for window, value in enumerate(probability.tolist()):
        if value >= enter:
            start = window if start is None else start
            quiet_since = None
        elif start is not None and (quiet_since is not None or value < leave):
            quiet_since = window if quiet_since is None else quiet_since
            if window + 1 - quiet_since >= min_silence:
                found.append((start, quiet_since))
                start = quiet_since = None
    if start is not None:
        found.append((start, len(probability) if quiet_since is None else quiet_since))
    return [(start, end) for start, end in found if end - start >= _windows(options.min_speech_s)]


def pad(stretches: Sequence[Stretch], padding: int, total: int) -> list[Stretch]:
    """Each stretch `padding` windows longer on both sides, within 0 to `total`; neighbours meet halfway."""
    if not stretches:
        return []
    limits = [0, *((left[1] + right[0]) // 2 for left, right in pairwise(stretches)), total]
    return [
        (max(start - padding, low), min(end + padding, high))
        for (start, end), (low, high) in zip(stretches, pairwise(limits), strict=True)
    ]


def split(stretch: Stretch, probability: NDArray[np.float32], longest: int) -> list[Stretch]:
    """`stretch` in pieces of at most `longest` windows, cut where speech is least probable in their second half."""
    start, end = stretch
    pieces: list[Stretch] = []
    while end - start > longest:
        # Not in the first half: a short piece would have too little context to be understood.
        first = start + longest // 2
        around = probability[first - SMOOTHING // 2 : start + longest + SMOOTHING // 2 + 1]
        smooth = np.convolve(around, np.full(SMOOTHING, 1 / SMOOTHING), "valid")
        cut = first + int(np.argmin(smooth))
        pieces.append((start, cut))
        start = cut
    return [*pieces, (start, end)]


def pack(stretches: Sequence[Stretch], max_gap: int, longest: int) -> list[Stretch]:
    """Neighbours joined, with the pause between them, while the gap and the whole stay within their limits."""
    packed: list[Stretch] = []
    for start, end in stretches:
        if packed and start - packed[-1][1] <= max_gap and end - packed[-1][0] <= longest:
            packed[-1] = (packed[-1][0], end)
        else:
            packed.append((start, end))
    return packed


def _windows(seconds: float) -> int:
    return math.ceil(seconds * SAMPLE_RATE_HZ / WINDOW)
