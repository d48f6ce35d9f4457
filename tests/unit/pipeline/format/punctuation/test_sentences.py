"""Words of a model of sounds become sentences that a person would write."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.format.figures import InDigits
from pipeline.format.lines import format_line
from pipeline.format.prose import SentenceCase
from pipeline.format.punctuation import TaggedSentences, load_tagger
from pipeline.values import Word
from pipeline.writing import ends_sentence

CASES = [
    line
    for line in (Path(__file__).parent / "sentences.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
MARKS = ",.?"


def said(text: str, gap_s: float = 0.0) -> list[Word]:
    return [Word(word, at * (0.3 + gap_s), at * (0.3 + gap_s) + 0.3, 0.9) for at, word in enumerate(text.split())]


def written(text: str, gap_s: float = 0.0) -> str:
    return " ".join(word.text for word in sentences().punctuate(said(text, gap_s)))


def sentences() -> TaggedSentences:
    return TaggedSentences(load_tagger())


def bare(text: str) -> str:
    return "".join(character for character in text if character not in MARKS).lower()


@pytest.mark.parametrize(
    ("spoken", "capitals"),
    [
        ("fbi agents and nasa called me", "FBI NASA"),
        ("I need the atms near me and the fbi's number", "I ATMs FBI's"),
        ("my ssn and dob are on file", "SSN DOB"),
        ("so please enter your pin", "PIN"),
        ("so what is the pin number", "PIN"),
        ("then the pin fell and he pinned it", ""),
        ("so it aids him and he led us", ""),
        ("so usable atmosphere in the ukulele", ""),
    ],
)
def test_acronyms_have_capitals_and_words_that_look_like_them_none(spoken: str, capitals: str) -> None:
    words = written(spoken).rstrip(".?").replace(",", "").split()
    assert [word for word in words if not word[1:].islower() and word.lower() != word] == capitals.split()


def f1(pairs: list[tuple[str, str]]) -> float:
    right = sum(truth == guess != "" for truth, guess in pairs)
    return 2 * right / (sum(truth != "" for truth, _ in pairs) + sum(guess != "" for _, guess in pairs))


def marks_of(text: str) -> list[str]:
    return [word[-1] if word[-1] in MARKS else "" for word in text.split()]


def test_sentences_of_calls_get_most_of_their_marks_back() -> None:
    pairs = [pair for case in CASES for pair in zip(marks_of(case), marks_of(written(bare(case))), strict=True)]
    assert f1(pairs) > 0.8


def test_sentences_of_calls_get_most_of_their_capitals_back() -> None:
    pairs = [
        ("C" if truth[0].isupper() else "", "C" if guess[0].isupper() else "")
        for case in CASES
        for truth, guess in zip(case.split(), written(bare(case)).split(), strict=True)
    ]
    assert f1(pairs) > 0.85


def test_the_tagger_does_better_than_one_sentence_a_stretch() -> None:
    plain = [" ".join(word.text for word in SentenceCase("en").punctuate(said(bare(case)))) for case in CASES]
    by_rule = [
        pair
        for case, guess in zip(CASES, plain, strict=True)
        for pair in zip(marks_of(case), marks_of(guess), strict=True)
    ]
    tagged = [pair for case in CASES for pair in zip(marks_of(case), marks_of(written(bare(case))), strict=True)]
    assert f1(tagged) > f1(by_rule) + 0.2


@pytest.mark.parametrize("question", ["how are you today", "can you hear me", "what is your name", "is that okay"])
def test_questions_end_in_a_question_mark(question: str) -> None:
    assert written(question).endswith("?")


def test_a_break_with_a_long_silence_ends_a_turn() -> None:
    first, second = said("thank you very much"), said("what is your account number")
    later = [Word(word.text, word.start_s + 9, word.end_s + 9, word.confidence) for word in second]
    texts = [word.text for word in sentences().punctuate([*first, *later], [len(first)])]
    assert texts[3] == "much."
    assert texts[4] == "What"
    assert texts[-1] == "number?"


def test_a_break_after_a_short_pause_ends_a_turn_too_for_somebody_else_spoke_in_it() -> None:
    first, second = said("that is right"), said("okay thank you")
    later = [Word(word.text, word.start_s + 1.4, word.end_s + 1.4, word.confidence) for word in second]
    texts = [word.text for word in sentences().punctuate([*first, *later], [len(first)])]
    assert ends_sentence(texts[2])


def test_numbers_are_read_as_they_were_said_and_written_in_digits() -> None:
    words = InDigits().write(said("it costs nineteen dollars and ninety nine cents is that okay"))
    texts = [word.text for word in sentences().punctuate(words)]
    assert texts[:3] == ["It", "costs", "$19.99."]
    assert texts[-1] == "okay?"


def test_a_written_form_that_ends_with_a_stop_takes_no_second_one() -> None:
    words = InDigits().write(said("we open at ten p m"))
    assert sentences().punctuate(words)[-1].text.endswith("p.m.")


def test_an_address_on_the_web_keeps_its_small_letters() -> None:
    words = InDigits().write(said("peter at example dot com"))
    assert sentences().punctuate(words)[0].text.startswith("peter@example.com")


def test_a_mark_that_stands_there_stays_and_gets_no_company() -> None:
    texts = [word.text for word in sentences().punctuate(said("hello, peter. thank you"))]
    assert texts[0] == "Hello,"
    assert texts[1] == "Peter."
    assert texts[2][0] == "T"


def test_nothing_said_is_nothing_written() -> None:
    assert sentences().punctuate([]) == []


@pytest.mark.parametrize(("spoken", "text"), [("i", "I"), ("i'm", "I'm"), ("I'LL", "I'll")])
def test_i_is_always_a_capital(spoken: str, text: str) -> None:
    assert written(f"and so {spoken} said").split()[2] == text


WORDS = "yes no i i'm call twenty five dollars peter okay why p m at dot com"
vocabulary = st.sampled_from(WORDS.split())


@settings(max_examples=40, deadline=None)
@given(st.lists(vocabulary, min_size=1, max_size=30), st.floats(0, 2), st.sets(st.integers(1, 29), max_size=4))
def test_the_words_stay_the_same_in_order_time_and_number(texts: list[str], gap_s: float, breaks: set[int]) -> None:
    words = said(" ".join(texts), gap_s)
    found = sentences().punctuate(words, sorted(at for at in breaks if at < len(words)))
    assert [bare(word.text) for word in found] == [bare(word.text) for word in words]
    assert [(word.start_s, word.end_s, word.confidence) for word in found] == [
        (word.start_s, word.end_s, word.confidence) for word in words
    ]
    assert found[0].text[0].isupper()
    assert ends_sentence(found[-1].text)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("no one knows", "No one knows."),
        ("no one told me that", "No one told me that."),
        ("no one of them called", "No, one of them called."),
        ("the doctor called me on monday", "The doctor called me on Monday."),
    ],
)
def test_a_pronoun_is_one_word_and_small(line: str, written: str) -> None:
    assert format_line(line).text == written


def test_capitals_among_words_in_lower_case_are_a_hotword_s_and_stay() -> None:
    text = written("iPhone repairs are done by ACME and i know mcDonald there")
    assert text.startswith("iPhone repairs are done by ACME")
    assert "mcDonald" in text


@pytest.mark.parametrize(
    ("spoken", "letters"),
    [
        ("they moved it to the u s a then", "the U S A then"),
        ("i have a p i n here", "have a P I N here"),
        ("that is plan a you know", "a you know"),
    ],
)
def test_letters_that_are_said_one_by_one_are_capitals(spoken: str, letters: str) -> None:
    assert letters in written(spoken).replace(",", "")
