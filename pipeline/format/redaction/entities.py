"""What is sensitive in a conversation: found by check digits, by length, and by the words that were said before."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.format.numbers import MONTHS, NumberKind, find_numbers
from pipeline.format.numbers.lexicon import VALUES
from pipeline.format.numbers.ordinals import ORDINAL_VALUES
from pipeline.format.redaction.names import names_in
from pipeline.format.redaction.runs import HESITATIONS, DigitRun, Said, digit_runs
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
    (
        Entity.SECURITY_CODE,
        (
            r"security code|cvv|cvc|c v [vc]|code on the (?:back|front)|(?:\w+-)?digits? (?:security )?code"
            r"|(?:\w+-)?digits? (?:number )?on (?:the|its) (?:back|front)|pin|passcode"
        ),
    ),
    (
        Entity.SSN,
        r"social(?! (?:media|network\w*|distanc\w*|work\w*|li[fv]es?|event\w*|club|care|services?|and)\b)|ssn|s s n",
    ),
    (
        Entity.CARD,
        r"card(?: number)?|visa|mastercard|amex|american express|number on the front|pay(?:ing)? with|charge it to",
    ),
    (Entity.PHONE, r"phone|cell|mobile|telephone|fax|call|reach|callback|area code"),
    (Entity.ACCOUNT, r"account|routing|iban|sort code|member id|policy number"),
)
_OTHERS = (
    r"(?:confirmation|tracking|reference|ticket|claim|invoice|serial|flight|zip|receipt|booking|reservation|shipment)"
)
_NAMED = (
    r"(?:order|case|model|part|product|patient|item|batch|lot|quote|request|transaction|package|parcel|delivery"
    r"|purchase|employee|student|customer|meter)"
)
"""These explain a number that is called theirs, `part number`, or follows at once; they are said of much else."""
_LINKS = r"(?:is|was|it|it's|its|that's|of|says|number|numbers|here|sure|yes|yeah|okay|uh|um|so|the|my|and|would|be|id)"
_EXPLAINED = rf"\b(?:{_OTHERS}|{_NAMED} (?:number|numbers|no|code|i ?d|reference|reading|order))\b"
_OTHER_CUE = re.compile(rf"{_EXPLAINED}|(?<!in )(?<!that )\b{_NAMED}(?: {_LINKS})*$")
_OTHER_REACH = 12
"""What is asked for and no secret explains a number that soon follows, if it is named as such or just before."""
_CODE_REACH = 16
"""How far back a security code may be asked for, its card being named since: `the code on the back of your card`."""
_ANSWER_DIGITS = 5
_NEAR_CUE = 8
_SSN_SAID = range(7, 19)
_CARD_SAID = range(8, 32)
"""Digits of a number that was asked for, with some missed, some said twice, and some of others among its pieces."""
_FULL_CARDS = frozenset({15, 16})
_CARD_STARTS = "23456"
_MOST_PARTS = 6
_CARD_TALK_WORDS = 60
_IN_PIECES = frozenset({Entity.CARD, Entity.SSN})
"""What people read out in pieces, with other talk between."""
_PIECE_GAP = 12
"""As many words of the same speaker may lie between two pieces."""
_OTHER_PIECE_GAP = 24
_NEW_TOPIC = re.compile(
    rf"{_EXPLAINED}|\b(?:order|case|expir\w*|born|birth\w*|address|amount|total|month|year|dollars|code|pin|when|where"
    r"|how (?:many|much|long))\b"
)
"""After this no piece of the number before it comes."""
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
_BIRTH_REACH = 24
_BREAK = "|"
"""Stands for a word of a date of birth, over which no other number goes on."""


def find_sensitive(words: Sequence[Said], entities: Collection[Entity] = ENTITIES) -> list[SensitiveSpan]:
    """The sensitive spans of a conversation, in order; `words` of all channels are in the order of the conversation.

    Numbers may be spoken or written. A run of 12 or more digits is always found, as a card or an account.
    """
    births = list(_births(words))
    taken = {index for span in births for index in span.indices}
    emails = list(_emails(words))
    parted = [Said(word.channel, _BREAK) if index in taken else word for index, word in enumerate(words)]
    runs = _answers(list(_whole(digit_runs(parted), words)), words)
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
    if count in _CODE_DIGITS and cue in {Entity.CARD, Entity.ACCOUNT} and _asks_for_code(words, run.indices[0]):
        return Entity.SECURITY_CODE
    if cue is not None and count in _ASKED_FOR[cue]:
        return cue
    is_explained = cue is None and _is_explained(words, run.indices[0])
    if count >= _LONG:
        # Fails safe: where accounts are shown, it may be a card all the same, unless something else was asked for.
        is_card = cue is None and Entity.ACCOUNT not in wanted and not is_explained
        return Entity.CARD if is_card else Entity.ACCOUNT
    if is_explained or run.is_quantity:
        return None
    return _by_length(count, _cue_before(words, run.indices[0], _NEAR_CUE), cue)


def _asks_for_code(words: Sequence[Said], start: int) -> bool:
    # Other digits have answered since, if there are any.
    context = _context(words, start, _CODE_REACH, min(_CODE_DIGITS))
    return any(match.lastgroup == Entity.SECURITY_CODE for match in _CUE.finditer(context))


def _holds_card(digits: str) -> bool:
    """Whether these are the digits of a card, or hold them: other numbers may have been said just before or after."""
    if len(digits) in _CARD_DIGITS and passes_luhn(digits):
        return True
    parts = (digits[start : start + size] for size in _FULL_CARDS for start in range(len(digits) - size + 1))
    return any(part[0] in _CARD_STARTS and passes_luhn(part) for part in parts)


def _by_length(count: int, near: Entity | None, cue: Entity | None) -> Entity | None:
    """What digits are by their number, and by the cues near before them and further back."""
    if count == _SSN_DIGITS and near not in {Entity.ACCOUNT, Entity.PHONE}:
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
            is_card = len(several) == end - at and len(digits) in _CARD_DIGITS and passes_luhn(digits)
            # One number in ten has a valid check digit by chance, so that talk of a card has to go before.
            if is_card and _speaks_of_card(words, several[0].indices[0]):
                parts = end - at
                joined = DigitRun(digits, tuple(index for run in several for index in run.indices))
        yield joined
        at += parts


def _speaks_of_card(words: Sequence[Said], start: int) -> bool:
    context = _context(words, start, _CARD_TALK_WORDS)
    return any(match.lastgroup == Entity.CARD for match in _CUE.finditer(context))


def _answers(runs: Sequence[DigitRun], words: Sequence[Said]) -> Iterator[DigitRun]:
    """The runs, with those as one that one speaker gave in pieces, with other talk between, when asked for a number."""
    used: set[int] = set()
    for at, run in enumerate(runs):
        if at in used:
            continue
        pieces = [at]
        cue = _cue_before(words, run.indices[0])
        if cue is not None and cue in _IN_PIECES:
            pieces += _pieces_after(at, runs, words, cue)
        digits = "".join(runs[piece].digits for piece in pieces)
        if len(pieces) == 1 or cue is None or len(digits) not in _ASKED_FOR[cue]:
            yield run
            continue
        used.update(pieces)
        yield DigitRun(digits, tuple(index for piece in pieces for index in runs[piece].indices))


def _pieces_after(at: int, runs: Sequence[DigitRun], words: Sequence[Said], cue: Entity) -> Iterator[int]:
    """Which of the runs after `at` go on with what it began."""
    last, digits = runs[at], runs[at].digits
    for piece in range(at + 1, len(runs)):
        run = runs[piece]
        if words[run.indices[0]].channel != words[last.indices[0]].channel:
            continue
        if _is_whole(digits, cue) or not _goes_on(words, last.indices[-1], run.indices[0], cue):
            return
        yield piece
        last, digits = run, digits + run.digits


def _is_whole(digits: str, cue: Entity) -> bool:
    """Whether no more digits are to come."""
    if cue is Entity.SSN:
        return len(digits) >= _SSN_DIGITS
    return len(digits) >= max(_CARD_DIGITS) or (len(digits) in _CARD_DIGITS and passes_luhn(digits))


def _goes_on(words: Sequence[Said], end: int, start: int, cue: Entity) -> bool:
    """Whether nothing between the words `end` and `start` starts with another matter."""
    between = words[end + 1 : start]
    own = sum(word.channel == words[end].channel for word in between)
    text = " ".join(word.plain for word in between)
    is_near = own <= _PIECE_GAP and len(between) - own <= _OTHER_PIECE_GAP
    return is_near and not _NEW_TOPIC.search(text) and all(found.lastgroup == cue for found in _CUE.finditer(text))


def _context(words: Sequence[Said], start: int, reach: int, most_digits: float = math.inf) -> str:
    """The last words before `start`, on whichever channel, without those of numbers; none before `most_digits`."""
    held: list[str] = []
    digits = 0
    for word in reversed(words[:start]):
        is_number = word.plain in VALUES
        digits += is_number + sum(map(str.isdigit, word.plain))
        if len(held) == reach or digits >= most_digits:
            break
        if not is_number:
            held.append(word.plain)
    return " ".join(reversed(held))


def _cue_before(words: Sequence[Said], start: int, reach: int = _CONTEXT_WORDS) -> Entity | None:
    """What the nearest telling words before `start` ask for; None if those ask for what is no secret."""
    context = _context(words, start, reach)
    found = [(match.start(), match.lastgroup) for match in _CUE.finditer(context)]
    others = [match.start() for match in _OTHER_CUE.finditer(context)]
    if not found or (others and others[-1] > found[-1][0]):
        return None
    return Entity(found[-1][1] or "")


def _is_explained(words: Sequence[Said], start: int) -> bool:
    # What another number has answered since then asks for no more.
    return _OTHER_CUE.search(_context(words, start, _OTHER_REACH, _ANSWER_DIGITS)) is not None


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
    if first is None or _CUE.search(" ".join(texts[start:first])):
        return ()
    held = [first]
    for index in range(first + 1, len(texts)):
        if _CUE.search(texts[index]):
            break
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
        own = [index for index, word in enumerate(words) if word.channel == channel]
        indices = [index for index in own if words[index].plain not in HESITATIONS]
        for span in find_numbers([words[index].plain for index in indices]):
            if span.kind is NumberKind.EMAIL:
                yield SensitiveSpan(Entity.EMAIL, tuple(indices[span.start : span.end]))
        written = [index for index in own if "@" in words[index].text]
        yield from (SensitiveSpan(Entity.EMAIL, (index,)) for index in written)
