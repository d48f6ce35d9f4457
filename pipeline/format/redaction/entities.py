"""What is sensitive in a conversation: found by check digits, by length, and by the words that were said before."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.format.numbers import MONTHS, NumberKind, find_numbers
from pipeline.format.numbers.lexicon import VALUES
from pipeline.format.numbers.ordinals import ORDINAL_VALUES
from pipeline.format.redaction.runs import DigitRun, Said, digit_runs


class Entity(StrEnum):
    """A kind of sensitive information."""

    CARD = "card"
    SSN = "ssn"
    ACCOUNT = "account"
    PHONE = "phone"
    EMAIL = "email"
    DATE_OF_BIRTH = "date_of_birth"
    SECURITY_CODE = "security_code"


@dataclass(frozen=True, slots=True)
class SensitiveSpan:
    """Words that must not be read: their indices, all of one channel, in order."""

    entity: Entity
    indices: tuple[int, ...]


_CONTEXT_WORDS = 25
"""How far back the question may lie that a number answers."""
_CARD_DIGITS = range(13, 20)
_LONG = 12
"""As many digits in a row are redacted whatever they are: a digit that was misheard must not show the others."""
_SSN_DIGITS = 9
_PHONE_DIGITS = frozenset({10, 11})
_LOCAL_PHONE_DIGITS = 7
_ACCOUNT_DIGITS = range(6, 18)
_CODE_DIGITS = frozenset({3, 4})
_CUES = (
    (Entity.SECURITY_CODE, r"security code|cvv|cvc|code on the back|(?:three|3|four|4) digits? (?:code|on the)|pin"),
    (Entity.SSN, r"social|ssn|social security(?: number)?"),
    (Entity.CARD, r"(?:credit |debit )?card(?: number)?|visa|mastercard|amex"),
    (Entity.PHONE, r"phone|cell|mobile|telephone|fax|call|reach|callback|area code"),
    (Entity.ACCOUNT, r"account|routing|iban|sort code|member id|policy number"),
)
_CUE = re.compile("|".join(rf"(?P<{entity}>\b(?:{pattern})\b)" for entity, pattern in _CUES))
_BIRTH = re.compile(r"\b(?:date of birth|birth ?date|birthday|born|d ?o ?b)\b")
_DATE_WORDS = frozenset({*MONTHS, *VALUES, *ORDINAL_VALUES, "thousand", "hundred", "slash"})
_DATE_LINKS = frozenset({"of", "the", "and", "uh", "um"})
_WRITTEN_DATE = re.compile(
    r"\d{1,2}(?:st|nd|rd|th)?|\d{4}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|(?:[a-z]+ )?\d{1,2}(?:, \d{4})?"
)
_BIRTH_REACH = 14


def find_sensitive(words: Sequence[Said], entities: Collection[Entity] = tuple(Entity)) -> list[SensitiveSpan]:
    """The sensitive spans of a conversation, in order; `words` of all channels are in the order of the conversation.

    Numbers may be spoken or written. A run of 12 or more digits is always found, as a card or an account.
    """
    births = list(_births(words))
    taken = {index for span in births for index in span.indices}
    emails = list(_emails(words))
    runs = [run for run in digit_runs(words) if taken.isdisjoint(run.indices)]
    numbers = [SensitiveSpan(entity, run.indices) for run in runs if (entity := _entity_of(run, words)) is not None]
    # Fails safe: of two kinds that a word may be of, both count.
    found = [span for span in (*births, *emails, *numbers) if span.entity in entities]
    return sorted(found, key=lambda span: span.indices)


def passes_luhn(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of the others, as on payment cards (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004  # two digits


def _entity_of(run: DigitRun, words: Sequence[Said]) -> Entity | None:
    count = len(run.digits)
    cue = _cue_before(words, run.indices[0])
    if count in _CARD_DIGITS and (passes_luhn(run.digits) or cue is Entity.CARD):
        return Entity.CARD
    if count >= _LONG:
        return Entity.CARD if cue is Entity.CARD else Entity.ACCOUNT
    if count == _SSN_DIGITS and cue is not Entity.ACCOUNT and cue is not Entity.PHONE:
        return Entity.SSN
    if count in _PHONE_DIGITS and cue is not Entity.ACCOUNT:
        return Entity.PHONE
    return _by_cue(count, cue)


def _by_cue(count: int, cue: Entity | None) -> Entity | None:
    lengths = {
        Entity.SECURITY_CODE: _CODE_DIGITS,
        Entity.PHONE: {_LOCAL_PHONE_DIGITS},
        Entity.ACCOUNT: _ACCOUNT_DIGITS,
    }
    return cue if cue is not None and count in lengths.get(cue, ()) else None


def _cue_before(words: Sequence[Said], start: int) -> Entity | None:
    """What the nearest telling words before `start` ask for, on whichever channel."""
    context = " ".join(word.plain for word in words[max(0, start - _CONTEXT_WORDS) : start])
    found = [match.lastgroup for match in _CUE.finditer(context)]
    return Entity(found[-1]) if found and found[-1] else None


def _births(words: Sequence[Said]) -> Iterator[SensitiveSpan]:
    """Dates that follow a question for a date of birth, or its mention."""
    texts = [word.plain for word in words]
    index = 0
    while index < len(texts):
        if not _BIRTH.search(" ".join(texts[max(0, index - 2) : index + 1])) or _is_date(texts[index]):
            index += 1
            continue
        span = _date_after(words, texts, index + 1)
        if span:
            yield SensitiveSpan(Entity.DATE_OF_BIRTH, span)
        index = span[-1] + 1 if span else index + 1


def _date_after(words: Sequence[Said], texts: Sequence[str], start: int) -> tuple[int, ...]:
    reach = range(start, min(len(texts), start + _BIRTH_REACH))
    first = next((index for index in reach if _is_date(texts[index])), None)
    if first is None:
        return ()
    held = [first]
    for index in range(first + 1, len(texts)):
        if words[index].channel != words[first].channel:
            continue
        if not _is_date(texts[index]) and texts[index] not in _DATE_LINKS:
            break
        held.append(index)
    while texts[held[-1]] in _DATE_LINKS:
        held.pop()
    # "She was born first" says no date.
    is_lone_word = len(held) == 1 and texts[first] in _DATE_WORDS
    return () if is_lone_word else tuple(held)


def _is_date(text: str) -> bool:
    return text in _DATE_WORDS or _WRITTEN_DATE.fullmatch(text) is not None


def _emails(words: Sequence[Said]) -> Iterator[SensitiveSpan]:
    for channel in dict.fromkeys(word.channel for word in words):
        indices = [index for index, word in enumerate(words) if word.channel == channel]
        for span in find_numbers([words[index].plain for index in indices]):
            if span.kind is NumberKind.EMAIL:
                yield SensitiveSpan(Entity.EMAIL, tuple(indices[span.start : span.end]))
        written = [index for index in indices if "@" in words[index].text]
        yield from (SensitiveSpan(Entity.EMAIL, (index,)) for index in written)
