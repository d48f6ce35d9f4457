"""Plans the segments of a channel while it is heard: the same that `segments.plan` makes of the whole of it.

A segment is told as soon as nothing that can still be said changes it: its last stretch of speech has ended, and what
comes next is too far away or too long to be packed with it.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess.segments import SMOOTHING, SpeechFinder, Stretch, longest_segment, split, windows


class Planner:
    """One channel: fed with the probability of speech, window by window, it gives the segments that are settled."""

    def __init__(self, options: PreprocessOptions) -> None:
        self._finder = SpeechFinder(options)
        self._padding = windows(options.padding_s)
        self._max_gap = windows(options.max_gap_s)
        self._longest = longest_segment(options)
        self._probability = np.empty(0, np.float32)
        self._dropped = 0
        self._waiting: list[Stretch] = []
        self._previous_end: int | None = None
        self._cut: int | None = None
        self._packed: Stretch | None = None

    @property
    def position(self) -> int:
        """Windows that were fed."""
        return self._finder.position

    @property
    def settled(self) -> int:
        """No segment that is still to be told starts before this window."""
        return self._packed[0] if self._packed else self._next_start()

    def feed(self, probability: NDArray[np.float32]) -> list[Stretch]:
        """The segments that these windows settle, in order."""
        self._probability = np.concatenate((self._probability, probability))
        self._waiting += self._finder.feed(probability)
        told = self._pack(self._pieces(is_end=False))
        told += self._close_if_alone()
        self._forget()
        return told

    def end(self) -> list[Stretch]:
        """The segments that are left when the channel ends."""
        self._waiting += self._finder.end()
        told = self._pack(self._pieces(is_end=True))
        return [*told, *([self._packed] if self._packed else [])]

    def _pieces(self, *, is_end: bool) -> list[Stretch]:
        """Padded stretches whose end is certain, in pieces that fit into a segment; also the start of a long one."""
        pieces: list[Stretch] = []
        while self._waiting and (end := self._padded_end(is_end=is_end)) is not None:
            pieces += self._split((self._next_start(), end))
            self._previous_end = self._waiting.pop(0)[1]
            self._cut = None
        if not self._waiting and self._finder.open:
            pieces += self._start_of_long(self._finder.open[1])
        return pieces

    def _padded_end(self, *, is_end: bool) -> int | None:
        """Where the first waiting stretch ends with its padding, or None while that depends on what is to come."""
        end = self._waiting[0][1]
        following = self._following_start()
        if following is not None:
            return min(end + self._padding, (end + following) // 2)
        if is_end:
            return min(end + self._padding, self.position)
        earliest = self._finder.open[0] if self._finder.open else self.position
        is_free = earliest >= end + 2 * self._padding
        # To split it, the windows after its end are looked at as well.
        return end + self._padding if is_free and self.position > end + self._padding + SMOOTHING // 2 else None

    def _following_start(self) -> int | None:
        if len(self._waiting) > 1:
            return self._waiting[1][0]
        opened = self._finder.open
        return opened[0] if opened and self._finder.is_speech(opened) else None

    def _start_of_long(self, end: int) -> list[Stretch]:
        pieces = []
        while end - (start := self._next_start()) > self._longest:
            if self.position <= start + self._longest + SMOOTHING // 2:
                break
            pieces.append(self._split((start, start + self._longest + 1))[0])
            self._cut = pieces[-1][1]
        return pieces

    def _split(self, stretch: Stretch) -> list[Stretch]:
        start, end = stretch[0] - self._dropped, stretch[1] - self._dropped
        found = split((start, end), self._probability, self._longest)
        return [(first + self._dropped, last + self._dropped) for first, last in found]

    def _next_start(self) -> int:
        """Where the next piece starts, or before which it won't when nothing has been heard of it yet."""
        if self._cut is not None:
            return self._cut
        start = self.position
        if self._waiting or self._finder.open:
            start = (self._waiting or [self._finder.open or (start, start)])[0][0]
        low = 0 if self._previous_end is None else (self._previous_end + start) // 2
        return max(start - self._padding, low)

    def _pack(self, pieces: list[Stretch]) -> list[Stretch]:
        told = []
        for start, end in pieces:
            if self._packed and start - self._packed[1] <= self._max_gap and end - self._packed[0] <= self._longest:
                self._packed = (self._packed[0], end)
                continue
            if self._packed:
                told.append(self._packed)
            self._packed = (start, end)
        return told

    def _close_if_alone(self) -> list[Stretch]:
        """The segment in hand, when whatever follows starts too late to become a part of it."""
        following = self._next_start()
        packed = self._packed
        if packed is None:
            return []
        if following - packed[1] <= self._max_gap and following < packed[0] + self._longest:
            return []
        self._packed = None
        return [packed]

    def _forget(self) -> None:
        surplus = self._next_start() - self._dropped
        self._probability = self._probability[surplus:]
        self._dropped += surplus
