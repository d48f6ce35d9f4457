"""From the probability of speech to segments: pure arithmetic on half-open ranges of VAD windows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess.vad import WINDOW, WINDOW_S
from pipeline.values import SAMPLE_RATE_HZ

Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is speech on a channel, and the segments planned for it."""

    speech: Sequence[Stretch]
    planned: Sequence[Stretch]


HYSTERESIS = 0.15
"""Speech ends this far below the probability at which it starts, as in Silero's own code."""
LOWEST_LEAVE = 0.01
SMOOTHING = 7
"""Windows (0.22 s) that are averaged to look for the best place to cut: a pause rather than one weak sound."""


def plan(speech: Sequence[Stretch], probability: NDArray[np.float32], options: PreprocessOptions) -> list[Stretch]:
    """Where a channel is cut for the acoustic model: ordered, apart, none longer than `options.max_segment_s`."""
    longest = longest_segment(options)
    padded = pad(speech, windows(options.padding_s), len(probability))
    pieces = [piece for stretch in padded for piece in split(stretch, probability, longest)]
    return pack(pieces, windows(options.max_gap_s), longest)


def widen(planned: Sequence[Stretch], total: int, options: PreprocessOptions) -> list[Stretch]:
    """A recording that is one segment in little else is read whole, if it fits a window: nothing is won by cutting it.

    Models of 30 s windows are trained on speech with its surroundings, and cost the same for a second and for thirty.
    """
    longest = longest_segment(options)
    is_most = len(planned) == 1 and 2 * (planned[0][1] - planned[0][0]) >= total
    return [(0, total)] if is_most and total <= longest else list(planned)


class SpeechFinder:
    """Finds stretches of speech in probabilities that come bit by bit.

    Speech is entered at the threshold and left below it once a whole `min_silence_s` stayed quiet.
    """

    def __init__(self, options: PreprocessOptions) -> None:
        self._enter = options.speech_threshold
        self._leave = max(options.speech_threshold - HYSTERESIS, LOWEST_LEAVE)
        self._min_silence = max(1, windows(options.min_silence_s))
        self._min_speech = windows(options.min_speech_s)
        self._start: int | None = None
        self._quiet_since: int | None = None
        self.position = 0

    @property
    def open(self) -> Stretch | None:
        """The stretch that goes on, as long as it is for certain; None outside of one."""
        if self._start is None:
            return None
        return self._start, self.position if self._quiet_since is None else self._quiet_since

    def is_speech(self, stretch: Stretch) -> bool:
        """Whether it is long enough to be more than a noise."""
        return stretch[1] - stretch[0] >= self._min_speech

    def feed(self, probability: NDArray[np.float32]) -> list[Stretch]:
        """The stretches that ended within these windows."""
        found: list[Stretch] = []
        for value in probability.tolist():
            if value >= self._enter:
                self._start = self.position if self._start is None else self._start
                self._quiet_since = None
            elif self._start is not None and (self._quiet_since is not None or value < self._leave):
                self._quiet_since = self.position if self._quiet_since is None else self._quiet_since
                if self.position + 1 - self._quiet_since >= self._min_silence:
                    found += self.end()
            self.position += 1
        return found

    def end(self) -> list[Stretch]:
        """The stretch that went on when the probabilities ended."""
        last = self.open
        self._start = self._quiet_since = None
        return [last] if last is not None and self.is_speech(last) else []


def find_speech(probability: NDArray[np.float32], options: PreprocessOptions) -> list[Stretch]:
    """Every stretch of speech of a channel, see `SpeechFinder`."""
    finder = SpeechFinder(options)
    return [*finder.feed(probability), *finder.end()]


def runs(mask: NDArray[np.bool_]) -> list[Stretch]:
    """Where `mask` is set: half-open ranges."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


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


def given_stretches(options: PreprocessOptions, channel: int) -> list[Stretch]:
    """What the caller wants transcribed of a channel, in whole windows."""
    given = [each for each in options.stretches or () if each.channel == channel]
    return sorted((round(each.start_s / WINDOW_S), round(each.end_s / WINDOW_S)) for each in given)


def within(given: Sequence[Stretch], found: Sequence[Stretch], spoken: Spoken) -> list[Stretch]:
    """The parts of what the caller wants transcribed that hold speech.

    A given stretch stays whole, unless some of what was `found` in it turned out to be no speech after all: then the
    segments that were planned for the rest take its place.
    """
    kept: list[Stretch] = []
    for stretch in given:
        inside = [each for each in found if _overlap(each, stretch)]
        heard = [each for each in spoken.speech if _overlap(each, stretch)]
        if heard and heard == inside:
            kept.append(stretch)
        elif heard:
            parts = [each for each in spoken.planned if _overlap(each, stretch)]
            kept += [(max(stretch[0], start), min(stretch[1], end)) for start, end in parts]
    return kept


def _overlap(one: Stretch, other: Stretch) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def longest_segment(options: PreprocessOptions) -> int:
    """So many windows fit into a segment."""
    return int(options.max_segment_s * SAMPLE_RATE_HZ) // WINDOW


def windows(seconds: float) -> int:
    """So many windows as cover `seconds`."""
    return math.ceil(seconds * SAMPLE_RATE_HZ / WINDOW)
