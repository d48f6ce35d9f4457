"""Quantities: cardinals, decimals and mixed numbers, alone or before a unit, and how they are written."""

import re
from fractions import Fraction

from pipeline.format.numbers.lexicon import (
    CARDINAL,
    DIGIT,
    END,
    ITEM,
    SCALE,
    SCALES,
    VALUES,
    decoded,
    digits_of,
    encoded,
    grouped,
    repeated,
    value_of,
)

_PARTS = {
    "half": Fraction(1, 2),
    "third": Fraction(1, 3),
    "quarter": Fraction(1, 4),
    "fourth": Fraction(1, 4),
    "thirds": Fraction(1, 3),
    "quarters": Fraction(1, 4),
    "fourths": Fraction(1, 4),
    "eighth": Fraction(1, 8),
    "eighths": Fraction(1, 8),
}
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "five": 5, "seven": 7}
PART = rf"(?:{'|'.join(_COUNTS)}) (?:{'|'.join(_PARTS)}){END}"
"""A part of one: `a half`, `three quarters`."""
DECIMAL = rf"(?:(?:{CARDINAL}|{DIGIT}) )?point{repeated(ITEM, 1)}"
MIXED = rf"{CARDINAL} and {PART}"
QUANTITY = rf"(?:{DECIMAL}|{MIXED}|{CARDINAL})(?: {SCALE})?"
"""A number that may stand before a unit; zero has to be said as `zero`."""

_MIXED = re.compile(
    encoded(
        rf"(?P<whole>{CARDINAL}) and (?P<count>{'|'.join(_COUNTS)}) (?P<part>{'|'.join(_PARTS)})"
        rf"(?: (?P<scale>{SCALE}))?"
    )
)
_POINT = re.compile(rf"(?:(?P<whole>.+) )?point(?P<digits>{repeated(ITEM, 1)})(?: (?P<scale>{SCALE}))?")
_ROUND_SCALES = ("million", "billion", "trillion")
_ROUND = re.compile(rf"(?P<whole>.+) (?P<scale>{'|'.join(_ROUND_SCALES)})")

SMALLEST_IN_DIGITS = 10
"""Smaller cardinals stay words, as newspapers write them."""


def is_small(spoken: str) -> bool:
    """Whether `spoken` is a cardinal that stays in words."""
    return value_of(spoken) < SMALLEST_IN_DIGITS and "point" not in spoken


def takes_away(match: re.Match[str]) -> bool:
    """Whether the `minus` that `match` begins with follows a number: five minus three."""
    before = match.string[: match.start()].rsplit(maxsplit=1)[-1:]
    return bool(before) and before[0] in {*VALUES, *SCALES, "hundred"}


def written_quantity(spoken: str, *, vulgar: bool = False) -> str:
    """`spoken`, a `QUANTITY`, in digits: `3.5 million`, `1,200,000`, and `2.5`, or `2 1/2` if `vulgar`."""
    if point := _POINT.fullmatch(spoken):
        whole = value_of(point["whole"] or "zero")
        return _scaled(f"{grouped(whole)}.{digits_of(point['digits'])}", point["scale"])
    if mixed := _MIXED.fullmatch(spoken):
        return _mixed(mixed, vulgar=vulgar)
    scaled = _ROUND.fullmatch(spoken)
    if scaled and not any(word in SCALES for word in scaled["whole"].split()):
        return _scaled(grouped(value_of(scaled["whole"]) or 1), scaled["scale"])
    return grouped(value_of(spoken))


def written_range(low: str, high: str) -> tuple[str, str]:
    """Both ends of a range in digits; hundreds or thousands of its end count for its start: `two to three hundred`."""
    count, _, scale = high.rpartition(" ")
    if scale in {"hundred", "thousand"} and value_of(low) < value_of(count) < 100 and "point" not in low:  # noqa: PLR2004
        low = f"{low} {scale}"
    return written_quantity(low), written_quantity(high)


def _mixed(mixed: re.Match[str], *, vulgar: bool) -> str:
    part = _COUNTS[decoded(mixed["count"])] * _PARTS[mixed["part"]]
    # "A million and a half" is a half of a million more.
    count, _, scale = mixed["whole"].rpartition(" ")
    if scale in _ROUND_SCALES and not mixed["scale"]:
        return _scaled(f"{float((value_of(count) or 1) + part):,.10g}", scale)
    whole = value_of(mixed["whole"])
    if not mixed["scale"] and (vulgar or part.denominator % 3 == 0):
        return f"{grouped(whole)} {part}"
    return _scaled(f"{float(whole + part):,.10g}", mixed["scale"])


def _scaled(number: str, scale: str | None) -> str:
    return f"{number} {scale}" if scale else number
