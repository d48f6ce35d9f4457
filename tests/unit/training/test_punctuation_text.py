"""What the tagger learns from: words and labels of written text, numbers as they are said, pauses that tell little."""

import lzma
import random
from pathlib import Path

import numpy as np
import pytest

from pipeline.format.numbers import find_numbers
from pipeline.format.punctuation.features import TURN_END, UNKNOWN_PAUSE
from training.punctuation.corpus import WINDOW, Corpus, Lexicon, windows_of_a_pass
from training.punctuation.pauses import simulated
from training.punctuation.scores import micro_f1
from training.punctuation.spoken import cardinal, spoken
from training.punctuation.text import CASES, MARKS, UNKNOWN, Turn, conversations, held_out, turn_of


def turn(line: str, *, typed: bool = False, seed: int = 1) -> Turn:
    found = turn_of(line, typed=typed, chance=random.Random(seed))
    assert found is not None
    return found


def labels(line: str, *, typed: bool = False) -> list[str]:
    found = turn(line, typed=typed)
    return ["?" if label == UNKNOWN else f"{CASES[label % 3][0]}{MARKS[label // 3]}" for label in found.labels]


def test_a_line_is_its_words_in_lower_case_and_what_stood_around_them() -> None:
    assert turn("Well, is IBM there?").words == ("well", "is", "ibm", "there")
    assert labels("Well, is IBM there?") == ["c,", "l", "u", "l?"]


@pytest.mark.parametrize(
    ("line", "last"),
    [("Oh no!", "l."), ("It's this: that", "l"), ('He said "no."', "l."), ("Well…", "?"), ("I went to-", "l")],
)
def test_other_marks_are_the_three_or_unknown(line: str, last: str) -> None:
    assert labels(line)[-1] == last


def test_a_mark_that_lost_its_word_belongs_to_the_word_before() -> None:
    assert labels("You have a history, ?")[-1] == "l?"
    assert turn(". And your name?").words == ("and", "your", "name")


def test_titles_and_abbreviations_end_no_sentence() -> None:
    assert labels("Dr. Smith")[0] == "c"
    assert labels("Acme Inc. grew")[1] == "?"


def test_what_was_typed_without_care_teaches_nothing() -> None:
    assert turn_of("i want a mocha please", typed=True, chance=random.Random(1)) is None
    assert labels("Yes it does", typed=True)[-1] == "?"
    assert turn_of("...", typed=False, chance=random.Random(1)) is None


def test_numbers_and_hyphens_are_seen_both_ways() -> None:
    forms = {turn("In 2021 year-on-year", seed=seed).words for seed in range(30)}
    assert ("in", "2021", "year-on-year") in forms
    assert ("in", "twenty", "twenty", "one", "year", "on", "year") in forms


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("7", "seven"),
        ("42", "forty two"),
        ("1,234", "one thousand two hundred thirty four"),
        ("2021", "twenty twenty one"),
        ("2005", "two thousand five"),
        ("1906", "nineteen oh six"),
        ("1900", "nineteen hundred"),
        ("$19.99", "nineteen dollars ninety nine"),
        ("3.5", "three point five"),
        ("20%", "twenty percent"),
        ("21st", "twenty first"),
        ("30th", "thirtieth"),
        ("90s", "nineties"),
        ("10:30pm", "ten thirty p m"),
        ("9:05", "nine oh five"),
        ("0044123", "zero zero four four one two three"),
        ("Q4", "Q four"),
        ("4.30.21", "four thirty twenty one"),
    ],
)
def test_numbers_are_said_as_people_say_them(token: str, words: str) -> None:
    assert " ".join(spoken(token)) == words


def test_what_is_said_of_a_number_is_understood_as_that_number() -> None:
    for value in (13, 21, 99, 112, 999, 1500, 12_345, 1_000_001):
        (span,) = find_numbers(cardinal(value))
        assert span.written.replace(",", "") == str(value)


def test_conversations_are_parted_by_empty_lines_and_each_twentieth_is_held_out(tmp_path: Path) -> None:
    with lzma.open(tmp_path / "talk.txt.xz", "wt", encoding="utf-8") as file:
        file.write("Hello.\nHi.\n\n\nBye.\n")
    assert list(conversations(tmp_path / "talk.txt.xz")) == [["Hello.\n", "Hi.\n"], ["Bye.\n"]]
    assert sum(map(held_out, range(200))) == 10


def drawn(marks: list[int], *, hidden: float, windows: int = 400) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    repeated = np.tile(np.array(marks), (windows, 1))
    ends = np.zeros(repeated.shape, bool)
    ends[:, -1] = True
    return simulated(repeated, np.zeros(repeated.shape, bool), ends, np.random.default_rng(5), hidden)


def test_pauses_tell_something_of_sentences_but_little() -> None:
    found = drawn([0, 1, 2, 0, 0, 0, 2], hidden=0.0)
    long = (found >= 5).mean(axis=0)
    assert long[0] < long[1] < long[2] < 0.8
    assert long[0] > 0.02


def test_hidden_pauses_are_unknown_but_for_the_end_of_a_turn() -> None:
    found = drawn([0, 1, 2], hidden=1.0)
    assert (found[:, :-1] == UNKNOWN_PAUSE).all()
    assert (found[:, -1] == TURN_END).mean() > 0.85


def test_micro_f1_counts_all_marks_together() -> None:
    truth, guess = np.array([0, 1, 2, 0, 3]), np.array([0, 1, 1, 2, 3])
    assert micro_f1(truth, guess) == pytest.approx(2 * 2 / (3 + 4), abs=1e-4)


def test_windows_hold_the_words_in_order_with_gaps_between_turns() -> None:
    lexicon = Lexicon()
    talk = [[(lexicon.rows(["one", "two", "three"]), np.array([3, 0, 6]))] for _ in range(200)]
    types, marks = windows_of_a_pass([Corpus("rev16", [talk], [])], random.Random(3))
    assert types.shape == marks.shape == (len(types), WINDOW)
    assert ((types == 0) == (marks == UNKNOWN)).all()
    assert {tuple(row[:3]) for row in types if row[0] == 1} == {(1, 2, 3)}
