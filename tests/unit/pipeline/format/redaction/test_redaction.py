"""What is sensitive is found however it is said, and nothing of it is left in the view."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.format import scores
from bench.spoken_numbers import calls
from pipeline.format.lines import Part, format_line
from pipeline.format.redaction import Said, find_sensitive, redacted, sensitive_stretches
from pipeline.format.redaction.entities import passes_luhn
from pipeline.options import Entity, RedactionOptions, Style
from pipeline.render import to_json
from pipeline.values import Channel, Recording, Transcript, Utterance, Word
from tests.unit.pipeline.format.numbers import spoken

Turn = tuple[int, str]
RANDOM = random.Random(11)  # the same plants in every run
FILLERS = ["uh", "um", "okay", ""]


def said(*turns: Turn) -> list[Said]:
    return [Said(channel, word) for channel, text in turns for word in text.split()]


def found(*turns: Turn) -> list[tuple[Entity, str]]:
    words = said(*turns)
    return [(span.entity, " ".join(words[at].text for at in span.indices)) for span in find_sensitive(words)]


def card_number(length: int = 16) -> str:
    digits = "4" + "".join(RANDOM.choice("0123456789") for _ in range(length - 2))
    return next(digits + check for check in "0123456789" if passes_luhn(digits + check))


def grouped(digits: str) -> Iterable[str]:
    return (digits[start : start + 4] for start in range(0, len(digits), 4))


def aloud(digits: str) -> Iterable[str]:
    """`digits` as callers read them: in groups, in pairs, with a filler here and there."""
    for group in grouped(digits):
        pairs = RANDOM.random() < 0.3 and "0" not in {group[0], group[2:3]} and len(group) == 4
        read = f"{spoken.cardinal(int(group[:2]))} {spoken.cardinal(int(group[2:]))}" if pairs else spoken.digits(group)
        yield f"{read} {RANDOM.choice(FILLERS)}"


def test_planted_card_numbers_are_found_in_calls() -> None:
    missed = []
    for _ in range(400):
        number = card_number(RANDOM.choice([15, 16]))
        turns: list[Turn] = [(0, "can i have your card number"), (1, "sure it is")]
        for group in aloud(number):
            turns += [(1, group), *([(0, "mhm go on")] if RANDOM.random() < 0.3 else [])]
        if not any(entity is Entity.CARD for entity, _ in found(*turns, (1, "thank you"))):
            missed.append(turns)
    assert len(missed) <= 4, missed[:3]


def test_planted_social_security_numbers_are_found() -> None:
    for _ in range(300):
        number = "".join(RANDOM.choice("0123456789") for _ in range(9))
        parts = " uh ".join(spoken.digits(part) for part in (number[:3], number[3:5], number[5:]))
        assert [entity for entity, _ in found((0, "and your social"), (1, f"it's {parts} okay"))] == [Entity.SSN]


@pytest.mark.parametrize("written", ["4111 1111 1111 1111", "4111-1111-1111-1111,", "4111111111111111."])
def test_written_card_numbers_are_found(written: str) -> None:
    assert found((0, f"My card is {written} I think")) == [(Entity.CARD, written)]


@pytest.mark.parametrize(
    "turns",
    [
        [(0, "my card number is four one one one hang on one one one one correction one one one one one one one one")],
        [(0, "My card is 4,111,111,111,111,111.")],
        [(0, "It's 4111 - 1111 - 1111 - 1111, thanks")],
        [(0, "It's 4-1-1-1, 1-1-1-1, 1-1-1-1, 1-1-1-1 for two people")],
        [(0, "what is the card number"), (1, "4111 okay 1111"), (0, "what was that last one"), (1, "1111 and 1111")],
        [(0, "the card is 4111 the light is bad here 1111 double 1 triple 1 111")],
        [(0, "your date of birth"), (1, "04/12/1990"), (0, "okay and the card"), (1, "4111 1111 1111 1111")],
    ],
)
def test_all_digits_of_a_card_are_found_however_they_are_written_or_parted(turns: list[Turn]) -> None:
    words = said(*turns)
    covered = {at for span in find_sensitive(words) for at in span.indices}
    assert [word.text for at, word in enumerate(words) if at not in covered and any(map(str.isdigit, word.text))] == []
    assert any(entity is Entity.CARD for entity, _ in found(*turns))


@pytest.mark.parametrize(
    "turns",
    [
        [(0, "My social is 123,456,789, I think")],
        [
            (0, "your s s n please"),
            (1, "six of course"),
            (0, "go ahead"),
            (1, "one two three four five six seven eight"),
        ],
        [
            (0, "and your social"),
            (1, "one two three the light is bad here four five the last part is six seven eight nine"),
        ],
        [(0, "please confirm your name and date of birth"), (1, "my social is 107. 10. 9843,")],
        [(0, "what is your social"), (1, "123"), (0, "sure"), (1, "456."), (0, "okay go on"), (1, "789, Of course")],
        [(0, "your order is ready soon"), (1, "one two three four five six seven eight nine")],
    ],
)
def test_all_digits_of_a_social_security_number_are_found_in_pieces(turns: list[Turn]) -> None:
    covered = {at for span in find_sensitive(said(*turns)) for at in span.indices if span.entity is Entity.SSN}
    read = [word.plain for at, word in enumerate(said(*turns)) if at not in covered]
    assert not [text for text in read if text.isdigit() or text in {"two", "four", "eight", "nine"}]


@pytest.mark.parametrize(
    ("turns", "entity", "text"),
    [
        ([(0, "call me at 415-555-0123 please")], Entity.PHONE, "415-555-0123"),
        ([(0, "what is your phone"), (1, "555-0142.")], Entity.PHONE, "555-0142."),
        ([(0, "it is jane dot doe at gmail dot com")], Entity.EMAIL, "jane dot doe at gmail dot com"),
        ([(0, "it is jane dot um doe uh at gmail dot com")], Entity.EMAIL, "jane dot doe at gmail dot com"),
        ([(0, "Write to Jane@example.com.")], Entity.EMAIL, "Jane@example.com."),
        ([(0, "the security code on the back of your card"), (1, "It's 991.")], Entity.SECURITY_CODE, "991."),
        ([(0, "what's the pin on your account"), (1, "four four one two")], Entity.SECURITY_CODE, "four four one two"),
        ([(0, "the three digit code is nine nine one")], Entity.SECURITY_CODE, "nine nine one"),
        ([(0, "And the 3-digit number on the back?"), (1, "721.")], Entity.SECURITY_CODE, "721."),
        ([(0, "my tax id is"), (0, "one two three four five six seven eight nine")], Entity.SSN, ""),
        ([(0, "your date of birth"), (1, "june third nineteen seventy two")], Entity.DATE_OF_BIRTH, ""),
        ([(0, "I was born on 06/03/1972 in Ohio")], Entity.DATE_OF_BIRTH, "06/03/1972"),
        ([(0, "the security code on the back"), (1, "three seven two")], Entity.SECURITY_CODE, "three seven two"),
        ([(0, "my account number is zero zero four five eight eight two one")], Entity.ACCOUNT, ""),
        ([(0, "the number is " + spoken.digits("1234567890123"))], Entity.ACCOUNT, ""),
    ],
)
def test_each_kind_is_found_by_its_form_or_by_what_is_said_before(turns: list[Turn], entity: Entity, text: str) -> None:
    ((kind, words),) = found(*turns)
    assert kind is entity
    assert words == (text or " ".join(turns[-1][1].split()[-len(words.split()) :]))


@pytest.mark.parametrize(
    "sentence",
    [
        "we have two thousand five hundred people and one of them called three times",
        "it costs nineteen dollars and ninety nine cents a month",
        "the flight leaves at eighteen twenty on june third twenty twenty four",
        "my order is one two three four five six",
        "the zip code is nine four one oh three",
        "i have been a customer since nineteen ninety nine",
        "It is 25% of $1,200 due on 06/03/2024 at 5:30 p.m.",
        "my birthday party was great and everyone came",
        "she was born first and he was born second",
        "the part number is one two three four five six seven eight nine",
        "in social media we had 1,200,000 and 250,000,000 people",
        "the range is one hundred thirty to one hundred ninety days",
        "it went from 21.6 to 17.6 in 2019 and then to 19.75 in 2021",
        "i lived there from nineteen ninety nine to two thousand twenty three",
        "it was between 1999 and 2023",
    ],
)
def test_other_numbers_are_left_alone(sentence: str) -> None:
    assert found((0, sentence)) == []


def test_only_the_chosen_kinds_are_found() -> None:
    words = said((0, "card 4111111111111111 or mail jane@example.com"))
    assert [span.entity for span in find_sensitive(words, [Entity.EMAIL])] == [Entity.EMAIL]


@given(st.from_regex(r"[0-9]{12,15}", fullmatch=True))
def test_luhn_finds_every_single_wrong_digit(body: str) -> None:
    number = next(body + check for check in "0123456789" if passes_luhn(body + check))
    for at, digit in enumerate(number):
        wrong = number[:at] + str((int(digit) + 1) % 10) + number[at + 1 :]
        assert not passes_luhn(wrong)


def transcript(*turns: Turn) -> Transcript:
    """A word a second."""
    utterances, time_s = [], 0.0
    for channel, text in turns:
        words = tuple(Word(word, time_s + at, time_s + at + 0.5, 0.9) for at, word in enumerate(text.split()))
        end_s = words[-1].end_s
        utterances.append(Utterance(channel, None, time_s, end_s, text, 0.9, words))
        time_s = end_s + 0.5
    recording = Recording(time_s, 8000, "pcm_mulaw", (Channel(0), Channel(1)))
    return Transcript("\n".join(text for _, text in turns), "en", "tiny.en", recording, tuple(utterances))


CALL = transcript((0, "Card number?"), (1, "It's 4111 1111 1111"), (0, "Yes?"), (1, "1111 thanks."))


def test_the_view_holds_nothing_of_what_it_leaves_out() -> None:
    view = redacted(CALL, RedactionOptions())
    assert view.text == "Card number?\nIt's [CARD_NUMBER]\nYes?\n[CARD_NUMBER] thanks."
    assert "1111" not in to_json(view)
    label = view.utterances[1].words[1]
    assert (label.start_s, label.end_s, label.kind) == (CALL.utterances[1].words[1].start_s, 5.5, "card")


def test_a_mask_keeps_the_words_and_their_times() -> None:
    view = redacted(CALL, RedactionOptions(style=Style.MASK))
    assert view.utterances[1].text == "It's **** **** ****"
    assert [word.start_s for word in view.utterances[1].words] == [word.start_s for word in CALL.utterances[1].words]


def test_a_transcript_without_anything_sensitive_is_the_same() -> None:
    plain = transcript((0, "How can I help?"), (1, "I have a question."))
    assert replace(redacted(plain, RedactionOptions()), redacted=None) == plain


def test_the_stretches_to_silence_are_those_of_the_words() -> None:
    stretches = sensitive_stretches(CALL, RedactionOptions())
    assert [(span.start_s, span.end_s) for span in stretches] == [(2.75, 5.75), (6.75, 7.75)]


def test_a_line_can_be_redacted_to_try_it() -> None:
    formatted = format_line(
        "my card is four one one one one one one one one one one one one one one one", [Part.REDACTION]
    )
    assert formatted.text == "my card is [CARD_NUMBER]"
    assert [(span.start, span.end, span.kind) for span in formatted.spans] == [(3, 19, "card")]


@pytest.mark.parametrize("entities", [tuple(Entity), (Entity.CARD, Entity.SSN)])
def test_numbers_are_found_through_hesitation_restarts_and_the_other_speaker(entities: tuple[Entity, ...]) -> None:
    recall, precision = scores(list(calls(3, 200)), entities)
    assert recall >= 0.99
    assert precision >= 0.95


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("hi my name is john smith and i have a question", ["john", "smith"]),
        ("My name is Ann O'Neil. Yes, Ann is fine.", ["Ann", "O'Neil.", "Ann"]),
        ("my last name is s m i t h thanks", ["s", "m", "i", "t", "h"]),
        ("this is great thank you", []),
    ],
)
def test_names_are_left_out_on_request(line: str, name: list[str]) -> None:
    words = said((0, line))
    assert [words[at].text for span in find_sensitive(words, [Entity.NAME]) for at in span.indices] == name
    assert find_sensitive(words) == []


def test_one_moment_and_an_amount_are_no_digits_of_a_number() -> None:
    number = "one two three four five six seven eight nine"
    assert found((0, "your social"), (1, f"one moment {number} it costs one thousand two hundred and fifty")) == [
        (Entity.SSN, number)
    ]


def test_only_cards_are_asked_for_and_a_misheard_one_is_left_out_all_the_same() -> None:
    words = said((0, spoken.digits("4111111111111112")))
    assert [span.entity for span in find_sensitive(words, [Entity.CARD])] == [Entity.CARD]
