"""Batch planning: every segment once, within the budget, with like lengths together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inference.batches import BatchBudget, plan_batches, windows
from pipeline.values import FeatureSegment, Span

lengths = st.lists(st.integers(0, 3_000), max_size=40)
budgets = st.builds(
    BatchBudget, audio_s=st.floats(1, 200), count=st.integers(1, 12), tolerance=st.floats(0, 1), window=st.just(32)
)


def _segments(frames: list[int]) -> list[FeatureSegment]:
    return [FeatureSegment(Span(0, 0.0, count / 100), np.zeros((count, 2), np.float16)) for count in frames]


@given(lengths, budgets)
def test_every_segment_is_in_exactly_one_batch(frames: list[int], budget: BatchBudget) -> None:
    planned = [index for batch in plan_batches(_segments(frames), budget) for index in batch]
    assert sorted(planned) == list(range(len(frames)))


@given(lengths, budgets)
def test_no_batch_of_several_is_over_budget_with_its_padding(frames: list[int], budget: BatchBudget) -> None:
    for batch in plan_batches(_segments(frames), budget):
        counts = [frames[index] for index in batch]
        assert len(batch) <= budget.count
        assert len(batch) == 1 or max(counts) / 100 * len(batch) <= budget.audio_s
        assert min(counts) >= max(counts) * (1 - budget.tolerance)


@given(lengths)
def test_without_tolerance_only_equal_lengths_share_a_batch(frames: list[int]) -> None:
    for batch in plan_batches(_segments(frames), BatchBudget(tolerance=0.0)):
        assert len({frames[index] for index in batch}) == 1


def test_a_segment_longer_than_the_budget_runs_alone() -> None:
    assert plan_batches(_segments([500, 3_000, 400]), BatchBudget(audio_s=10.0)) == [(1,), (0, 2)]


@given(lengths, st.integers(1, 7))
def test_windows_keep_the_order_and_lose_nothing(frames: list[int], size: int) -> None:
    segments = _segments(frames)
    cut = list(windows(segments, size))
    assert all(len(window) <= size for window in cut)
    assert [id(each) for window in cut for each in window] == [id(each) for each in segments]
