"""Fixed expressions: those with a written form of their own, and those that stay as they were said."""

import re

from pipeline.format.numbers.lexicon import END, ONE, any_of, decoded
from pipeline.format.numbers.rule import NumberKind, Rule, rule

_WRITTEN = {
    "twenty four seven": "24/7",
    "fifty fifty": "50/50",
    "p o box": "p.o. box",
    "twenty twenty vision": "20/20 vision",
    "nine to five": "nine to five",
    "catch twenty two": "catch-22",
    "four oh four error": "404 error",
    "one eight hundred number": "1-800 number",
}
_TO_THE_HOUR = rf"(?:five|ten|twenty|twenty five){END} (?:to|till|past|after|before) {ONE}"

_HOUR = rf"(?:{ONE}|(?:ten|eleven|twelve){END})"
_TO_AN_EARLIER_HOUR = rf"(?:ten to {ONE}|twenty(?: five)? to {_HOUR})"


def _written(match: re.Match[str]) -> str:
    return _WRITTEN[decoded(match[0])]


def _as_said(match: re.Match[str]) -> str:
    return match[0]


RULES: tuple[Rule, ...] = (
    rule(NumberKind.CARDINAL, any_of(_WRITTEN), _written),
    rule(
        NumberKind.TIME,
        _HOUR,
        _as_said,
        before=rf"{any_of(['half', 'quarter'])} {any_of(['past', 'to', 'till', 'of', 'after'])}",
    ),
    rule(NumberKind.TIME, _TO_THE_HOUR, _as_said, before=any_of(["it is", "it's", "at", "is"])),
    rule(
        NumberKind.TIME,
        rf"(?:five|ten|twenty|twenty five){END} (?:minutes )?(?:past|after) {_HOUR}|{_TO_AN_EARLIER_HOUR}",
        _as_said,
    ),
)
