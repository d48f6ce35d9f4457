"""Numbers in a transcript: for models that spell them out, with the times of what was spoken."""

from collections.abc import Sequence

import pytest

from pipeline.format.figures import AsSpoken, InDigits, ReadOut, number_writer_for
from pipeline.format.lines import Part, format_line
from pipeline.format.prose import SentenceCase
from pipeline.options import FormatOptions
from pipeline.spec import AttentionVocabulary, CtcVocabulary, ModelSpec, RawWaveform, WhisperLogMel
from pipeline.values import Word

LETTERS = CtcVocabulary(("<pad>", "|", "A"), 0, frozenset({0}), "|")
DIGITS = CtcVocabulary(("<pad>", "|", "A", "7"), 0, frozenset({0}), "|")


def spec(vocabulary: CtcVocabulary, language: str = "en") -> ModelSpec:
    return ModelSpec("ctc", language, RawWaveform(), vocabulary, 0.02, pads_freely=True)


def said(text: str) -> list[Word]:
    """A word a second, each less sure than the one before it."""
    return [Word(word, index, index + 0.5, 1 - index / 100) for index, word in enumerate(text.split())]


def texts(words: Sequence[Word]) -> list[str]:
    return [word.text for word in words]


def test_a_number_is_one_word_from_the_first_to_the_last_that_was_spoken() -> None:
    words = InDigits().write(said("THAT IS TWENTY FIVE DOLLARS THEN"))
    assert texts(words) == ["THAT", "IS", "$25", "THEN"]
    money = words[2]
    assert (money.start_s, money.end_s) == (2, 4.5)
    assert money.confidence == pytest.approx(0.96)
    assert (money.spoken, money.kind) == ("twenty five dollars", "money")
    assert (words[0].spoken, words[0].kind) == (None, None)


def test_no_number_goes_on_after_the_end_of_a_sentence() -> None:
    assert texts(InDigits().write(said("I am thirty. Five of us, twenty one, came"))) == (
        ["I", "am", "30.", "Five", "of", "us,", "21,", "came"]
    )


def test_a_full_stop_is_not_written_twice() -> None:
    assert texts(InDigits().write(said("come at five p m."))) == ["come", "at", "5 p.m."]


@pytest.mark.parametrize(
    ("given", "writer"),
    [
        (spec(LETTERS), InDigits),
        (spec(DIGITS), AsSpoken),
        (spec(LETTERS, "de"), AsSpoken),
        (
            ModelSpec("w", "en", WhisperLogMel(), AttentionVocabulary((), 0, 0, (), 0, ()), 0.02, pads_freely=True),
            ReadOut,
        ),
    ],
)
def test_numbers_are_written_for_english_models_that_spell_them_out(given: ModelSpec, writer: type) -> None:
    assert isinstance(number_writer_for(given, FormatOptions()), writer)


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("It's 9, 8, 7, one, 1.", "It's 98711."),
        ("My number is 5 5 5 oh 1 2 3.", "My number is 555-0123."),
        ("Account 1, 2, 3, 4, thanks.", "Account 1234, thanks."),
        ("Sure, 1, 2, 3, go.", "Sure, 1, 2, 3, go."),
        ("The 2 of them paid $25 at 3.30 on May 5, 2026.", "The 2 of them paid $25 at 3.30 on May 5, 2026."),
        ("I have twenty five of one kind, 1 of two.", "I have twenty five of one kind, 1 of two."),
    ],
)
def test_digits_read_out_one_by_one_are_joined_for_models_that_write_numbers(heard: str, written: str) -> None:
    assert " ".join(texts(ReadOut().write(said(heard)))) == written


def test_numbers_can_be_left_as_they_were_spoken() -> None:
    words = said("it is forty two")
    assert number_writer_for(spec(LETTERS), FormatOptions(numbers=False)).write(words) is words


@pytest.mark.parametrize(
    ("spoken", "sentence"),
    [
        ("it was may fifth", "It was May 5."),
        ("code is a b four seven c", "Code is AB47C."),
        ("it is ninety degrees fahrenheit", "It is 90 °F."),
        ("a two hundred gigabyte drive", "A 200 GB drive."),
        ("come at five p m", "Come at 5 p.m."),
        ("jane dot doe at example dot com", "jane.doe@example.com."),
    ],
)
def test_written_numbers_have_the_capitals_of_their_kind(spoken: str, sentence: str) -> None:
    assert " ".join(texts(SentenceCase("en").punctuate(InDigits().write(said(spoken))))) == sentence


def test_a_line_is_formatted_by_the_parts_that_are_chosen() -> None:
    line = "it is may fifth"
    assert format_line(line).text == "It is May 5."
    assert format_line(line, [Part.NUMBERS]).text == "it is may 5"
    assert format_line(line, [Part.PUNCTUATION]).text == "It is may fifth."
    assert format_line("").text == ""


def test_spans_tell_a_number_as_the_text_has_it() -> None:
    (span,) = format_line("it is ninety degrees fahrenheit").spans
    assert span.written == "90 °F"


def test_spans_are_over_the_words_of_the_line() -> None:
    formatted = format_line("call at five p m please", [Part.NUMBERS])
    (span,) = formatted.spans
    assert formatted.tokens[span.start : span.end] == ("five", "p", "m")
