"""Which segments run together: pure planning, no model, no threads.

Segments of many recordings wait in one place. Who was served least is next, so that a long call shares the model with
short ones; what goes along in a batch is chosen by length alone.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchBudget:
    """How big a batch may be.

    `audio_s` bounds its seconds of audio with padding, `count` its segments; a segment longer than `audio_s` runs
    alone. `tolerance` (0 to 1) is how much shorter than the longest a segment may be, and thereby the most of a batch
    that is padding; at 0 lengths must be equal. What waits `is_shared_out` among the lanes of a model, or fills one.
    """

    audio_s: float = 30.0
    count: int = 1
    tolerance: float = 0.15
    is_shared_out: bool = False

    def share(self, waiting: int, lanes: int) -> int:
        """How many segments one of the lanes may take when so many wait."""
        return min(self.count, math.ceil(waiting / lanes)) if self.is_shared_out else self.count


ALONE = BatchBudget()
"""Each segment by itself: on a CPU company saves nothing, and may change the last bit of a result."""

WINDOWS_ON_A_CPU = BatchBudget(audio_s=120.0, count=4, tolerance=1.0, is_shared_out=True)
"""For Whisper in int8: a search reads most of the weights for each token, once for all that search together."""

ON_A_CARD = BatchBudget(audio_s=600.0, count=256)
"""For CTC models: enough work for every multiprocessor of a card between two launches."""

WINDOWS_ON_A_CARD = BatchBudget(audio_s=960.0, count=32, tolerance=1.0)
"""For models that read each segment in a window of one length, whatever its own."""


@dataclass(slots=True, eq=False)
class Seat:
    """One stream of segments, and the seconds of its audio that were taken."""

    served_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Item(Generic[T]):
    """A segment that waits: whose it is, its size in frames, its duration, and what is to be done with it.

    Only items of the same `kind` may share a batch.
    """

    seat: Seat
    frames: int
    duration_s: float
    kind: object
    payload: T


@dataclass(slots=True)
class WaitingRoom(Generic[T]):
    """What waits for the model; not safe to use from several threads at once."""

    _queues: dict[Seat, deque[Item[T]]] = field(default_factory=dict)
    _served_s: float = 0.0

    def seat(self) -> Seat:
        """A place for one more stream, as if it had been served as much as whoever is next."""
        return Seat(self._served_s)

    def add(self, item: Item[T]) -> None:
        """Let an item wait behind those of its seat."""
        item.seat.served_s = max(item.seat.served_s, self._served_s)
        self._queues.setdefault(item.seat, deque()).append(item)

    def leave(self, seat: Seat) -> None:
        """Forget what waits at this seat."""
        self._queues.pop(seat, None)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def take(self, budget: BatchBudget) -> list[Item[T]]:
        """The next batch: the first item of the seat that was served least, and those nearest to it in length.

        Empty when nothing waits.
        """
        if not self._queues:
            return []
        first = min(self._queues.values(), key=lambda queue: queue[0].seat.served_s)[0]
        self._served_s = first.seat.served_s
        batch = self._company(first, budget) if budget.count > 1 else [first]
        for item in batch:
            item.seat.served_s += item.duration_s
            queue = self._queues[item.seat]
            queue.remove(item)
            if not queue:
                del self._queues[item.seat]
        return batch

    def _company(self, first: Item[T], budget: BatchBudget) -> list[Item[T]]:
        alike = [item for queue in self._queues.values() for item in queue if item.kind == first.kind]
        alike.sort(key=lambda item: item.frames)
        low = high = next(index for index, item in enumerate(alike) if item is first)
        while wider := _wider(alike, low, high, budget):
            low, high = wider
        return alike[low : high + 1]


def _wider(alike: Sequence[Item[T]], low: int, high: int, budget: BatchBudget) -> tuple[int, int] | None:
    """The range with one more neighbour, the nearer in length, that is still within `budget`; None when none is."""
    shorter = (alike[low].frames - alike[low - 1].frames, low - 1, high) if low else None
    longer = (alike[high + 1].frames - alike[high].frames, low, high + 1) if high + 1 < len(alike) else None
    for _, from_, to in sorted(each for each in (shorter, longer) if each):
        if _fits(alike[from_], alike[to], to - from_ + 1, budget):
            return from_, to
    return None


def _fits(shortest: Item[T], longest: Item[T], count: int, budget: BatchBudget) -> bool:
    return (
        count <= budget.count
        and longest.duration_s * count <= budget.audio_s
        and shortest.frames >= longest.frames * (1 - budget.tolerance)
    )
