"""One model for many recordings at once: what waits is batched across them, and no recording waits for company.

A model has lanes, in which it computes side by side: processor cores, or streams of a card, of which one copies while
the other computes. Whoever reads a recording's emissions loads its features and saves its result meanwhile, in a
thread of its own.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self

from pipeline.errors import DeviceLost, OutOfMemory
from pipeline.inference.batches import (
    ALONE,
    ON_A_CARD,
    WINDOWS_ON_A_CARD,
    WINDOWS_ON_A_CPU,
    BatchBudget,
    Item,
    Seat,
    WaitingRoom,
)
from pipeline.inference.model import AcousticModel, ModelRuntime
from pipeline.options import InferenceOptions
from pipeline.spec import ModelSpec
from pipeline.values import Emissions, FeatureSegment

# After memory ran out, batches grow again by this with each that fits.
_GROWTH = 1.02
_MOST_READERS = 64
_MOST_OPENING = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    segment: FeatureSegment
    options: InferenceOptions
    emissions: Future[Emissions]


@dataclass(slots=True, eq=False)
class _Stream:
    """How much of a recording was asked of the model, and how much of that it has said."""

    asked_s: float = 0.0
    told_s: float = 0.0


_Batch = Sequence[Item[_Asked]]


def budget_for(spec: ModelSpec, runtime: ModelRuntime) -> BatchBudget:
    """How segments share batches there: on a card by the minute, on a CPU where that leaves each result as it is."""
    is_ctc = spec.family == "ctc"
    if runtime.device == "cpu":
        # Sums of whole numbers are the same in any order, those of floating-point numbers are not.
        return WINDOWS_ON_A_CPU if not is_ctc and runtime.compute_type in {"default", "int8"} else ALONE
    return ON_A_CARD if is_ctc else WINDOWS_ON_A_CARD


class SharedModel:
    """A model that several threads use at once; as a context manager it ends its lanes.

    What one recording's segments become does not depend on the others: an error is that of the segment that caused
    it, found by running the segments of a failed batch by themselves.
    """

    def __init__(self, model: AcousticModel, budget: BatchBudget = ALONE, lanes: int = 1) -> None:
        self.spec = model.spec
        self.lanes = lanes
        self.budget = budget if model.spec.pads_freely else replace(budget, tolerance=0.0)
        self._model = model
        # Enough of one recording to keep every lane busy while its reader saves what is done.
        self.ahead_s = (lanes + 1) * budget.audio_s
        self._most_readers = min(_MOST_READERS, lanes * budget.count + 2)
        self._limit_s = budget.audio_s
        self._lock = threading.RLock()
        self._room: WaitingRoom[_Asked] = WaitingRoom()
        self._broken: deque[_Batch] = deque()
        self._free = lanes
        self._streams: list[_Stream] = []
        self._lanes = ThreadPoolExecutor(lanes, thread_name_prefix="lane")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._lanes.shutdown()

    def emissions(self, segments: Iterable[FeatureSegment], options: InferenceOptions) -> Iterator[Emissions]:
        """The emissions of each segment, in their order; `ahead_s` of them are read ahead.

        Raises:
            OutOfMemory: not even one segment fits the device's memory.
            DeviceLost: the device is gone; so is the model.
        """
        stream = _Stream()
        with self._lock:
            seat = self._room.seat()
            self._streams.append(stream)
        asked: deque[_Asked] = deque()
        try:
            for segment in segments:
                asked.append(self._ask(seat, segment, options))
                stream.asked_s += segment.span.duration_s
                while stream.asked_s - stream.told_s > self.ahead_s:
                    yield _told(stream, asked.popleft())
            while asked:
                yield _told(stream, asked.popleft())
        finally:
            with self._lock:
                self._room.leave(seat)
                self._streams.remove(stream)

    def has_room(self, readers: int) -> bool:
        """Whether the model could do with one more recording beside those of so many `readers`.

        A long recording counts until it had its share of the model, so that it keeps short ones waiting no longer.
        """
        with self._lock:
            begun = [stream for stream in self._streams if stream.asked_s]
            fresh_s = sum(stream.asked_s - stream.told_s for stream in begun if stream.told_s < self.ahead_s)
        # Of those that still open their features nobody knows how long they are.
        return readers < self._most_readers and readers - len(begun) < _MOST_OPENING and fresh_s < self.ahead_s

    def _ask(self, seat: Seat, segment: FeatureSegment, options: InferenceOptions) -> _Asked:
        asked = _Asked(segment, options, Future())
        with self._lock:
            self._room.add(Item(seat, len(segment.frames), segment.span.duration_s, options, asked))
            self._start()
        return asked

    def _start(self) -> None:
        """Give every free lane something to do; with the lock held."""
        while self._free and (batch := self._next()):
            self._free -= 1
            segments = [item.payload.segment for item in batch]
            done = self._lanes.submit(self._model.emit, segments, batch[0].payload.options)
            done.add_done_callback(partial(self._ended, batch))

    def _next(self) -> _Batch:
        if self._broken:
            return self._broken.popleft()
        count = self.budget.share(len(self._room), self.lanes)
        return self._room.take(replace(self.budget, audio_s=self._limit_s, count=count))

    def _ended(self, batch: _Batch, done: Future[list[Emissions]]) -> None:
        error = done.exception()
        is_whole = error is None or len(batch) == 1 or isinstance(error, DeviceLost)
        with self._lock:
            self._free += 1
            if not is_whole:
                self._break(batch, error)
            elif error is None:
                self._limit_s = min(self.budget.audio_s, self._limit_s * _GROWTH)
            self._start()
        if error is None:
            for item, emissions in zip(batch, done.result(), strict=True):
                item.payload.emissions.set_result(emissions)
        elif is_whole:
            for item in batch:
                item.payload.emissions.set_exception(error)

    def _break(self, batch: _Batch, error: BaseException | None) -> None:
        """Run a batch again that failed, before anything else: in halves if it was too big, else each by itself."""
        _forget_frames(error)
        size = 1
        if isinstance(error, OutOfMemory):
            size = len(batch) // 2
            longest_s = max(item.duration_s for item in batch)
            self._limit_s = max(longest_s, min(self._limit_s, longest_s * len(batch)) / 2)
        self._broken.extend(batch[start : start + size] for start in range(0, len(batch), size))


def _told(stream: _Stream, asked: _Asked) -> Emissions:
    emissions = asked.emissions.result()
    stream.told_s += asked.segment.span.duration_s
    return emissions


def _forget_frames(error: BaseException | None) -> None:
    """Let go of the tensors that the traceback of a failed batch holds, and of those that led to it."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
