"""Dates: days of months, years, decades, and dates that are said as numbers only."""

import re

from pipeline.format.numbers.lexicon import END, ENDS_HERE, ONE, SMALL, TEEN, TENS, TWO_DIGITS, any_of, value_of, words
from pipeline.format.numbers.ordinals import ORDINAL_VALUES, with_suffix
from pipeline.format.numbers.rule import NumberKind, Rule, rule

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_LAST_DAY = 31
_MONTH = rf"(?P<month>{any_of(MONTHS)})"
# May and march are verbs too, so that small ordinals after them prove no date: "may second guess", "march first".
_SURE_MONTH = rf"(?P<month>{any_of(month for month in MONTHS if month not in {'may', 'march'})})"
_ORDINAL_DAY = any_of(
    [r"(?:twenty|thirty) [a-z]+(?:st|nd|rd|th)", *(word for word, day in ORDINAL_VALUES.items() if day < _LAST_DAY)]
)
_CARDINAL_DAY = rf"(?:(?:twenty|thirty)(?: {ONE})?|{TEEN}|{ONE})"
YEAR = (
    rf"(?:(?:seventeen|eighteen|nineteen|twenty) (?:(?:oh|o) {ONE}|{TENS}(?: {ONE})?|{TEEN})"
    rf"|(?:eighteen|nineteen) hundred{END}|two thousand(?:(?: and)? {SMALL})?)"
)
_OF_YEAR = rf"(?:(?:,? of)? (?P<year>{YEAR}){ENDS_HERE})"
_NOT_THINGS = r"(?! (?:people|of|things|times|days|weeks|months|years|hours|percent|dollars|thousand|hundred|million))"
_DATE_BEFORE = any_of(words("on by until till since from to before after effective through of is was due"))
_YEAR_BEFORE = any_of(
    [
        *words(
            "in since from of until till by year before after during early late mid spring summer fall winter "
            "around through quarter"
        ),
        "class of",
        "back to",
        "in about",
        f"q {ONE}",
        *MONTHS,
    ],
)
_OWNED = any_of(words("a my your his her"))
_OF_ONE = any_of([*words("was wasn't is isn't has hasn't saw brought"), "will be", "would be", "had been"])
_ZERO = r"(?:oh|o|zero)"
_MONTH_NUMBER = rf"(?P<month>(?:{_ZERO} )?{ONE}|{any_of(['ten', 'eleven', 'twelve'])})"
_SLASH = r"(?: slash)?"
_PARTS = rf"{_MONTH_NUMBER}{_SLASH} (?P<day>{_ZERO} {ONE}|{_CARDINAL_DAY}){_SLASH}"
_BIRTH_BEFORE = (
    rf"{any_of(['birth', 'birthday', 'birthdate', 'dob', 'd o b', 'born'])}(?: (?:is|was|on|it's|would be|of)){{0,2}}"
)
_EXPIRY_BEFORE = (
    rf"{any_of(['expiration', 'expiry', 'expires?', 'expiring', 'exp', 'expired', 'good through', 'valid through'])}"
    r"(?: (?:date|is|on|of|in|it's|that's|the|card|month|and|year)){0,3}"
)
_FIRST_OF_LAST_CENTURY = 30
_EARLY_DECADES = {"hundreds": 0, "tens": 10}
_DECADE = any_of(words("twenties thirties forties fifties sixties seventies eighties nineties hundreds tens"))


def year_of(spoken: str) -> int:
    """The year of a match of `YEAR`: in hundreds (`nineteen oh five`) or in thousands (`two thousand and nine`)."""
    if "thousand" in spoken or "hundred" in spoken:
        return value_of(spoken)
    century, _, rest = spoken.partition(" ")
    return 100 * value_of(century) + value_of(rest)


def _day_of(spoken: str) -> int | None:
    """The day of an ordinal or a cardinal; None if no month has it."""
    *tens, last = spoken.split()
    day = value_of(" ".join(tens)) + (ORDINAL_VALUES.get(last) or value_of(last))
    return day if 1 <= day <= _LAST_DAY and (not tens or day % 10) else None


def _month_day(match: re.Match[str]) -> str | None:
    day = _day_of(match["day"])
    if day is None:
        return None
    year = match.groupdict().get("year")
    return f"{match['month']} {day}, {year_of(year)}" if year else f"{match['month']} {day}"


def _birthday(match: re.Match[str]) -> str | None:
    """The century of a year of birth is left unsaid: that in which the speaker is no child."""
    day, year = _day_of(match["day"]), value_of(match["year"])
    century = 1900 if year >= _FIRST_OF_LAST_CENTURY else 2000
    return f"{match['month']} {day}, {century + year}" if day else None


def _day_of_month(match: re.Match[str]) -> str | None:
    day = _day_of(match["day"])
    if day is None:
        return None
    year = f" {year_of(match['year'])}" if match["year"] else ""
    return f"{with_suffix(day)} of {match['month']}{year}"


def _lone_day(match: re.Match[str]) -> str | None:
    day = _day_of(match["day"])
    return with_suffix(day) if day else None


def _year(match: re.Match[str]) -> str:
    return str(year_of(match["year"]))


