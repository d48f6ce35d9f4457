"""Forced alignment finds the best path among all that write the text, as trying every path does."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.decode.alignment import align
from pipeline.decode.labels import CtcLabels
from tests.unit.pipeline.decode.ctc_emissions import CHARACTERS, PIECES, emissions_of, path_of

SMALL = CtcLabels(("", " ", "a", "b"), 0, pieces=False)


def _written(path: tuple[int, ...], labels: CtcLabels) -> str:
    return " ".join("".join(labels.texts[label] for label, _ in groupby(path)).split())


def _likeliest_by_brute_force(text: str, log_probs: NDArray[np.float16], labels: CtcLabels) -> tuple[int, int]:
    """The frames of the letters on the best of all paths that write `text`."""
    frames, size = log_probs.shape
    paths = [path for path in product(range(size), repeat=frames) if _written(path, labels) == text]
    best = max(paths, key=lambda path: sum(float(log_probs[frame, label]) for frame, label in enumerate(path)))
    spoken = [frame for frame, label in enumerate(best) if labels.texts[label].strip()]
    return spoken[0], spoken[-1] + 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["a", "ab", "aa", "bab", "aab"]))
def test_a_word_is_aligned_as_by_trying_every_path(seed: int, word: str) -> None:
    probs = np.random.default_rng(seed).dirichlet([0.5] * 4, 6)
    log_probs = np.log(np.maximum(probs, 1e-6)).astype(np.float16)
    (aligned,) = align([word], log_probs, SMALL)
    assert (aligned.first, aligned.end) == _likeliest_by_brute_force(word, log_probs, SMALL)
    assert aligned.labels == tuple(map(SMALL.texts.index, word))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_the_likeliest_labels_write_is_aligned_as_by_trying_every_path(seed: int) -> None:
    probs = np.random.default_rng(seed).dirichlet([0.5] * 4, 7)
    log_probs = np.log(np.maximum(probs, 1e-6)).astype(np.float16)
    text = _written(tuple(log_probs.argmax(axis=1)), SMALL)
    aligned = align(text.split(), log_probs, SMALL)
    assert [word.text for word in aligned] == text.split()
    if aligned:
        assert (aligned[0].first, aligned[-1].end) == _likeliest_by_brute_force(text, log_probs, SMALL)


@pytest.mark.parametrize("wrong", [(), (2,), (0, 6), (1, 3), (0, 3, 6), tuple(range(7))])
def test_words_that_were_heard_otherwise_are_found_between_those_that_were_not(wrong: tuple[int, ...]) -> None:
    said = ["we", "can", "talk", "to", "them", "at", "two"]
    heard = [word[:-1] + "x" if number in wrong else word for number, word in enumerate(said)]
    spelled, misheard = (path_of(CHARACTERS, " ".join(words), 2) for words in (said, heard))
    probabilities = np.full((len(spelled), len(CHARACTERS.texts)), 1e-4)
    probabilities[range(len(spelled)), spelled] = 0.4
    probabilities[range(len(spelled)), misheard] += 0.5
    aligned = align(said, np.log(probabilities).astype(np.float16), CHARACTERS)
    assert [word.text for word in aligned] == said
    in_frames = ["".join(CHARACTERS.texts[label] for label in spelled[word.first : word.end]) for word in aligned]
    assert in_frames == ["".join(2 * letter for letter in word) for word in said]


def test_a_word_gives_frames_to_the_one_that_was_heard_otherwise_behind_it() -> None:
    """`ab c` is heard, and `ab bc` is said: the second of the frames of `b` is the space between."""
    a, b, c, space = (CHARACTERS.texts.index(text) for text in ("a", "b", "c", " "))
    probabilities = np.full((5, len(CHARACTERS.texts)), 1e-4)
    for frame, likely in enumerate(({a: 0.9}, {b: 0.9}, {b: 0.5, space: 0.4}, {space: 0.5, b: 0.4}, {c: 0.9})):
        probabilities[frame, list(likely)] = list(likely.values())
    first, second = align(["ab", "bc"], np.log(probabilities).astype(np.float16), CHARACTERS)
    assert (first.first, first.end, second.first, second.end) == (0, 2, 3, 5)


def test_a_word_that_needs_frames_of_others_gets_them() -> None:
    """Between words that were heard as they are written there are too few frames for it."""
    path = [*path_of(CHARACTERS, "a b c d ", 1), *path_of(CHARACTERS, "e f g", 1), *path_of(CHARACTERS, " h", 20)]
    words = ["a", "b", "c", "unpronounceable", "e", "f", "g", "h"]
    aligned = align(words, emissions_of(CHARACTERS, path).log_probs, CHARACTERS)
    assert [word.text for word in aligned] == words
    assert all(len(word.text) <= word.end - word.first for word in aligned)
    assert all(before.end < after.first for before, after in pairwise(aligned))
    assert aligned[-1].end <= len(path)


def test_words_keep_the_frames_in_which_they_were_said() -> None:
    path = [0, 0, *path_of(CHARACTERS, "all ", 3), 0, 0, *path_of(CHARACTERS, "off", 1), 0]
    first, second = align(["all", "off"], emissions_of(CHARACTERS, path).log_probs, CHARACTERS)
    assert (first.text, first.first, first.end) == ("all", 2, 12)
    assert (second.text, second.first, second.end) == ("off", 17, 21)


def test_the_split_into_pieces_is_found_from_the_sound() -> None:
    """`bookkeeper` can be spelled with `ke`, `ep` or with `ke`, `e`, ...: the frames say which."""
    path = path_of(PIECES, ["▁book", "ke", "ep", "er"])
    (word,) = align(["bookkeeper"], emissions_of(PIECES, path, 0.7).log_probs, PIECES)
    assert word.labels == tuple(map(PIECES.texts.index, ["▁book", "ke", "ep", "er"]))
    assert (word.first, word.end) == (0, len(path))


def test_a_first_piece_without_its_mark_is_a_word_too() -> None:
    (word,) = align(["ox"], emissions_of(PIECES, path_of(PIECES, ["o", "x"])).log_probs, PIECES)
    assert (word.first, word.end) == (0, 4)


def test_extra_marks_between_words_are_silence() -> None:
    path = [4, 4, 0, 4, *path_of(CHARACTERS, "a"), 4, 0, 4, 0, 4, *path_of(CHARACTERS, "b"), 4]
    first, second = align(["a", "b"], emissions_of(CHARACTERS, path, 0.99).log_probs, CHARACTERS)
    assert (first.first, first.end, second.first, second.end) == (4, 6, 11, 13)
    assert (first.labels, second.labels) == ((CHARACTERS.texts.index("a"),), (CHARACTERS.texts.index("b"),))


def test_impossible_labels_are_survived() -> None:
    log_probs = np.full((6, 4), -np.inf, np.float16)
    log_probs[:, 2] = 0
    (word,) = align(["a"], log_probs, SMALL)
    assert 0 <= word.first < word.end <= 6


def test_no_words_need_no_frames() -> None:
    assert align([], np.zeros((0, 4), np.float16), SMALL) == []
