"""Timestamp tokens: where a window is read again, and which text stays with its first reading."""

import pytest

from pipeline.inference.timestamps import Passage, frames_read, joined, text_within
from pipeline.spec import AttentionVocabulary
from pipeline.values import Hypothesis

END, NO_TIMESTAMPS = 100, 110
VOCABULARY = AttentionVocabulary(
    tokens=(), end=END, no_timestamps=NO_TIMESTAMPS, prompt=(101,), no_speech=0, suppressed=()
)


def at(time_s: float) -> int:
    """The timestamp token of a time."""
    return NO_TIMESTAMPS + 1 + round(time_s / 0.02)


TWO_SENTENCES = (at(0), 1, 2, at(1.5), at(1.5), 3, at(2.9))


@pytest.mark.parametrize(
    ("tokens", "frames"),
    [
        pytest.param((at(0), 1, 2, at(1.5)), None, id="one sentence, one timestamp at the end"),
        pytest.param(TWO_SENTENCES, None, id="two sentences, one timestamp at the end"),
        pytest.param((at(0), 1, 2, at(1.5), at(1.5)), 150, id="two timestamps at the end"),
        pytest.param((at(0), 1, at(1.5), at(2.0), 3, 4), 150, id="the last sentence is not closed"),
        pytest.param((at(0), 1, 2), None, id="no sentence is closed"),
        pytest.param((1, 2), None, id="no timestamps at all"),
        pytest.param((at(0), at(0), 1), None, id="a pair at the start, which would never end"),
        pytest.param((), None, id="nothing"),
    ],
)
def test_a_window_is_read_again_from_its_last_pair_of_timestamps(tokens: tuple[int, ...], frames: int | None) -> None:
    assert frames_read(tokens, VOCABULARY) == frames


def test_text_that_will_be_read_again_is_left_out() -> None:
    tokens = (at(0), 1, 2, at(1.5), at(1.5), 3, 4)
    assert text_within(tokens, frames_read(tokens, VOCABULARY), VOCABULARY) == (1, 2)


def test_text_is_cut_at_the_last_timestamp_that_closes_in_time() -> None:
    assert text_within(TWO_SENTENCES, 150, VOCABULARY) == (1, 2)
    assert text_within(TWO_SENTENCES, 290, VOCABULARY) == (1, 2, 3)
    assert text_within((at(0), 5, at(1.6), at(1.6), 6, at(2.0)), 150, VOCABULARY) == ()


def test_a_window_read_to_its_end_keeps_all_text_and_no_special_token() -> None:
    assert text_within((*TWO_SENTENCES, 4, END), None, VOCABULARY) == (1, 2, 3, 4)


def test_passages_join_to_one_hypothesis_a_rank_with_times_from_the_segment_s_start() -> None:
    first = Passage(0.0, (Hypothesis((1, 2), -0.3, (0.0, 0.5), (0.5, 1.6), (0.9, 0.8)), Hypothesis((7,), -1.0)), 0.1)
    second = Passage(1.5, (Hypothesis((3,), -0.6, (0.0,), (0.4,), (0.7,)), Hypothesis((), -2.0)), 0.2)
    best, other = joined([first, second])
    assert best.tokens == (1, 2, 3)
    # 1.5 + 0.0, but not before the token before it began, and 1.5 + 0.4.
    assert best.token_start_s == pytest.approx((0.0, 0.5, 1.5))
    assert best.token_end_s == pytest.approx((0.5, 1.6, 1.9))
    assert best.token_probs == (0.9, 0.8, 0.7)
    # Means over tokens and the end token of each: (3 * -0.3 + 2 * -0.6) / 5.
    assert best.log_prob == pytest.approx(-0.42)
    assert other.tokens == (7,)
    assert other.log_prob == pytest.approx(-4 / 3)


def test_readings_that_differ_in_timestamps_only_are_one_hypothesis() -> None:
    twice = Passage(0.0, (Hypothesis((1, 2), -0.3), Hypothesis((1, 2), -0.5)), 0.1)
    assert [hypothesis.log_prob for hypothesis in joined([twice])] == pytest.approx([-0.3])