def _decade(match: re.Match[str]) -> str:
    decade = match["decade"]
    tens = _EARLY_DECADES[decade] if decade in _EARLY_DECADES else value_of(decade.removesuffix("ies") + "y")
    return f"{100 * value_of(match['century']) + tens}s"


def _as_said(spoken: str) -> str:
    """A part of a numeric date: with its zero if that was said."""
    return f"{value_of(spoken):02}" if spoken.split(maxsplit=1)[0] in {"oh", "o", "zero"} else str(value_of(spoken))


def _numeric(match: re.Match[str]) -> str:
    spoken = match["year"]
    short = re.fullmatch(rf"{TWO_DIGITS}|{_ZERO} {ONE}", spoken)
    year = f"{value_of(spoken):02}" if short else str(year_of(spoken))
    return f"{_as_said(match['month'])}/{_as_said(match['day'])}/{year}"


def _expiry(match: re.Match[str]) -> str:
    year = match["year"]
    # "Twenty six" is 26, "twenty twenty six" is 2026.
    short = re.fullmatch(TWO_DIGITS, year)
    return f"{value_of(match['month']):02}/{value_of(year) if short else year_of(year)}"


RULES: tuple[Rule, ...] = (
    rule(NumberKind.DATE, rf"{_MONTH}(?: the)? (?P<day>{_ORDINAL_DAY}){_OF_YEAR}", _month_day),
    rule(
        NumberKind.DATE,
        rf"{_MONTH}(?: the)? (?P<day>{_ORDINAL_DAY}) (?P<year>{TWO_DIGITS}){ENDS_HERE}",
        _birthday,
        before=_BIRTH_BEFORE,
    ),
    rule(NumberKind.DATE, rf"{_SURE_MONTH}(?: the)? (?P<day>{_ORDINAL_DAY})", _month_day),
    rule(NumberKind.DATE, rf"{_MONTH}(?: the)? (?P<day>{_ORDINAL_DAY})", _month_day, before=_DATE_BEFORE),
    rule(
        NumberKind.DATE,
        rf"{_MONTH}(?: the)? (?P<day>(?!first|second|third){_ORDINAL_DAY})",
        _month_day,
    ),
    rule(NumberKind.DATE, rf"{_MONTH} (?P<day>{_CARDINAL_DAY}){_OF_YEAR}", _month_day),
    rule(
        NumberKind.DATE,
        rf"{_MONTH} (?P<day>{_CARDINAL_DAY}){ENDS_HERE}{_NOT_THINGS}",
        _month_day,
        before=any_of(words("on by until till from through before after effective due")),
    ),
    rule(NumberKind.DATE, rf"(?P<day>{_ORDINAL_DAY}) (?:of|day of) {_MONTH}{_OF_YEAR}?", _day_of_month),
    rule(
        NumberKind.DATE,
        rf"(?P<day>{_ORDINAL_DAY})",
        _lone_day,
        before=any_of(rf"{day}day(?: on)? the" for day in ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")),
    ),
    rule(
        NumberKind.DATE,
        rf"(?P<day>{_ORDINAL_DAY})(?= (?:to|through|and|or|until) the {_ORDINAL_DAY} of {_MONTH})",
        _lone_day,
    ),
    rule(NumberKind.DATE, rf"(?P<day>{_ORDINAL_DAY})(?= of (?:the|this|next|last|each|every) month)", _lone_day),
    rule(
        NumberKind.DATE,
        rf"{_PARTS} (?P<year>{YEAR}|{TWO_DIGITS}|{_ZERO} {ONE}){ENDS_HERE}",
        _numeric,
        before=_BIRTH_BEFORE,
    ),
    rule(NumberKind.DATE, rf"{_PARTS} (?P<year>{YEAR}){ENDS_HERE}", _numeric),
    rule(
        NumberKind.DATE,
        rf"{_MONTH_NUMBER}{_SLASH} (?P<year>{YEAR}|{TWO_DIGITS}){ENDS_HERE}",
        _expiry,
        before=_EXPIRY_BEFORE,
    ),
    rule(NumberKind.DATE, rf"(?P<century>seventeen|eighteen|nineteen|twenty) (?P<decade>{_DECADE})", _decade),
    rule(NumberKind.DATE, "two thousands", lambda _: "2000s"),
    rule(NumberKind.DATE, rf"(?P<year>{YEAR}){ENDS_HERE}{_NOT_THINGS}", _year, before=_YEAR_BEFORE),
    rule(NumberKind.DATE, rf"(?P<year>{YEAR}){ENDS_HERE}{_NOT_THINGS}", _year, before=rf"{YEAR} (?:to|and|through|or)"),
    # A two thousand fourteen car is one, of that year, and so is the two thousand eight recession.
    rule(
        NumberKind.DATE, rf"(?P<year>two thousand(?: and)? {SMALL})(?= [a-z]{{3}}){_NOT_THINGS}", _year, before=_OWNED
    ),
    rule(
        NumberKind.DATE,
        rf"(?P<year>two thousand {SMALL})(?= [a-z]{{2,}}[a-rt-z]{END}){_NOT_THINGS}",
        _year,
        before="the",
    ),
    # Of two thousand and twelve things one says that they were.
    rule(NumberKind.DATE, rf"(?P<year>two thousand(?: and)? {SMALL})(?= {_OF_ONE})", _year),
)
