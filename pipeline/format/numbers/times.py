"""Times of day, with a.m. and p.m., or known as such by what stands around them."""

import re

from pipeline.format.numbers.lexicon import END, ENDS_HERE, ONE, SMALL, TEEN, any_of, value_of, words
from pipeline.format.numbers.rule import NumberKind, Rule, rule

_MINUTES = 60
_HOUR_12 = rf"(?:ten{END}|eleven{END}|twelve{END}|{ONE})"
_HOUR_24 = rf"(?:twenty(?: {any_of(['one', 'two', 'three'])})?{END}|{TEEN}|(?:(?:oh|o|zero) )?{ONE})"
_MINUTE = rf"(?:(?:oh|o|zero) {ONE}|{any_of(['twenty', 'thirty', 'forty', 'fifty'])}(?: {ONE})?|{TEEN})"
_CLOCK = rf"(?P<hour>{_HOUR_24}) (?P<minute>{_MINUTE}){ENDS_HERE}"
_CLOCK_12 = rf"(?P<hour>{_HOUR_12}) (?P<minute>{_MINUTE}){ENDS_HERE}"
_HALF = rf"(?P<half>[ap])\.?\s?m\.?{END}"
_O_CLOCK = "(?:o'clock|o clock|oclock)"
_NOT_A_SUM = (
    rf"(?! (?:percent|dollars?|bucks|people|point|hundred|thousand|million|pounds|miles|degrees|a month|each"
    rf"|volts?|watts?|amps?|square|inch|inches|feet|foot){END})"
)
_NO_DURATION = rf"(?! (?:years?|months?|weeks?|days?|hours?|minutes?|seconds?|times){END})"
_ZONE = any_of([*words("eastern pacific central mountain est pst gmt"), "e s t", "p s t", "c s t", "g m t", "u t c"])
_WHEN = any_of(
    [
        *words("tonight today tomorrow sharp o'clock"),
        r"(?:in the|this|tomorrow|yesterday) (?:morning|afternoon|evening)",
        "at night",
        "on (?:mon|tues|wednes|thurs|fri|satur|sun)day",
        r"(?:mon|tues|wednes|thurs|fri|satur|sun)day",
        _ZONE,
    ],
)
_OF_THE_DAY = "(?= in the (?:morning|afternoon|evening))"
_AT = any_of(words("at by until till before after since around about past"))
_QUARTER = any_of(["fifteen", "thirty", "forty five"])
_SAY = any_of(["it is", "it's", "it's now", "let's say", "how about", "what about", "make it", "let's do"])
_EXACT_AT = any_of(["at", "until", "till"])
_PAST = any_of(["past", "after"])
_TO = any_of(["to", "till", "before"])
_FEW = any_of(["five", "ten", "twenty five", "twenty"])
_FROM_THE_HOUR = (
    rf"half past|(?P<quarter>(?:a )?quarter) (?:{_PAST}|(?P<to_quarter>{_TO}|of))"
    rf"|(?P<few>{_FEW}) {_PAST}|(?P<many>{any_of(['twenty five', 'twenty'])}) (?P<to_many>{_TO})"
    rf"|(?P<minutes>{SMALL}) minutes (?:{_PAST}|(?P<to_minutes>{_TO}))"
)
"""Not `five to ten`, which is more often from five to ten."""


def _time(match: re.Match[str]) -> str:
    hour = match["hour"]
    digits = 2 if hour.startswith(("oh ", "o ", "zero ")) else 1
    return f"{value_of(hour):0{digits}}:{value_of(match['minute']):02}"


def _time_of_half_day(match: re.Match[str]) -> str:
    minute = match["minute"]
    clock = f"{value_of(match['hour'])}:{value_of(minute):02}" if minute else str(value_of(match["hour"]))
    return f"{clock} {match['half']}.m."


def _from_the_hour(match: re.Match[str]) -> str | None:
    said = match["few"] or match["many"] or match["minutes"] or ("fifteen" if match["quarter"] else "thirty")
    minute, hour = value_of(said), value_of(match["hour"])
    if minute >= _MINUTES:
        return None
    if match["to_quarter"] or match["to_many"] or match["to_minutes"]:
        hour, minute = hour - 1 or 12, _MINUTES - minute
    return f"{hour}:{minute:02} {match['half']}.m."


