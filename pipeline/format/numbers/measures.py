"""Percentages, decimals, mixed numbers, and quantities with units that have a symbol everyone reads."""

import re

from pipeline.format.numbers.lexicon import (
    CARDINAL,
    DIGIT,
    END,
    HUNDREDS,
    ITEM,
    ONE,
    SCALE,
    TEEN,
    TWO_DIGITS,
    any_of,
    digits_of,
    repeated,
    value_of,
    words,
)
from pipeline.format.numbers.ordinals import ORDINAL_VALUES
from pipeline.format.numbers.quantities import MIXED, QUANTITY, written_quantity, written_range
from pipeline.format.numbers.rule import NumberKind, Rule, rule

_SYMBOLS = {
    "milligrams?": "mg",
    "c c": "cc",
    "kilograms?": "kg",
    "kilos": "kg",
    "micrograms?": "mcg",
    "grams?": "g",
    "milliliters?": "ml",
    "kilometers? (?:per|an) hour": "km/h",
    "miles? (?:per|an) hour": "mph",
    "kilometers?": "km",
    "centimeters?": "cm",
    "millimeters?": "mm",
    "miles per gallon": "mpg",
    "kilobytes?": "kb",
    "megabytes?": "mb",
    "gigabytes?": "gb",
    "terabytes?": "tb",
    "gigs": "gb",
    "megabits? per second": "mbps",
    "gigabits? per second": "gbps",
    "megabytes? per second": "mb/s",
    "megahertz": "mhz",
    "gigahertz": "ghz",
    "kilohertz": "khz",
    "hertz": "hz",
    "megapixels?": "mp",
    "kilowatt hours?": "kwh",
    "kilowatts?": "kw",
    "megawatts?": "mw",
    "decibels?": "db",
    "degrees? fahrenheit": "°f",
    "degrees? celsius": "°c",
    "degrees? centigrade": "°c",
}
_UNIT = any_of(sorted(_SYMBOLS, key=len, reverse=True))
_LONG_UNITS = any_of(
    [
        *words(
            "miles? feet foot inch(?:es)? yards? acres? gallons? quarts? pints? ounces? pounds? tons? liters? "
            "meters? degrees? watts? volts? amps? horsepower calories"
        ),
        "square (?:feet|foot|miles?|meters?)",
    ],
)
# "at this point five people" and "the point six of us made" hold no decimals.
_NO_POINT = (
    r"(?<!this )(?<!that )(?<!the )(?<!some )(?<!one )(?<!a )(?<!which )(?<!what )(?<!any )(?<!good )(?<!my )(?<!your )"
)
_NO_OTHER_UNIT = rf"{END}(?! (?:dollars|percent|hundred|thousand|people){END})"
_DENOMINATORS = any_of(f"{word}s" for word, value in ORDINAL_VALUES.items() if value > 7)  # noqa: PLR2004  # two thirds stays in words
_OVER = rf"(?P<high>{HUNDREDS}|{ONE} {TWO_DIGITS})"
_SIGN = r"(?:(?<!plus or )(?P<sign>minus|negative) )?"
_INCHES = rf"(?:{TEEN}|{ONE})"


def _percent(match: re.Match[str]) -> str:
    sign = "-" if match["sign"] else ""
    return f"{sign}{written_quantity(match['amount'])}%"


def _percents(match: re.Match[str]) -> str:
    return f"{written_quantity(match['low'])} {match['to']} {written_quantity(match['high'])}%"


def _symbol(spoken: str) -> str:
    return next(symbol for unit, symbol in _SYMBOLS.items() if re.fullmatch(unit, spoken))


def _measure(match: re.Match[str]) -> str:
    sign = "-" if match["sign"] else ""
    return f"{sign}{written_quantity(match['amount'], vulgar=True)} {_symbol(match['unit'])}"


def _measures(match: re.Match[str]) -> str:
    low, high = written_range(match["low"], match["high"])
    return f"{low} {match['to']} {high} {_symbol(match['unit'])}"


def _short_measure(match: re.Match[str]) -> str:
    """Hundreds that were left unsaid: `one twenty five milligrams`."""
    return f"{100 * value_of(match['hundreds']) + value_of(match['rest'])} {_symbol(match['unit'])}"


def _long_measure(match: re.Match[str]) -> str:
    return f"{written_quantity(match['amount'], vulgar=True)} {match['unit']}"


def _height(match: re.Match[str]) -> str:
    return f"{value_of(match['feet'])}'{value_of(match['inches'])}\""


