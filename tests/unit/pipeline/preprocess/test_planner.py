"""A channel that is heard bit by bit is cut exactly as the whole of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess.planner import Planner
from pipeline.preprocess.segments import Spoken, Stretch, find_speech, longest_segment, plan, windows, within

OPTIONS = PreprocessOptions()
WINDOW_S = 512 / 16_000


def probability_of(*parts: tuple[float, float]) -> NDArray[np.float32]:
    """(value, seconds) one after another."""
    return np.concatenate([np.full(round(seconds / WINDOW_S), value, np.float32) for value, seconds in parts])


def whole(probability: NDArray[np.float32], options: PreprocessOptions) -> list[Stretch]:
    return plan(find_speech(probability, options), probability, options)


def heard(probability: NDArray[np.float32], options: PreprocessOptions, sizes: list[int]) -> list[Stretch]:
    planner = Planner(options)
    told: list[Stretch] = []
    position = turn = 0
    while position < len(probability):
        size = sizes[turn % len(sizes)]
        told += planner.feed(probability[position : position + size])
        position, turn = position + size, turn + 1
    return [*told, *planner.end()]


values = st.floats(0, 1, width=32) | st.sampled_from([0.0, 0.05, 0.4, 0.9, 0.99])
options_of = st.builds(
    PreprocessOptions,
    max_segment_s=st.sampled_from([5.0, 12.3, 30.0]),
    padding_s=st.sampled_from([0.0, 0.03, 0.3, 1.0]),
    max_gap_s=st.sampled_from([0.0, 0.5, 2.0, 10.0]),
    min_silence_s=st.sampled_from([0.05, 0.5, 2.0]),
    min_speech_s=st.sampled_from([0.0, 0.1, 1.0]),
)


@given(
    st.lists(st.tuples(values, st.integers(1, 1200)), min_size=1, max_size=14),
    st.lists(st.integers(1, 700), min_size=1, max_size=5),
    options_of,
)
@settings(max_examples=250, deadline=None)
def test_any_chunks_of_a_channel_give_the_segments_of_the_whole(
    parts: list[tuple[float, int]], sizes: list[int], options: PreprocessOptions
) -> None:
    probability = np.concatenate([np.full(count, value, np.float32) for value, count in parts])
    assert heard(probability, options, sizes) == whole(probability, options)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.9, 0.97, 0.995]), st.integers(1, 100))
@settings(max_examples=60, deadline=None)
def test_restless_speech_is_cut_the_same_at_every_chunk_size(seed: int, inertia: float, size: int) -> None:
    random = np.random.default_rng(seed)
    steps = random.random(4000) > inertia
    probability = random.random(4000).astype(np.float32)[np.cumsum(steps)]
    assert heard(probability, OPTIONS, [size]) == whole(probability, OPTIONS)


def test_nothing_heard_is_nothing_told() -> None:
    planner = Planner(OPTIONS)
    assert planner.end() == []
    assert heard(probability_of((0.0, 120)), OPTIONS, [16]) == []


def test_a_segment_is_told_once_the_pause_after_it_is_longer_than_any_gap() -> None:
    planner = Planner(OPTIONS)
    assert planner.feed(probability_of((0.0, 1), (0.9, 2), (0.0, 2.5))) == []
    (segment,) = planner.feed(probability_of((0.0, 0.2)))
    assert np.allclose(np.array(segment) * WINDOW_S, (0.7, 3.3), atol=0.1)
    assert planner.end() == []


def test_speech_without_any_pause_is_told_as_soon_as_it_fills_a_segment() -> None:
    planner = Planner(OPTIONS)
    assert planner.feed(probability_of((0.9, 29.9))) == []
    planner.feed(probability_of((0.9, 15.5)))
    told = planner.feed(probability_of((0.9, 15)))
    assert [end - start <= longest_segment(OPTIONS) for start, end in told] == [True] * len(told)
    assert told


def test_no_segment_starts_before_what_is_settled() -> None:
    planner = Planner(OPTIONS)
    random = np.random.default_rng(3)
    settled = 0
    for _ in range(200):
        level = random.choice([0.0, 0.9])
        for start, _end in planner.feed(np.full(random.integers(1, 90), level, np.float32)):
            assert start >= settled
        assert planner.settled >= settled
        settled = planner.settled
    assert all(start >= settled for start, _ in planner.end())


def test_what_is_remembered_of_an_endless_call_is_bounded() -> None:
    planner = Planner(OPTIONS)
    most = 0
    for _ in range(300):
        planner.feed(probability_of((0.9, 7.0), (0.1, 0.3)))
        planner.feed(probability_of((0.0, 1.1)))
        most = max(most, len(planner._probability))
    assert planner.position == pytest.approx(300 * 8.4 / WINDOW_S, rel=0.01)
    assert most < 2 * longest_segment(OPTIONS)


def test_given_stretches_stay_whole_where_speech_is_and_go_where_none_is() -> None:
    found = [(10, 20), (40, 50)]
    spoken = Spoken(found, [(5, 55)])
    assert within([(0, 30), (60, 90)], found, spoken) == [(0, 30)]
    assert within([(15, 45)], found, spoken) == [(15, 45)]
    assert within([], found, spoken) == []


def test_a_given_stretch_is_narrowed_to_its_speech_when_it_holds_a_tone_as_well() -> None:
    found = [(10, 20), (22, 30), (40, 50)]
    assert within([(0, 60)], found, Spoken([(40, 50)], [(35, 55)])) == [(35, 55)]
    assert within([(12, 45)], found, Spoken([(10, 20), (40, 50)], [(5, 21), (38, 52)])) == [(12, 21), (38, 45)]
    assert within([(0, 32)], found, Spoken([(40, 50)], [(35, 55)])) == []


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 0), (0.001, 1), (0.032, 1), (0.1, 4), (30.0, 938)])
def test_windows_cover_the_time(seconds: float, count: int) -> None:
    assert windows(seconds) == count
