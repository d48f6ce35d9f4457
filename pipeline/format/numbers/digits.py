"""Numbers that are read digit by digit or in groups: telephone, card and account numbers, zip and other codes."""

import re
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

from pipeline.format.numbers.lexicon import (
    CARDINAL,
    DIGIT,
    DIGITS,
    ENDS_HERE,
    SIGNS,
    VALUES,
    any_of,
    digits_of,
    items_of,
    value_of,
    words,
)
from pipeline.format.numbers.rule import CONTEXT_CHARACTERS, NumberKind, Rule, rule

_CUES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(["card", "visa", "mastercard", "amex", "debit", "credit"], "card")
    | dict.fromkeys(["social", "ssn"], "social")
    | dict.fromkeys(words("phone call cell mobile telephone fax dial reach callback text"), "phone")
    | dict.fromkeys(
        words(
            "account routing confirmation order case member policy claim ticket reference tracking invoice id "
            "pin code serial license booking reservation customer group zip extension ext digits passcode "
            "password vin employee cvv transaction batch badge receipt prescription rx flight loan file "
            "record mrn plate model part item verification authorization access contract student npi ein "
            "nhs medicare medicaid"
        ),
        "id",
    ),
)
"""The words that say what a number is."""
_LINKS = frozenset(
    words(
        "is was are it's its it that's that number numbers of on the my your back front ending ends in "
        "with starting starts would be will a as for uh um and to at me us again here i have so okay yes "
        "yeah date this has like about area security main home work new old please into from under"
    ),
)
"""Words that may stand between what a number is and the number."""
_CARDINAL = re.compile(CARDINAL)
_AFTER_A_DIGIT = tuple(f"{sign} " for word, sign in SIGNS.items() if VALUES[word] < len("0123456789"))
_NUMBERED = any_of(f"{noun} (?:number|code|id)" for noun, kind in _CUES.items() if kind == "id" and noun != "number")
_IS = any_of(["is", "was"])
_FIRST_WITH_COMMAS = 1000
_MOST_GUESSES = 3
_COUNTED = re.compile(r" (?:years?|quarters?|months?|weeks?|days?|hours?|minutes?|things?|times?|people|questions?)\b")
_NEAREST = 7
_PHONE = 10
_LOCAL_PHONE = 7
_CARD_STARTS = ("34", "37", "4", "51", "52", "53", "54", "55", "6011")
_CARDS = MappingProxyType({16: (4, 4, 4, 4), 15: (4, 6, 5)})


_PHRASE_CUES = MappingProxyType(
    {"p i n": "id", "c v v": "id", "c v c": "id", "v i n": "id", "s s n": "social", f"last {SIGNS['four']}": "id"}
)
_LONGEST_COUNT = 5


def cue_before(text: str, start: int) -> str | None:
    """What the words before character `start` of `text` say that follows: `phone`, `card`, `social`, `id` or None."""
    before = text[max(0, start - CONTEXT_CHARACTERS) : start].split()[-_NEAREST:]
    for index in reversed(range(len(before))):
        word = before[index]
        for length in (3, 2):
            phrase = " ".join(before[max(0, index + 1 - length) : index + 1])
            if phrase in _PHRASE_CUES:
                return _PHRASE_CUES[phrase]
        if word in _CUES:
            is_area = word == "code" and before[index - 1 : index] == ["area"]
            return "phone" if is_area else _CUES[word]
        if word not in _LINKS:
            return None
    return None


def _split(digits: str, sizes: tuple[int, ...], separator: str) -> str:
    ends = [sum(sizes[:count]) for count in range(len(sizes) + 1)]
    return separator.join(digits[start:end] for start, end in pairwise(ends))


def telephone(digits: str) -> str:
    """Grouped as in North America: 7, 10 or 11 digits; others stay together."""
    if len(digits) == _LOCAL_PHONE:
        return _split(digits, (3, 4), "-")
    if len(digits) == _PHONE:
        return _split(digits, (3, 3, 4), "-")
    if len(digits) == _PHONE + 1 and digits.startswith("1"):
        return _split(digits, (1, 3, 3, 4), "-")
    return digits


def _is_phone(digits: str, cue: str | None, items: list[str]) -> bool:
    if cue not in {None, "phone"}:
        return False
    if len(digits) == _LOCAL_PHONE:
        return cue == "phone" or all(item in VALUES for item in items[:3])
    return len(digits) == _PHONE or (len(digits) == _PHONE + 1 and digits.startswith("1"))


