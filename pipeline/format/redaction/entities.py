"""What is sensitive in a conversation: found by check digits, by length, and by the words that were said before."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.format.numbers import MONTHS, NumberKind, find_numbers
from pipeline.format.numbers.lexicon import VALUES
from pipeline.format.numbers.ordinals import ORDINAL_VALUES
from pipeline.format.redaction.names import names_in
from pipeline.format.redaction.runs import DigitRun, Said, digit_runs
from pipeline.options import ENTITIES, Entity


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
_OTHER_CUE = re.compile(
    r"\b(?:order|confirmation|tracking|case|reference|ticket|claim|invoice|serial|flight|zip|model|receipt|booking)\b"
)
_OTHER_REACH = 12
"""What is asked for and no secret explains a number that soon follows."""
_SSN_SAID = range(7, 15)
_CARD_SAID = range(8, 24)
"""Digits of a number that was asked for, with some missed and some said twice."""
_FULL_CARDS = frozenset({15, 16})
_MOST_PARTS = 4
_ASKED_FOR: Mapping[Entity, Collection[int]] = MappingProxyType(
    {
        Entity.CARD: _CARD_SAID,
        Entity.SSN: _SSN_SAID,
        Entity.SECURITY_CODE: _CODE_DIGITS,
        Entity.PHONE: {_LOCAL_PHONE_DIGITS},
        Entity.ACCOUNT: _ACCOUNT_DIGITS,
    }
)
_CUE = re.compile("|".join(rf"(?P<{entity}>\b(?:{pattern})\b)" for entity, pattern in _CUES))
_BIRTH = re.compile(r"\b(?:date of birth|birth ?date|birthday|born|d ?o ?b)\b")
_DATE_WORDS = frozenset({*MONTHS, *VALUES, *ORDINAL_VALUES, "thousand", "hundred", "slash"})
_DATE_LINKS = frozenset({"of", "the", "and", "uh", "um"})
_WRITTEN_DATE = re.compile(
    r"\d{1,2}(?:st|nd|rd|th)?|\d{4}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|(?:[a-z]+ )?\d{1,2}(?:, \d{4})?"
)
_BIRTH_REACH = 14


def find_sensitive(words: Sequence[Said], entities: Collection[Entity] = ENTITIES) -> list[SensitiveSpan]:
    """The sensitive spans of a conversation, in order; `words` of all channels are in the order of the conversation.

    Numbers may be spoken or written. A run of 12 or more digits is always found, as a card or an account.
    """
    births = list(_births(words))
    taken = {index for span in births for index in span.indices}
    emails = list(_emails(words))
    runs = _whole([run for run in digit_runs(words) if taken.isdisjoint(run.indices)], words)
    named = [(_entity_of(run, words, entities), run) for run in runs]
    numbers = [SensitiveSpan(entity, run.indices) for entity, run in named if entity is not None]
    names = [SensitiveSpan(Entity.NAME, indices) for indices in names_in(words)] if Entity.NAME in entities else []
    # Fails safe: of two kinds that a word may be of, both count.
    found = [span for span in (*births, *emails, *numbers, *names) if span.entity in entities]
    return sorted(found, key=lambda span: span.indices)


def passes_luhn(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of the others, as on payment cards (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0  # noqa: PLR2004  # two digits


def _entity_of(run: DigitRun, words: Sequence[Said], wanted: Collection[Entity]) -> Entity | None:
    count = len(run.digits)
    cue = _cue_before(words, run.indices[0])
    if _holds_card(run.digits):
        return Entity.CARD
    if cue is not None and count in _ASKED_FOR[cue]:
        return cue
    is_explained = cue is None and _is_explained(words, run.indices[0])
    if count >= _LONG:
        # Fails safe: where accounts are shown, it may be a card all the same, unless something else was asked for.
        is_card = cue is None and Entity.ACCOUNT not in wanted and not is_explained
        return Entity.CARD if is_card else Entity.ACCOUNT
    return None if is_explained else _by_length(count, cue)


def _holds_card(digits: str) -> bool:
    """Whether these are the digits of a card, or hold them: other numbers may have been said just before or after."""
    if len(digits) in _CARD_DIGITS and passes_luhn(digits):
        return True
    parts = (digits[start : start + size] for size in _FULL_CARDS for start in range(len(digits) - size + 1))
    return any(part[0] in "3456" and passes_luhn(part) for part in parts)


def _by_length(count: int, cue: Entity | None) -> Entity | None:
    if count == _SSN_DIGITS and cue not in {Entity.ACCOUNT, Entity.PHONE}:
        return Entity.SSN
    return Entity.PHONE if count in _PHONE_DIGITS and cue is not Entity.ACCOUNT else None


def _whole(runs: Sequence[DigitRun], words: Sequence[Said]) -> Iterator[DigitRun]:
    """The runs, with those as one that make a card number together: the other speaker said much in between."""
    at = 0
    while at < len(runs):
        parts = 1
        joined = runs[at]
        for end in range(at + 2, min(len(runs), at + _MOST_PARTS) + 1):
            several = [
                run for run in runs[at:end] if words[run.indices[0]].channel == words[runs[at].indices[0]].channel
            ]
            digits = "".join(run.digits for run in several)
            if len(several) == end - at and len(digits) in _FULL_CARDS and passes_luhn(digits):
                parts = end - at
                joined = DigitRun(digits, tuple(index for run in several for index in run.indices))
        yield joined
        at += parts


def _context(words: Sequence[Said], start: int, reach: int) -> str:
    """The last words before `start`, on whichever channel, without those of numbers."""
    held: list[str] = []
    for word in reversed(words[:start]):
        if len(held) == reach:
            break
        if word.plain not in VALUES:
            held.append(word.plain)
    return " ".join(reversed(held))


def _cue_before(words: Sequence[Said], start: int) -> Entity | None:
    """What the nearest telling words before `start` ask for; None if those ask for what is no secret."""
    context = _context(words, start, _CONTEXT_WORDS)
    found = [(match.end(), match.lastgroup) for match in _CUE.finditer(context)]
    others = [match.end() for match in _OTHER_CUE.finditer(context)]
    if not found or (others and others[-1] > found[-1][0]):
        return None
    return Entity(found[-1][1] or "")


def _is_explained(words: Sequence[Said], start: int) -> bool:
    return _OTHER_CUE.search(_context(words, start, _OTHER_REACH)) is not None


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
