"""Written numbers as one says them: models of sounds write words only, and text has digits."""

import re

_SMALL = """
zero one two three four five six seven eight nine ten
eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_ONES = _SMALL.split()
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_IRREGULAR = "one first two second three third five fifth eight eighth nine ninth twelve twelfth".split()  # noqa: SIM905
_ORDINALS = dict(zip(_IRREGULAR[::2], _IRREGULAR[1::2], strict=True))
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds", "₹": "rupees"}
_AMOUNT = re.compile(r"([$€£₹])?(\d[\d,]*)(?:\.(\d+))?(%|st|nd|rd|th|s|x|k|m|bn)?", re.IGNORECASE)
_TIME = re.compile(r"(\d{1,2}):(\d\d)(am|pm)?", re.IGNORECASE)
_RUNS = re.compile(r"\d+|[^\W\d]+", re.UNICODE)
_SUFFIXES = {"%": ["percent"], "x": ["times"], "k": ["thousand"], "m": ["million"], "bn": ["billion"]}
_SPELLED_DIGITS = 5
_FIRST_YEAR, _AFTER_YEARS = 1100, 2100


def spoken(token: str) -> list[str]:
    """The words of a token that has digits, in lower case; capitals of letters in it stay."""
    time = _TIME.fullmatch(token)
    if time:
        minute = [] if time[2] == "00" else (["oh"] if time[2][0] == "0" else []) + cardinal(int(time[2]))
        return cardinal(int(time[1])) + minute + list((time[3] or "").lower())
    amount = _AMOUNT.fullmatch(token)
    return _amount(amount) if amount else _mixed(token)


def cardinal(value: int) -> list[str]:
    """`value`, 0 or more, in words without `and`."""
    if value < len(_ONES):
        return [_ONES[value]]
    for scale, name in _SCALES:
        if value >= scale:
            rest = cardinal(value % scale) if value % scale else []
            return [*cardinal(value // scale), name, *rest]
    return [_TENS[value // 10], *([_ONES[value % 10]] if value % 10 else [])]


def _amount(match: re.Match[str]) -> list[str]:
    digits, fraction, suffix = match[2].replace(",", ""), match[3], (match[4] or "").lower()
    words = _whole(digits, plain="," not in match[2] and not match[1] and not fraction)
    if fraction and match[1] and len(fraction) == len("99"):
        return [*words, _CURRENCIES[match[1]], *cardinal(int(fraction))]
    if fraction:
        words = [*words, "point", *(_ONES[int(digit)] for digit in fraction)]
    if suffix in {"st", "nd", "rd", "th"}:
        words[-1] = _ordinal(words[-1])
    if suffix == "s":
        words[-1] = words[-1][:-1] + "ies" if words[-1].endswith("y") else words[-1] + "s"
    return [*words, *_SUFFIXES.get(suffix, []), *([_CURRENCIES[match[1]]] if match[1] else [])]


def _whole(digits: str, *, plain: bool) -> list[str]:
    if plain and (len(digits) >= _SPELLED_DIGITS or (digits.startswith("0") and len(digits) > 1)):
        return [_ONES[int(digit)] for digit in digits]
    value = int(digits)
    if plain and _FIRST_YEAR <= value < _AFTER_YEARS and not 2000 <= value < 2010:
        century, rest = divmod(value, 100)
        return cardinal(century) + (cardinal(rest) if rest >= 10 else ["oh", *cardinal(rest)] if rest else ["hundred"])
    return cardinal(value)


def _ordinal(word: str) -> str:
    return _ORDINALS.get(word) or (word[:-1] + "ieth" if word.endswith("y") else word + "th")


def _mixed(token: str) -> list[str]:
    words: list[str] = []
    for run in _RUNS.findall(token):
        words += _whole(run[:15], plain=True) if run.isdigit() else [run]
    return words