def _decimal(match: re.Match[str]) -> str:
    sign = "-" if match["sign"] else ""
    return sign + written_quantity(match["amount"])


def _dotted(match: re.Match[str]) -> str:
    return ".".join(_group(part) for part in re.split(" (?:dot|point) ", match[0]))


def _group(spoken: str) -> str:
    return digits_of(spoken) if "hundred" not in spoken else str(value_of(spoken))


def _mixed(match: re.Match[str]) -> str:
    return written_quantity(match["amount"], vulgar=True)


def _fraction(match: re.Match[str]) -> str:
    denominator = ORDINAL_VALUES[match["below"].split()[-1].removesuffix("s")]
    return f"{value_of(match['above'])}/{denominator}"


def _over(match: re.Match[str]) -> str:
    return f"{_group(match['high'])}/{value_of(match['low'])}"


_SPLITTABLE = any_of(words("seconds? miles? inch(?:es)? meters? gallons? ounces? points? million billion of"))
_NUMBER_GROUP = rf"(?:{HUNDREDS}(?! {ITEM})|{ITEM}{repeated(ITEM)})"

RULES: tuple[Rule, ...] = (
    rule(
        NumberKind.PERCENT,
        rf"(?P<low>{QUANTITY}) (?P<to>to|or) (?P<high>{QUANTITY}) (?:percent|per cent)",
        _percents,
    ),
    rule(
        NumberKind.PERCENT,
        rf"(?P<low>{QUANTITY}) (?P<to>and) (?P<high>{QUANTITY}) (?:percent|per cent)",
        _percents,
        before="between",
    ),
    rule(NumberKind.PERCENT, rf"{_SIGN}(?P<amount>(?!a \w+ per){QUANTITY}) (?:percent|per cent)", _percent),
    rule(NumberKind.MEASURE, rf"{_SIGN}(?P<amount>{QUANTITY}) (?P<unit>{_UNIT})", _measure),
    rule(NumberKind.MEASURE, rf"(?P<low>{QUANTITY}) (?P<to>to|or) (?P<high>{QUANTITY}) (?P<unit>{_UNIT})", _measures),
    rule(NumberKind.MEASURE, rf"(?P<hundreds>{ONE}) (?P<rest>{TWO_DIGITS}) (?P<unit>{_UNIT})", _short_measure),
    rule(
        NumberKind.MEASURE,
        rf"(?P<feet>{ONE}) (?:foot|feet|ft) (?P<inches>{_INCHES})(?: inch(?:es)?)?{_NO_OTHER_UNIT}",
        _height,
    ),
)

NUMBERS: tuple[Rule, ...] = (
    rule(NumberKind.MEASURE, rf"{_OVER} over (?P<low>{TWO_DIGITS})", _over),
    rule(NumberKind.DECIMAL, rf"{_NUMBER_GROUP}(?: (?:dot|point) {_NUMBER_GROUP}){{2,}}", _dotted),
    rule(NumberKind.DECIMAL, rf"{_NUMBER_GROUP} dot {_NUMBER_GROUP}", _dotted),
    rule(NumberKind.DECIMAL, rf"{ONE} (?:(?:oh|o) {ONE}|{TWO_DIGITS}) point{repeated(ITEM, 1)}", _dotted),
    rule(
        NumberKind.DECIMAL,
        rf"{_SIGN}(?P<amount>(?:{CARDINAL}|oh|o) point{repeated(ITEM, 1)}(?: {SCALE})?)",
        _decimal,
    ),
    rule(NumberKind.DECIMAL, rf"{_SIGN}{_NO_POINT}(?P<amount>point {DIGIT}{repeated(DIGIT, 1)})", _decimal),
    rule(NumberKind.DECIMAL, rf"{_SIGN}{_NO_POINT}(?P<amount>point {DIGIT})(?=$|\n| {_SPLITTABLE})", _decimal),
    rule(NumberKind.FRACTION, rf"(?P<amount>{MIXED}(?: {SCALE})?)", _mixed),
    rule(NumberKind.FRACTION, rf"(?P<above>{ONE}|{TEEN}) (?P<below>{_DENOMINATORS})", _fraction),
    rule(
        NumberKind.MEASURE,
        rf"(?P<amount>{TWO_DIGITS}|{HUNDREDS}(?<=hundred)) (?P<unit>{_LONG_UNITS})(?! {_INCHES}{END})",
        _long_measure,
    ),
)
