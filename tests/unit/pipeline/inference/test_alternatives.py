"""Other readings of a window: which are kept, and when their words were said."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inference.alternatives import alternatives, reads_as_far, timed_as
from pipeline.inference.timestamps import Reading
from pipeline.values import Hypothesis
from tests.unit.pipeline.inference.test_timestamps import TWO_SENTENCES, VOCABULARY, at

BEST = Hypothesis((1, 2, 3), -0.2, (0.0, 0.5, 1.5), (0.5, 1.4, 2.0), (0.9, 0.8, 0.7))


@pytest.mark.parametrize(
    ("tokens", "as_far"),
    [
        pytest.param((at(0), 1, 3, at(1.3), at(1.3), 3, at(2.9)), True, id="other words"),
        pytest.param((at(0), 1, 2, 3, at(2.6)), True, id="one sentence in place of two"),
        pytest.param((at(0), 1, 2, at(1.5)), False, id="the second sentence is missing"),
        pytest.param((at(0), 1, 2, at(1.5), at(1.5), 3, at(2.9), at(2.9)), False, id="it wants to read on"),
        pytest.param((1, 2, 3), False, id="no timestamps"),
    ],
)
def test_a_reading_that_leaves_speech_out_reads_less_far(tokens: tuple[int, ...], *, as_far: bool) -> None:
    assert reads_as_far(TWO_SENTENCES, TWO_SENTENCES, VOCABULARY)
    assert reads_as_far(tokens, TWO_SENTENCES, VOCABULARY) == as_far


def test_no_alternative_leaves_speech_out() -> None:
    other, short = (at(0), 1, 4, 3, at(2.9)), (at(0), 1, 2, at(1.5))
    reading = Reading((TWO_SENTENCES, short, other), (-0.2, -0.3, -0.4), 0.0)
    first, second = alternatives(reading, BEST, VOCABULARY)
    assert first is BEST
    assert (second.tokens, second.log_prob) == ((1, 4, 3), -0.4)
    assert second.token_start_s == BEST.token_start_s


@pytest.mark.parametrize(
    ("tokens", "starts_s", "ends_s"),
    [
        pytest.param((1, 2, 3), (0.0, 0.5, 1.5), (0.5, 1.5, 2.0), id="the same"),
        pytest.param((1, 7, 8, 3), (0.0, 0.5, 0.95, 1.5), (0.5, 0.95, 1.5, 2.0), id="two for one"),
        pytest.param((1, 3), (0.0, 1.5), (1.5, 2.0), id="one less"),
        pytest.param((1, 2, 3, 9), (0.0, 0.5, 1.5, 2.0), (0.5, 1.5, 2.0, 2.0), id="one more at the end"),
        pytest.param((9,), (0.0,), (2.0,), id="nothing in common"),
        pytest.param((), (), (), id="nothing"),
    ],
)
def test_another_reading_has_the_times_of_the_best_one(
    tokens: tuple[int, ...], starts_s: tuple[float, ...], ends_s: tuple[float, ...]
) -> None:
    timed = timed_as(BEST, Hypothesis(tokens, -1.0))
    assert timed.token_start_s == pytest.approx(starts_s)
    assert timed.token_end_s == pytest.approx(ends_s)
    assert len(timed.token_probs) == len(tokens)


@given(st.lists(st.integers(1, 5), max_size=8), st.lists(st.integers(1, 5), max_size=8))
def test_times_of_any_reading_are_in_order_and_within_those_of_the_best(best: list[int], other: list[int]) -> None:
    edges = [0.1 * place for place in range(len(best) + 1)]
    known = Hypothesis(tuple(best), -0.2, tuple(edges[:-1]), tuple(edges[1:]), (0.9,) * len(best))
    timed = timed_as(known, Hypothesis(tuple(other), -0.5))
    times = [each for pair in zip(timed.token_start_s, timed.token_end_s, strict=True) for each in pair]
    assert len(times) == 2 * len(other)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(times))
    assert not times or (times[0] >= 0 and times[-1] <= edges[-1] + 1e-9)
