"""Cardinals: in digits from ten on, and below ten where they name a thing (`exit five`) or are one of a pair.

Two numbers in a row that make no cardinal are one number said in halves: `twelve thirty four`, `three sixty`.
"""

import re

from pipeline.format.numbers.lexicon import (
    CARDINAL,
    DIGITS,
    END,
    ENDS_HERE,
    ONE,
    SMALL,
    TENS,
    TWO_DIGITS,
    any_of,
    digits_of,
    value_of,
    words,
)
from pipeline.format.numbers.ordinals import ORDINAL_VALUES
from pipeline.format.numbers.quantities import SMALLEST_IN_DIGITS, is_small, takes_away, written_quantity, written_range
from pipeline.format.numbers.rule import NumberKind, Rule, rule

_LABELS = any_of(
    [
        *words(
            "apartment apt suite room unit exit extension gate interstate highway route page chapter option "
            "press box seat row building section terminal platform flight version channel lane aisle grade "
            "zone district"
        ),
        "unit number",
        "apartment number",
    ],
)
_STREET = any_of(
    [
        *words(
            "street avenue ave road drive lane boulevard court place way highway parkway circle terrace "
            "broadway trail plaza"
        ),
        "square(?! (?:feet|foot|miles?|meters?|inch))",
    ],
)
_HOUSE = rf"(?P<house>{DIGITS}|{CARDINAL})(?: (?P<letter>[b-f]))?"
_UNIT_ORDINALS = any_of(word for word, value in ORDINAL_VALUES.items() if value < SMALLEST_IN_DIGITS)
_NO_NAMES = words(
    "hundred thousand million square mile miles block blocks lane way in on to of and or for at is was people "
    "minutes hours days years times more percent dollars the a which"
)
# The name of the street is up to four words, none of which goes on with another matter.
_NAME = rf"(?!{any_of(_NO_NAMES)})[a-z']+ "
# "forty second street" is the 42nd, not number 40.
_NUMBERED_STREET = rf"{any_of(['north', 'south', 'east', 'west'])} (?:{SMALL} )?{_NAME}{_STREET}"
_STREET_AHEAD = rf"(?!(?<={TENS}) {_UNIT_ORDINALS})(?= (?:(?:{_NAME}){{1,4}}{_STREET}|{_NUMBERED_STREET})| broadway)"
_YEAR_NOW = (20, 25)
_UNITS = any_of(words("year years month months minute minutes hour hours day days week weeks second seconds"))
_VAGUE = rf"(?! (?:something|somethings|odd|fold|or so){END})"
_MENU = rf"(?:press|dial|enter|say) {SMALL} (?:for|to) [^\n]*"
"""A menu that says `press` but once: `press one for sales two for support`."""
_ADDRESS_BEFORE = any_of(["live at", "lives at", "address is", "address is at", "located at", "deliver to", "ship to"])


def _cardinal(match: re.Match[str]) -> str | None:
    spoken = match["amount"]
    # A bare "a hundred" is as vague as "a couple of hundred", and stays as it was said.
    vague = re.fullmatch(r"a \w+", spoken)
    return None if vague or is_small(spoken) else written_quantity(spoken)


def _interstate(match: re.Match[str]) -> str:
    return f"i-{value_of(match['amount'])}"


def _label(match: re.Match[str]) -> str:
    return str(value_of(match["amount"]))


def _negative(match: re.Match[str]) -> str | None:
    return None if takes_away(match) else f"-{written_quantity(match['amount'])}"


def _pair(match: re.Match[str]) -> str | None:
    low, high = match["low"], match["high"]
    if (is_small(low) and is_small(high)) or low.startswith("a ") or high.startswith("a "):
        return None
    # "one in ten thousand" is no range, whose ends share the scale.
    is_share = match["to"] in {"in", "out of"}
    return f" {match['to']} ".join(map(written_quantity, (low, high)) if is_share else written_range(low, high))


def _halves(match: re.Match[str]) -> str | None:
    first, second = value_of(match["first"]), value_of(match["second"])
    # "ten twenty people" are two guesses, not 1,020; "twenty twenty five" is rather the year.
    guesses = first % 10 == 0 and second - first in {5, 10} and (first, second) != _YEAR_NOW
    return None if guesses else f"{first}{second:02}"


def _house(match: re.Match[str]) -> str | None:
    house, letter = match["house"], match["letter"] or ""
    if re.fullmatch(CARDINAL, house):
        return None if is_small(house) else f"{value_of(house)}{letter}"
    return digits_of(house) + letter


RULES: tuple[Rule, ...] = (
    rule(NumberKind.CARDINAL, rf"(?<!plus or )(?:minus|negative) (?P<amount>(?!a ){CARDINAL})", _negative),
    rule(
        NumberKind.CARDINAL,
        rf"(?P<low>{CARDINAL}) (?P<to>to|or|through|out of|by|versus) (?P<high>{CARDINAL}){ENDS_HERE}",
        _pair,
    ),
    rule(NumberKind.CARDINAL, rf"(?P<low>one) (?P<to>in) (?P<high>{CARDINAL}){ENDS_HERE}(?! {_UNITS})", _pair),
    rule(NumberKind.CARDINAL, rf"(?P<low>{CARDINAL}) (?P<to>and) (?P<high>{CARDINAL})", _pair, before="between"),
    rule(NumberKind.CARDINAL, rf"(?P<amount>{CARDINAL}){ENDS_HERE}", _label, before=_LABELS),
    rule(NumberKind.CARDINAL, rf"(?P<amount>{ONE})(?= for [a-z])", _label, before=_MENU),
    # The hundred of a room or an exit is left unsaid.
    rule(
        NumberKind.CARDINAL,
        rf"(?P<first>{ONE}) (?P<second>{TWO_DIGITS}){ENDS_HERE}(?! {_UNITS})",
        _halves,
        before=_LABELS,
    ),
    rule(
        NumberKind.CARDINAL,
        rf"i (?P<amount>{TWO_DIGITS})(?= (?:north|south|east|west|and|near|to|exit|exits){END})",
        _interstate,
    ),
)

REST: tuple[Rule, ...] = (
    rule(
        NumberKind.CARDINAL,
        rf"(?P<first>{ONE}|{TWO_DIGITS}) (?P<second>{TWO_DIGITS}|(?:oh|o) {ONE}){ENDS_HERE}(?! {_UNITS})",
        _halves,
    ),
    rule(NumberKind.CARDINAL, rf"(?P<amount>{CARDINAL}){_VAGUE}", _cardinal),
)

ADDRESS_RULES: tuple[Rule, ...] = (
    rule(NumberKind.ADDRESS, rf"{_HOUSE}{_STREET_AHEAD}", _house),
    rule(NumberKind.ADDRESS, rf"(?P<amount>{ONE})(?= {_NAME}{_STREET})", _label, before=_ADDRESS_BEFORE),
)
