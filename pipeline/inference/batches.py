"""Which segments run together: pure planning, no model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline.values import FeatureSegment


@dataclass(frozen=True, slots=True)
class BatchBudget:
    """How big a batch may be.

    `audio_s` bounds its seconds of audio with padding, `count` its segments; a segment longer than `audio_s` runs
    alone. `tolerance` (0 to 1) is how much shorter than the longest a segment may be; at 0 lengths must be equal.
    `window` segments are sorted by length at a time, which bounds what is held in memory.
    """

    audio_s: float = 240.0
    count: int = 8
    tolerance: float = 0.25
    window: int = 32


def windows(segments: Iterable[FeatureSegment], size: int) -> Iterator[list[FeatureSegment]]:
    """`segments` in order, `size` at a time."""
    remaining = iter(segments)
    while window := list(islice(remaining, size)):
        yield window


def plan_batches(segments: Sequence[FeatureSegment], budget: BatchBudget) -> list[tuple[int, ...]]:
    """Indices into `segments`, each exactly once, grouped by length, longest first, each group within `budget`."""
    by_length = sorted(range(len(segments)), key=lambda index: -len(segments[index].frames))
    batches: list[list[int]] = []
    for index in by_length:
        if batches and _fits(segments, batches[-1], index, budget):
            batches[-1].append(index)
        else:
            batches.append([index])
    return [tuple(batch) for batch in batches]


def _fits(segments: Sequence[FeatureSegment], batch: Sequence[int], index: int, budget: BatchBudget) -> bool:
    """Whether segment `index`, no longer than the first of `batch`, may join it."""
    longest, candidate = segments[batch[0]], segments[index]
    return (
        len(batch) < budget.count
        and longest.span.duration_s * (len(batch) + 1) <= budget.audio_s
        and len(candidate.frames) >= len(longest.frames) * (1 - budget.tolerance)
    )