def _identifier(digits: str, cue: str | None) -> str:
    if cue == "social" and len(digits) == sum((3, 2, 4)):
        return _split(digits, (3, 2, 4), "-")
    sizes = _CARDS.get(len(digits))
    is_card = cue == "card" or (cue is None and digits.startswith(_CARD_STARTS))
    return _split(digits, sizes, " ") if sizes and is_card else digits


def _counts_up(items: list[str]) -> bool:
    """Whether this is counting rather than a number: one two three. Nobody counts much further."""
    return (
        len(items) <= _LONGEST_COUNT
        and all(item in VALUES for item in items)
        and [VALUES[item] for item in items] == list(range(1, len(items) + 1))
    )


def _guesses(items: list[str], following: str) -> bool:
    """Whether somebody guesses or stammers before what is counted: two three four years, two two two things."""
    steps = {VALUES.get(after, -1) - VALUES.get(before, -1) for before, after in pairwise(items)}
    return len(items) <= _MOST_GUESSES and steps in ({0}, {1}) and _COUNTED.match(following) is not None


def _proves_itself(digits: str, items: list[str]) -> bool:
    """Whether a number is so plainly read digit by digit that nobody has to say what it is."""
    single = sum(re.fullmatch(rf"(?:(?:double|triple) )?{DIGIT}", item) is not None for item in items)
    if set(items) <= {"oh", "o"} or _counts_up(items):
        return False
    repeats = any(item.startswith(("double ", "triple ")) for item in items)
    if single == len(items) > 1 and repeats and len(digits) > 2:  # noqa: PLR2004  # "double o seven"
        return True
    return single == len(items) > 2 or (len(digits) >= _LOCAL_PHONE and single >= len(items) // 2)  # noqa: PLR2004  # two digits may be two numbers


def _written(match: re.Match[str], kind: NumberKind) -> str | None:
    digits, items = digits_of(match[0]), items_of(match[0])
    cue = cue_before(match.string, match.start())
    cardinal = _CARDINAL.match(match.string, match.start())
    if cardinal and cardinal.end() >= match.end():
        whole = cue and kind is NumberKind.DIGITS and cardinal.end() == match.end()
        return str(value_of(cardinal[0])) if whole else None
    is_guess = _guesses(items, match.string[match.end() :])
    # What goes on from a digit is the end of what was no number at its start.
    goes_on = match.string[: match.start()].endswith(_AFTER_A_DIGIT)
    if cue is None and (is_guess or goes_on or not _proves_itself(digits, items)):
        return None
    if _is_phone(digits, cue, items):
        return telephone(digits) if kind is NumberKind.PHONE else None
    return _identifier(digits, cue) if kind is NumberKind.DIGITS else None


def _phone(match: re.Match[str]) -> str | None:
    return _written(match, NumberKind.PHONE)


def _digits(match: re.Match[str]) -> str | None:
    return _written(match, NumberKind.DIGITS)


def _identified(match: re.Match[str]) -> str | None:
    """What is a name and no amount has no commas: `invoice number nine thousand and twelve`."""
    value = value_of(match[0])
    return str(value) if value >= _FIRST_WITH_COMMAS else None


def _dashed(match: re.Match[str]) -> str:
    return "-".join(digits_of(part) for part in match[0].split(" dash "))


def _international(match: re.Match[str]) -> str | None:
    digits = digits_of(match["digits"])
    if len(digits) <= _LOCAL_PHONE:
        return None
    if digits.startswith("1"):
        return f"+1 {telephone(digits[1:])}"
    # Most country codes have two digits.
    return f"+{digits[:2]} {digits[2:]}"


RULES: tuple[Rule, ...] = (
    rule(NumberKind.PHONE, rf"plus (?P<digits>{DIGITS})", _international),
    rule(NumberKind.DIGITS, rf"{DIGITS}(?: dash {DIGITS})+", _dashed),
    rule(NumberKind.DIGITS, rf"{CARDINAL}{ENDS_HERE}", _identified, before=rf"{_NUMBERED}(?: {_IS})?"),
    rule(NumberKind.PHONE, DIGITS, _phone),
    rule(NumberKind.DIGITS, DIGITS, _digits),
)
