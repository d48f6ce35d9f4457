"""Batch planning: every segment once, within the budget, with like lengths together and nobody left behind."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inference.batches import ALONE, ON_A_CARD, WINDOWS_ON_A_CPU, BatchBudget, Item, Seat, WaitingRoom

lengths = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3_000)), max_size=40)
budgets = st.builds(
    BatchBudget, audio_s=st.floats(1, 200), count=st.integers(1, 12), tolerance=st.floats(0, 1, exclude_max=True)
)


def room_with(waiting: list[tuple[int, int]]) -> tuple[WaitingRoom[int], dict[int, Seat]]:
    """A room in which segments of so many frames wait, each at a numbered seat; its payload is its place."""
    room: WaitingRoom[int] = WaitingRoom()
    seats: dict[int, Seat] = {}
    for place, (number, frames) in enumerate(waiting):
        room.add(Item(seats.setdefault(number, room.seat()), frames, frames / 100, "plain", place))
    return room, seats


def batches_of(room: WaitingRoom[int], budget: BatchBudget) -> list[list[Item[int]]]:
    return list(iter(lambda: room.take(budget), []))


@given(lengths, budgets)
def test_every_segment_is_in_exactly_one_batch(waiting: list[tuple[int, int]], budget: BatchBudget) -> None:
    batches = batches_of(room_with(waiting)[0], budget)
    assert sorted(item.payload for batch in batches for item in batch) == list(range(len(waiting)))


@given(lengths, budgets)
def test_no_batch_of_several_is_over_budget_with_its_padding(
    waiting: list[tuple[int, int]], budget: BatchBudget
) -> None:
    for batch in batches_of(room_with(waiting)[0], budget):
        counts = [item.frames for item in batch]
        assert len(batch) <= budget.count
        assert len(batch) == 1 or max(counts) / 100 * len(batch) <= budget.audio_s
        assert min(counts) >= max(counts) * (1 - budget.tolerance)


@given(lengths)
def test_without_tolerance_only_equal_lengths_share_a_batch(waiting: list[tuple[int, int]]) -> None:
    for batch in batches_of(room_with(waiting)[0], BatchBudget(audio_s=200, count=12, tolerance=0.0)):
        assert len({item.frames for item in batch}) == 1


def test_without_company_every_segment_runs_by_itself_and_in_turn() -> None:
    room, _ = room_with([(0, 300), (0, 300), (1, 300)])
    assert [[item.payload for item in batch] for batch in batches_of(room, ALONE)] == [[0], [2], [1]]


def test_what_waits_is_shared_out_among_the_lanes_of_a_cpu_and_fills_one_of_a_card() -> None:
    assert [WINDOWS_ON_A_CPU.share(waiting, 2) for waiting in (1, 2, 3, 6, 8, 100)] == [1, 1, 2, 3, 4, 4]
    assert ON_A_CARD.share(3, 2) == ON_A_CARD.count


def test_a_segment_longer_than_the_budget_runs_alone() -> None:
    room, _ = room_with([(0, 3_000), (0, 500), (0, 400)])
    batches = batches_of(room, BatchBudget(audio_s=10.0, count=8, tolerance=0.25))
    assert [[item.payload for item in batch] for batch in batches] == [[0], [2, 1]]


def test_a_short_job_waits_for_one_segment_of_a_long_call_and_not_for_all() -> None:
    room, _ = room_with([(0, 3_000)] * 10)
    assert room.take(ALONE)[0].payload == 0
    room.add(Item(room.seat(), 200, 2.0, "plain", 99))
    assert [room.take(ALONE)[0].payload for _ in range(2)].count(99) == 1


def test_segments_that_are_to_be_run_in_different_ways_share_no_batch() -> None:
    room: WaitingRoom[int] = WaitingRoom()
    seat = room.seat()
    for place, kind in enumerate(["plain", "wide", "plain"]):
        room.add(Item(seat, 100, 1.0, kind, place))
    batches = batches_of(room, ON_A_CARD)
    assert sorted(sorted(item.payload for item in batch) for batch in batches) == [[0, 2], [1]]


def test_who_leaves_is_forgotten() -> None:
    room, seats = room_with([(0, 100), (1, 100)])
    room.leave(seats[0])
    assert [item.payload for item in room.take(ON_A_CARD)] == [1]
    assert room.take(ON_A_CARD) == []


def test_of_a_mix_of_utterances_at_least_85_per_cent_of_what_is_computed_is_speech() -> None:
    chance = np.random.default_rng(5)
    frames = np.clip(chance.lognormal(np.log(700), 0.7, 512), 50, 3_500).astype(int)
    batches = batches_of(room_with([(0, int(count)) for count in frames])[0], ON_A_CARD)
    computed = sum(max(item.frames for item in batch) * len(batch) for batch in batches)
    assert frames.sum() / computed >= 0.85
    assert len(batches) < 64
