"""The confidence of a CTC word comes from the sum of all its alignments, as adding them one by one finds it."""

from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.decode.alignment import align
from pipeline.decode.confidence import Confidences
from pipeline.decode.labels import CtcLabels, FramedWord
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, PIECES, emissions_of, path_of

SMALL = CtcLabels(("", " ", "a", "b"), 0, pieces=False)
EACH_LETTER = Confidences(SMALL, as_a_whole=False)
AS_A_WHOLE = Confidences(SMALL, as_a_whole=True)


def _calibrated(probability: float) -> float:
    odds = probability**1.2 / (1 - probability) ** 0.4
    return float(odds / (1 + odds))


def _sum_by_brute_force(text: str, log_probs: NDArray[np.float64]) -> float:
    """The probability of all paths that write `text` in these frames, with silence and marks around it."""
    frames, size = log_probs.shape

    def written(path: tuple[int, ...]) -> str:
        return "".join(SMALL.texts[label] for label, _ in groupby(path)).strip()

    paths = [path for path in product(range(size), repeat=frames) if written(path) == text]
    return sum(float(np.exp(log_probs[range(frames), path].sum())) for path in paths)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["a", "ab", "aa", "bab", "aab"]))
def test_all_ways_to_write_a_word_add_up(seed: int, text: str) -> None:
    log_probs = np.log(np.random.default_rng(seed).dirichlet([0.5] * 4, 6) + 1e-9)
    word = FramedWord(text, 2, 5, tuple(map(SMALL.texts.index, text)))
    total = _sum_by_brute_force(text, log_probs)
    assert EACH_LETTER.of([word], log_probs) == pytest.approx([_calibrated(total)], rel=1e-6)
    assert AS_A_WHOLE.of([word], log_probs) == pytest.approx([_calibrated(total ** (1 / len(text)))], rel=1e-6)


def test_each_word_is_told_from_its_own_frames_up_to_the_middle_of_a_pause() -> None:
    path = [0, *path_of(SMALL, "ab"), 0, 0, *path_of(SMALL, "b"), 0, 0, 0, *path_of(SMALL, "aab")]
    probability = np.linspace(0.5, 0.95, len(path))
    log_probs = emissions_of(SMALL, path, list(probability)).log_probs.astype(np.float64)
    words = [FramedWord("ab", 1, 5, (2, 3)), FramedWord("b", 7, 9, (3,)), FramedWord("aab", 12, 18, (2, 2, 3))]
    apart = [log_probs[:6], log_probs[6:11], log_probs[11:]]
    expected = [_calibrated(_sum_by_brute_force(*pair)) for pair in zip(("ab", "b", "aab"), apart, strict=True)]
    assert EACH_LETTER.of(words, log_probs) == pytest.approx(expected, rel=1e-6)


def test_what_a_long_pause_may_hide_is_not_the_words_fault() -> None:
    said = path_of(CHARACTERS, "yes")
    near, far = ([*said, *[0] * pause, *said] for pause in (12, 300))
    sure = []
    for path in (near, far):
        log_probs = emissions_of(CHARACTERS, path, 0.95).log_probs
        sure.append(
            Confidences(CHARACTERS, as_a_whole=False).of(align(["yes", "yes"], log_probs, CHARACTERS), log_probs)
        )
    assert sure[0] == pytest.approx(sure[1], rel=1e-6)


def test_a_word_of_pieces_is_as_sure_as_its_pieces() -> None:
    path = path_of(PIECES, ["▁he", "ll", "o", "▁", "o", "x"], 1)
    log_probs = emissions_of(PIECES, path, 0.9).log_probs
    hello, ox = Confidences(PIECES, as_a_whole=False).of(align(["hello", "ox"], log_probs, PIECES), log_probs)
    # The silence after a word, here a mark alone, is one of its frames.
    assert hello == pytest.approx(_calibrated(0.9**4), abs=0.02)
    assert ox == pytest.approx(_calibrated(0.9**2), abs=0.02)


@pytest.mark.parametrize("as_a_whole", [False, True])
def test_what_was_not_said_is_unsure_and_what_was_is_sure(as_a_whole: bool) -> None:
    log_probs = emissions_of(CHARACTERS, path_of(CHARACTERS, "cat", 1), 0.999).log_probs
    confidences = Confidences(CHARACTERS, as_a_whole=as_a_whole)
    said, unsaid = (confidences.of(align([text], log_probs, CHARACTERS), log_probs)[0] for text in ("cat", "dog"))
    assert 0 < unsaid < 0.01
    assert 0.85 < said < 1


def test_impossible_labels_and_no_words_are_survived() -> None:
    log_probs = np.full((6, 4), -np.inf, np.float16)
    log_probs[:, 2] = 0
    sure, unsure = EACH_LETTER.of([FramedWord("a", 0, 3, (2,)), FramedWord("b", 3, 6, (3,))], log_probs)
    assert 0 < unsure < 1e-6
    assert 0.99 < sure < 1
    assert EACH_LETTER.of([], np.zeros((0, 4))) == []
