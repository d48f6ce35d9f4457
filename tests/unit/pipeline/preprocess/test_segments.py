"""Segments hold all speech, overlap nowhere, stay below the limit, and are cut where nobody speaks."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess.segments import find_speech, pack, pad, plan, runs, split, widen

OPTIONS = PreprocessOptions()
WINDOW_S = 512 / 16_000
LONGEST = int(30 / WINDOW_S)


def _probability(*parts: tuple[float, float]) -> NDArray[np.float32]:
    """(value, seconds) one after another."""
    return np.concatenate([np.full(round(seconds / WINDOW_S), value, np.float32) for value, seconds in parts])


def test_speech_ends_after_a_whole_pause_and_not_at_a_dip() -> None:
    probability = _probability((0, 1), (0.9, 1), (0.1, 0.3), (0.9, 1), (0.1, 1), (0.9, 1))
    found = find_speech(probability, OPTIONS)
    assert np.allclose(np.array(found) * WINDOW_S, [(1.0, 3.3), (4.3, 5.3)], atol=0.1)


def test_doubtful_windows_neither_start_speech_nor_end_it() -> None:
    assert find_speech(_probability((0.4, 5)), OPTIONS) == []
    assert len(find_speech(_probability((0.9, 0.5), (0.4, 5), (0.9, 0.5)), OPTIONS)) == 1


def test_click_is_no_speech_and_a_short_yes_is() -> None:
    assert find_speech(_probability((0, 1), (0.9, 0.064), (0, 1)), OPTIONS) == []
    assert len(find_speech(_probability((0, 1), (0.9, 0.2), (0, 1)), OPTIONS)) == 1


def test_speech_up_to_the_end_is_kept() -> None:
    assert find_speech(np.array([0.9] * 10, np.float32), OPTIONS) == [(0, 10)]


def test_padding_stays_within_the_recording_and_neighbours_meet_halfway() -> None:
    assert pad([(2, 10), (14, 20)], 9, 25) == [(0, 12), (12, 25)]
    assert pad([], 9, 25) == []


def test_long_speech_is_cut_in_its_pause() -> None:
    probability = _probability((0.95, 22), (0.6, 0.3), (0.95, 22))
    (_, cut), (again, _) = split((0, len(probability)), probability, LONGEST)
    assert cut == again
    assert 22 <= cut * WINDOW_S <= 22.3


def test_short_gaps_are_packed_and_long_ones_are_not() -> None:
    assert pack([(0, 10), (15, 20), (40, 50)], max_gap=5, longest=100) == [(0, 20), (40, 50)]
    assert pack([(0, 10), (15, 20)], max_gap=5, longest=19) == [(0, 10), (15, 20)]


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 1500)), min_size=1, max_size=12),
    st.sampled_from([5.0, 12.3, 30.0]),
    st.floats(0, 1),
    st.floats(0, 10),
)
def test_plan_covers_all_speech_in_order_within_the_limit(
    parts: list[tuple[float, int]], max_segment_s: float, padding_s: float, max_gap_s: float
) -> None:
    probability = np.concatenate([np.full(count, value, np.float32) for value, count in parts])
    options = PreprocessOptions(max_segment_s=max_segment_s, padding_s=padding_s, max_gap_s=max_gap_s)
    speech = find_speech(probability, options)
    planned = plan(speech, probability, options)
    covered = np.zeros(len(probability), int)
    for start, end in planned:
        assert 0 <= start < end <= len(probability)
        assert (end - start) * WINDOW_S <= max_segment_s
        covered[start:end] += 1
    assert covered.max(initial=0) <= 1
    assert all(covered[start:end].all() for start, end in speech)
    assert planned == sorted(planned)


def test_a_short_recording_that_is_mostly_one_segment_is_read_whole() -> None:
    assert widen([(10, 60)], 100, PreprocessOptions()) == [(0, 100)]


def test_little_speech_several_segments_and_long_recordings_stay_as_they_were_cut() -> None:
    options = PreprocessOptions()
    assert widen([(10, 40)], 100, options) == [(10, 40)]
    assert widen([(0, 40), (60, 100)], 100, options) == [(0, 40), (60, 100)]
    assert widen([(0, 900)], 1000, options) == [(0, 900)]
    assert widen([], 100, options) == []


@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_where_a_mask_is_set_and_as_few_as_can_be(mask: list[bool]) -> None:
    found = runs(np.array(mask, bool))
    assert [each for start, end in found for each in range(start, end)] == [
        n for n, is_set in enumerate(mask) if is_set
    ]
    assert all(left[1] < right[0] for left, right in pairwise(found))