def _hours(match: re.Match[str]) -> str:
    return f"{_two_hours(match)} {match['half']}.m."


def _range(match: re.Match[str]) -> str:
    return f"{_two_times(match)} {match['half']}.m."


def _two_times(match: re.Match[str]) -> str:
    return f"{_time(match)} {match['to']} {value_of(match['hour2'])}:{value_of(match['minute2']):02}"


def _hour(match: re.Match[str]) -> str:
    return str(value_of(match["hour"]))


def _two_hours(match: re.Match[str]) -> str:
    return f"{value_of(match['first'])} {match['to']} {value_of(match['hour'])}"


def _hours_o_clock(match: re.Match[str]) -> str:
    return f"{_two_hours(match)} o'clock"


def _o_clock(match: re.Match[str]) -> str:
    return f"{value_of(match['hour'])} o'clock"


def _military(match: re.Match[str]) -> str:
    return f"{value_of(match['hour']):02}:00"


FROM_THE_HOUR: tuple[Rule, ...] = (
    rule(NumberKind.TIME, rf"(?:{_FROM_THE_HOUR}) (?P<hour>{_HOUR_12}) {_HALF}", _from_the_hour),
)
"""Only where the half of the day is said: `a quarter past ten` reads well as it is."""

RULES: tuple[Rule, ...] = (
    rule(NumberKind.TIME, rf"(?P<hour>{_HOUR_12})(?: (?P<minute>{_MINUTE}))? {_HALF}", _time_of_half_day),
    rule(
        NumberKind.TIME, rf"(?P<first>{_HOUR_12}) (?P<to>and|to|or|through|until) (?P<hour>{_HOUR_12}) {_HALF}", _hours
    ),
    rule(
        NumberKind.TIME,
        rf"{_CLOCK_12} (?P<to>and|to|or|through|until) (?P<hour2>{_HOUR_12}) (?P<minute2>{_MINUTE}) {_HALF}",
        _range,
    ),
    rule(NumberKind.TIME, rf"(?P<first>{_HOUR_12}) (?P<to>and|to|or) (?P<hour>{_HOUR_12}) {_O_CLOCK}", _hours_o_clock),
    rule(NumberKind.TIME, rf"(?P<hour>{_HOUR_12}) {_O_CLOCK}", _o_clock),
    rule(NumberKind.TIME, rf"(?P<hour>{_HOUR_24}) hundred hours", _military),
)

CLOCKS: tuple[Rule, ...] = (
    rule(NumberKind.TIME, rf"{_CLOCK_12}(?= {_WHEN})", _time),
    rule(
        NumberKind.TIME, rf"(?P<first>{_HOUR_12}) (?P<to>and|to|or|until) (?P<hour>{_HOUR_12}){_OF_THE_DAY}", _two_hours
    ),
    rule(NumberKind.TIME, rf"(?P<hour>{_HOUR_12}){_OF_THE_DAY}", _hour),
    rule(NumberKind.TIME, rf"{_CLOCK}{_NOT_A_SUM}", _time, before=_EXACT_AT),
    rule(NumberKind.TIME, rf"{_CLOCK_12}{_NOT_A_SUM}{_NO_DURATION}", _time, before=rf"{_AT}|{_SAY}"),
)

# Minutes of a quarter are said of times more often than of any other number.
LIKELY_CLOCKS: tuple[Rule, ...] = (
    rule(
        NumberKind.TIME,
        rf"(?P<hour>{_HOUR_12}) (?P<minute>{_QUARTER}) (?P<to>or|to|until) (?P<hour2>{_HOUR_12}) (?P<minute2>{_MINUTE})"
        rf"{ENDS_HERE}{_NOT_A_SUM}{_NO_DURATION}",
        _two_times,
    ),
    # "L D L one thirty" is none.
    rule(
        NumberKind.TIME,
        rf"(?<! [b-z] )(?P<hour>{_HOUR_12}) (?P<minute>{_QUARTER}){ENDS_HERE}{_NOT_A_SUM}{_NO_DURATION}",
        _time,
    ),
)
