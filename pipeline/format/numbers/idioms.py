"""Fixed expressions: those with a written form of their own, and those that stay as they were said."""

import re

from pipeline.format.numbers.lexicon import END, ENDS_HERE, ONE, any_of, decoded, digits_of, words
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
_NUMBERS = {
    "ten four": "10-4",
    "covid nineteen": "covid-19",
    "h two o": "h2o",
    "m p three": "mp3",
    "m p four": "mp4",
    "b two b": "b2b",
    "b two c": "b2c",
    "c o two": "co2",
    "co two": "co2",
    "sixty forty": "60/40",
    "seventy thirty": "70/30",
    "eighty twenty": "80/20",
    "ninety ten": "90/10",
}
"""Likewise, unless further numbers follow."""
_TO_THE_HOUR = rf"(?:five|ten|twenty|twenty five){END} (?:to|till|past|after|before) {ONE}"

_HOUR = rf"(?:{ONE}|(?:ten|eleven|twelve){END})"
_TO_AN_EARLIER_HOUR = rf"(?:ten to {ONE}|twenty(?: five)? to {_HOUR})"


def _written(match: re.Match[str]) -> str:
    return (_WRITTEN | _NUMBERS)[decoded(match[0])]


def _toll_free(match: re.Match[str]) -> str:
    # The rest is a word that is dialled by its letters.
    digits = digits_of(match["prefix"])
    return f"{digits[0]}-{digits[1:]}"


def _as_said(match: re.Match[str]) -> str:
    return match[0]


RULES: tuple[Rule, ...] = (
    rule(NumberKind.CARDINAL, any_of(_WRITTEN), _written),
    rule(NumberKind.CARDINAL, rf"{any_of(_NUMBERS)}{ENDS_HERE}", _written),
    rule(
        NumberKind.PHONE,
        rf"(?P<prefix>one (?:eight hundred|eight eight eight|eight (?:double eight|seven seven|six six)))"
        rf"(?= (?!number|numbers|and|of|people|dollars|percent|thousand|million|point|double|triple)[a-z]{{3,}}{END})"
        rf"{ENDS_HERE}",
        _toll_free,
    ),
    rule(NumberKind.DATE, "nine eleven", lambda _: "9/11", before=any_of(words("on since after before post pre"))),
    rule(NumberKind.PHONE, "nine eleven", lambda _: "911", before=any_of(words("call dial called dialed calling"))),
    rule(
        NumberKind.TIME,
        rf"{_HOUR}(?! (?:hundred|thousand){END})",
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
