"""Times of words, loops, and languages without spaces, on token streams of every shape."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.decode.repetition import COMPRESSION_RATIO, compression_ratio, without_loops
from pipeline.decode.timing import limited, shared
from pipeline.decode.tokens import words_of
from pipeline.values import Hypothesis, Span, Word

SPAN = Span(0, 10.0, 20.0)

seconds = st.floats(0, 1e4)
phrases = st.text("ab 7,.", min_size=1, max_size=30)


@pytest.fixture(scope="module")
def tokenizer(default_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(default_folder / "tokenizer.json"))


def _tokens(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(text, add_special_tokens=False).ids)


@given(phrases, seconds, st.floats(0, 100), st.booleans())
def test_a_limited_word_is_a_part_of_itself_and_keeps_the_end_that_no_pause_touches(
    text: str, start_s: float, length_s: float, after_pause: bool
) -> None:
    end_s = start_s + length_s
    first_s, last_s = limited(text, start_s, end_s, after_pause=after_pause)
    assert start_s - 1e-9 <= first_s <= last_s <= end_s + 1e-9
    assert (last_s == end_s) if after_pause else (first_s == start_s)
    assert last_s - first_s <= 0.4 + 0.5 * len(text) + 1e-6


@pytest.mark.parametrize(
    ("text", "longest_s"), [("I", 0.52), ("hello", 1.0), ("7", 0.9), ("1234", 2.4), ("B2", 1.02), ("", 0.4)]
)
def test_a_word_lasts_no_longer_than_its_letters_and_digits_take(text: str, longest_s: float) -> None:
    assert limited(text, 3.0, 9.0, after_pause=False) == pytest.approx((3.0, 3.0 + longest_s))
    assert limited(text, 3.0, 9.0, after_pause=True) == pytest.approx((9.0 - longest_s, 9.0))
    assert limited(text, 3.0, 3.3, after_pause=True) == (3.0, 3.3)


def _words(lengths_s: list[float]) -> list[Word]:
    """Words one after another, some of them without length."""
    edges = [0.0]
    for length_s in lengths_s:
        edges.append(edges[-1] + length_s)
    return [Word("ab" * (1 + at % 3), start, end, 0.5) for at, (start, end) in enumerate(pairwise(edges))]


@given(st.lists(st.sampled_from([0.0, 0.0, 0.25, 1.0]), max_size=12))
def test_sharing_time_keeps_words_order_and_the_whole(lengths_s: list[float]) -> None:
    words = _words(lengths_s)
    timed = shared(words, Span(0, 0.0, sum(lengths_s)))
    assert [word.text for word in timed] == [word.text for word in words]
    edges = [edge for word in timed for edge in (word.start_s, word.end_s)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(edges))
    assert sum(word.end_s - word.start_s for word in timed) == pytest.approx(sum(lengths_s))
    assert not any(lengths_s) or all(word.end_s > word.start_s for word in timed)


def test_words_share_time_by_their_letters() -> None:
    words = [Word("a", 1.0, 1.0, 0.9), Word("bcd", 1.0, 1.0, 0.9), Word("ef", 1.0, 2.2, 0.9)]
    assert [word.start_s for word in shared(words, Span(0, 0.0, 9.0))] == pytest.approx([1.0, 1.2, 1.8])
    assert shared(words, Span(0, 0.0, 9.0))[-1].end_s == 2.2


def test_words_without_length_before_a_pause_take_a_little_of_it() -> None:
    words = [Word("a", 0.5, 0.5, 0.9), Word("bcd", 0.5, 0.5, 0.9), Word("b", 1.0, 2.0, 0.9), Word("e", 2.0, 2.0, 0.9)]
    timed = shared(words, Span(0, 0.0, 3.0))
    assert [word.start_s for word in timed] == pytest.approx([0.5, 0.54, 1.0, 2.0])
    assert [word.end_s for word in timed] == pytest.approx([0.54, 0.66, 2.0, 2.04])


def test_words_without_length_at_the_very_end_share_the_time_of_the_one_before() -> None:
    timed = shared([Word("abc", 1.0, 2.0, 0.9), Word("d", 2.0, 2.0, 0.9)], Span(0, 0.0, 2.0))
    assert [(word.start_s, word.end_s) for word in timed] == [(1.0, 1.75), (1.75, 2.0)]


def test_a_lone_word_at_the_very_end_takes_time_before_it() -> None:
    (word,) = shared([Word("okay", 2.0, 2.0, 0.9)], Span(0, 1.0, 2.0))
    assert (word.start_s, word.end_s) == pytest.approx((1.84, 2.0))


texts = st.text("abc é日😀 .,?", min_size=1, max_size=20).filter(str.strip)


@settings(deadline=None)
@given(texts, st.data(), st.booleans())
def test_words_of_any_tokens_and_times_lie_in_the_span_in_order(
    tokenizer: Tokenizer, text: str, data: st.DataObject, spaced: bool
) -> None:
    ids = _tokens(tokenizer, " " + text)
    times = st.lists(st.floats(-1, 12), min_size=len(ids) + 1, max_size=len(ids) + 1).map(sorted)
    edges = data.draw(times)
    probs = data.draw(st.lists(st.floats(0, 1), min_size=len(ids), max_size=len(ids)))
    heard = Hypothesis(ids, -0.3, tuple(edges[:-1]), tuple(edges[1:]), tuple(probs))
    words = words_of(heard, SPAN, tokenizer, spaced=spaced)
    assert "".join(word.text for word in words).replace(" ", "") == "".join(text.split())
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    assert all(SPAN.start_s <= word.start_s <= word.end_s <= SPAN.end_s for word in words)
    assert all(0 <= word.confidence <= 1 for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("日本語です。", ["日", "本", "語", "で", "す。"]),
        ("はい、そう", ["は", "い、", "そ", "う"]),
    ],
)
def test_without_spaces_every_character_is_a_word_and_marks_stay_with_the_one_before(
    tokenizer: Tokenizer, text: str, words: list[str]
) -> None:
    heard = words_of(Hypothesis(_tokens(tokenizer, text), -0.3), SPAN, tokenizer, spaced=False)
    assert "".join(word.text for word in heard) == text
    assert [word.text for word in heard] == words


def test_a_letter_that_was_cut_in_the_middle_is_left_out(tokenizer: Tokenizer) -> None:
    """The search may stop after the first bytes of a letter: half a letter is none."""
    ids = _tokens(tokenizer, " yes 😀")
    assert len(ids) > 2
    heard = words_of(Hypothesis(ids[:-1], -0.3), SPAN, tokenizer, spaced=True)
    assert [word.text for word in heard] == ["yes"]


said = st.lists(st.sampled_from(["yes", "no", "seven", "to", "the", "store", "Yes"]), max_size=60)


@given(said)
def test_what_is_kept_was_said_in_that_order(texts: list[str]) -> None:
    words = tuple(Word(text, at, at + 0.5, 0.9) for at, text in enumerate(texts))
    kept = without_loops(words)
    remaining = iter(words)
    assert all(word in remaining for word in kept)
    if compression_ratio(" ".join(texts)) <= COMPRESSION_RATIO:
        assert kept == words


@given(st.lists(st.sampled_from(["one", "two", "three", "four", "five"]), min_size=1, max_size=8), st.integers(40, 60))
def test_a_loop_of_any_phrase_is_said_once(phrase: list[str], times: int) -> None:
    words = [Word(text, at, at + 0.5, 0.9) for at, text in enumerate(phrase * times)]
    kept = [word.text for word in without_loops(words)]
    assert kept == phrase[: len(kept)]
    assert phrase == (kept * len(phrase))[: len(phrase)], "the shortest phrase that makes the loop"


def test_a_loop_is_one_whatever_its_capitals() -> None:
    words = [Word("Okay" if at % 2 else "okay", at, at + 0.5, 0.9) for at in range(60)]
    assert without_loops(words) == (words[0],)
