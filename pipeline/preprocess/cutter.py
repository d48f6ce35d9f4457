"""Cuts a call that is still going on into pieces that are transcribed as they come.

Each piece is a recording of its own, and says which stretches of speech in it are its: the segments into which the
whole call would have been cut, each in exactly one piece. Pieces overlap where one channel speaks on while another
pauses; every sample lies in at least one. In what chunks the call arrives changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions, Stretch
from pipeline.preprocess.ingest import MIN_DURATION_S, resampled
from pipeline.preprocess.listening import UNIT, Listener
from pipeline.preprocess.planner import Planner
from pipeline.preprocess.segments import widen
from pipeline.preprocess.vad import WINDOW, WINDOW_S
from pipeline.values import SAMPLE_RATE_HZ

BLOCK_S = 0.1
"""Audio is worked on in blocks of this length, however it arrives: so chunks can't make a difference."""
CONTEXT = 16
"""Windows (0.5 s) around a stretch that its piece holds as well, so that filters have settled where it begins."""
GRID = 5
"""Windows (160 ms): a whole number of samples at every usual rate, so that a piece begins between two samples."""
LONGEST_QUIET = 1875
"""Windows (60 s) without speech after which a piece is cut all the same, so that a crash never loses more."""
FULL_SCALE = 32_768

_Told = tuple[int, int, int]
"""Channel, first window, window after the last."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stream: `samples` (frames, channels) as int16, and the stretches that are to be transcribed.

    `start_s` and `settled_s` count from the start of the stream, the times of `stretches` from the start of the piece.
    What was said before `settled_s` is in this piece or in one before it: a stream that broke off goes on from there.
    """

    start_s: float
    settled_s: float
    sample_rate_hz: int
    samples: NDArray[np.int16]
    stretches: tuple[Stretch, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What the blocks of a stream are."""

    sample_rate_hz: int
    channels: int


def cut(blocks: Iterable[NDArray[np.float32]], stream: StreamFormat, options: PreprocessOptions) -> Iterator[Piece]:
    """Pieces of a stream that comes in `blocks` of shape (frames, channels), full scale 1.0, as soon as each is whole.

    Raises ModelNotFound or ModelMismatch for the speech detector, and whatever `blocks` raises.
    """
    tape = _Tape(stream)
    is_mixed = options.channel_mode == "mix"
    cutter = _Cutter(tape, 1 if is_mixed else stream.channels, options)
    even = reblocked(blocks, round(BLOCK_S * stream.sample_rate_hz))
    heard = resampled(tape.record(even), stream.sample_rate_hz, stream.channels)
    if is_mixed:
        heard = (block.mean(axis=1, keepdims=True) for block in heard)
    for unit in reblocked(heard, UNIT):
        yield from cutter.hear(unit)
    yield from cutter.end()


def reblocked(blocks: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in blocks of `size`; only the last one is shorter, and none is empty."""
    held: list[NDArray[np.float32]] = []
    count = 0
    for block in blocks:
        held.append(block)
        count += len(block)
        if count < size:
            continue
        joined = np.concatenate(held)
        whole = count // size * size
        for start in range(0, whole, size):
            yield joined[start : start + size].copy()
        held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)


def to_int16(block: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples of full scale 1.0 as 16-bit ones."""
    scaled = np.clip(np.rint(block * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1)
    return np.asarray(scaled, np.int16)


class _Tape:
    """The audio of the stream as it came, from the oldest sample that a piece may still need."""

    def __init__(self, stream: StreamFormat) -> None:
        self.stream = stream
        self._samples = np.empty((0, stream.channels), np.int16)
        self._first = 0

    def record(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Pass the blocks on, and remember them as 16-bit samples."""
        for block in blocks:
            self._samples = np.concatenate((self._samples, to_int16(block)))
            yield block

    def read(self, first_window: int, last_window: int | None) -> NDArray[np.int16]:
        """The samples of these windows; None: up to the end."""
        stop = None if last_window is None else self._frame(last_window) - self._first
        return self._samples[self._frame(first_window) - self._first : stop].copy()

    def forget(self, before_window: int) -> None:
        """Drop what is older than this window."""
        frame = max(self._frame(before_window), self._first)
        self._samples = self._samples[frame - self._first :]
        self._first = frame

    def _frame(self, window: int) -> int:
        return round(window * WINDOW * self.stream.sample_rate_hz / SAMPLE_RATE_HZ)


class _Cutter:
    def __init__(self, tape: _Tape, channels: int, options: PreprocessOptions) -> None:
        self._tape = tape
        self._options = options
        self._listener = Listener(channels)
        self._planners = [Planner(options) for _ in range(channels)]
        self._covered = 0
        self._has_told = False

    def hear(self, unit: NDArray[np.float32]) -> Iterator[Piece]:
        """The piece that these samples at 16 kHz complete, if they do."""
        told = self._plan(self._listener.feed(unit))
        settled = min(planner.settled for planner in self._planners)
        if told:
            latest = max(end for _, _, end in told) + CONTEXT
            yield self._piece(told, min(latest, self._planners[0].position))
        elif settled - self._covered > LONGEST_QUIET:
            yield self._piece([], settled)
        self._tape.forget(self._on_grid(min(self._covered, settled - CONTEXT)))

    def end(self) -> Iterator[Piece]:
        """What is left, as the last piece."""
        told = self._plan(self._listener.end())
        told += [(channel, *each) for channel, planner in enumerate(self._planners) for each in planner.end()]
        # As preprocess does with a short recording that is one segment in little else.
        if len(self._planners) == 1 and not self._has_told:
            stretches = widen([each[1:] for each in told], self._planners[0].position, self._options)
            told = [(0, *each) for each in stretches]
        piece = self._piece(told, None)
        if told or piece.duration_s >= MIN_DURATION_S:
            yield piece

    def _plan(self, probability: Sequence[NDArray[np.float32]]) -> list[_Told]:
        told = [
            (channel, start, end)
            for channel, (planner, heard) in enumerate(zip(self._planners, probability, strict=True))
            for start, end in planner.feed(heard)
        ]
        self._has_told = self._has_told or bool(told)
        return told

    def _piece(self, told: list[_Told], end: int | None) -> Piece:
        first = self._on_grid(min([self._covered, *(start - CONTEXT for _, start, _ in told)]))
        samples = self._tape.read(first, end)
        settled_s = first * WINDOW_S + len(samples) / self._tape.stream.sample_rate_hz
        if end is not None:
            self._covered = max(self._covered, end)
            settled_s = min(self._covered, *(planner.settled for planner in self._planners)) * WINDOW_S
        stretches = tuple(
            Stretch(channel=channel, start_s=(start - first) * WINDOW_S, end_s=(stop - first) * WINDOW_S)
            for channel, start, stop in sorted(told, key=lambda each: (each[1], each[0]))
        )
        return Piece(first * WINDOW_S, settled_s, self._tape.stream.sample_rate_hz, samples, stretches)

    @staticmethod
    def _on_grid(window: int) -> int:
        return max(0, window) // GRID * GRID
