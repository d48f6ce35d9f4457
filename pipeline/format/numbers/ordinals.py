"""Ordinals: written in digits from the tenth on, as newspapers do; a second that is a unit of time is none."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pipeline.format.numbers.lexicon import CARDINAL, END, ONE, TENS, any_of, grouped, value_of, words
from pipeline.format.numbers.rule import NumberKind, Rule, rule

_UNITS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_TEENS = (
    *("tenth", "eleventh", "twelfth", "thirteenth", "fourteenth"),
    *("fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
)
_TENS = ("twentieth", "thirtieth", "fortieth", "fiftieth", "sixtieth", "seventieth", "eightieth", "ninetieth")
_SCALES = {"hundredth": 100, "thousandth": 1000, "millionth": 10**6}
ORDINAL_VALUES: Mapping[str, int] = MappingProxyType(
    {word: value for value, word in enumerate(_UNITS + _TEENS, 1)}
    | {word: 10 * value for value, word in enumerate(_TENS, 2)},
)
_SECONDS = any_of(words("delay timer timeout ad clip pause wait window spot video call hold"))
_LAST = rf"(?:{TENS} {any_of(_UNITS)}|{any_of(ORDINAL_VALUES)})"
_OF_A_WHOLE = re.compile(rf" of {any_of(['a', 'an', 'the', 'one'])}")
_COUNT_BEFORE = re.compile(rf"(?:^|\s)(?:a|{ONE}) $")
_HUNDREDS = rf"(?:{CARDINAL}|hundred{END})(?:(?<=hundred)|(?<=thousand))"


def with_suffix(value: int) -> str:
    """`1st`, `22nd`, `113th`."""
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th") if value % 100 not in {11, 12, 13} else "th"
    return f"{grouped(value)}{suffix}"


def _ordinal(match: re.Match[str]) -> str | None:
    # "One tenth of a percent" is a part of it.
    if _OF_A_WHOLE.match(match.string, match.end()) and _COUNT_BEFORE.search(match.string[: match.start()]):
        return None
    *before, last = match[0].split()
    scale = _SCALES.get(last)
    if scale:
        value = (value_of(" ".join(before)) or 1) * scale
    else:
        prefix = " ".join(before)
        value = (100 if prefix.split(" ")[:1] == ["hundred"] else 0) + value_of(prefix.removeprefix("hundred"))
        value += ORDINAL_VALUES[last]
    return None if value < len(_UNITS) + 1 else with_suffix(value)


RULES: tuple[Rule, ...] = (
    rule(NumberKind.ORDINAL, rf"(?:{CARDINAL} )?{any_of(_SCALES)}", _ordinal),
    rule(NumberKind.ORDINAL, rf"(?:{_HUNDREDS}(?: and)? )?{_LAST}(?!(?<=second) {_SECONDS})", _ordinal),
)
