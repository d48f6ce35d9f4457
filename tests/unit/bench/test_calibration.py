"""Words are judged by what was said, and the error is the distance of confidence and truth."""

import pytest

from bench.calibration import Heard, calibration_error, judged
from pipeline.values import Word


def heard(*words: tuple[str, float]) -> list[Word]:
    return [Word(text, at, at + 0.5, confidence) for at, (text, confidence) in enumerate(words)]


def test_a_word_is_right_where_it_was_said_and_wrong_where_another_one_or_none_was() -> None:
    words = heard(("Please,", 0.9), ("don't", 0.8), ("hold", 0.7), ("the", 0.6), ("lime", 0.5), ("now", 0.4))
    assert judged("please do not hold the line", words) == [
        Heard(0.9, is_right=True),
        Heard(0.8, is_right=True),
        Heard(0.8, is_right=True),
        Heard(0.7, is_right=True),
        Heard(0.6, is_right=True),
        Heard(0.5, is_right=False),
        Heard(0.4, is_right=False),
    ]
    assert judged("", heard(("you", 0.3))) == [Heard(0.3, is_right=False)]
    assert judged("hello", heard()) == []


@pytest.mark.parametrize(
    ("sure", "right", "error"), [(0.75, 3, 0.0), (1.0, 4, 0.0), (1.0, 2, 0.5), (0.05, 4, 0.95), (0.95, 0, 0.95)]
)
def test_the_error_is_how_far_confidence_is_from_the_share_of_right_words(
    sure: float, right: int, error: float
) -> None:
    words = [Heard(sure, is_right=at < right) for at in range(4)]
    assert calibration_error(words) == pytest.approx(error)


def test_bins_are_weighed_by_their_words() -> None:
    sure, unsure = [Heard(0.95, is_right=True)] * 9, [Heard(0.15, is_right=True)]
    assert calibration_error(sure + unsure) == pytest.approx((9 * 0.05 + 0.85) / 10)
    assert calibration_error([]) == 0.0
