"""Letters and digits mixed: confirmation codes, plates, rooms, forms, products."""

import re

from pipeline.format.numbers.dates import YEAR
from pipeline.format.numbers.digits import cue_before
from pipeline.format.numbers.lexicon import (
    DIGIT,
    END,
    ENDS_HERE,
    EXPLAINED,
    HUNDREDS,
    ITEM,
    ONE,
    SMALL,
    TWO_DIGITS,
    any_of,
    digits_of,
    encoded,
    repeated,
    value_of,
    with_letter_o,
    words,
)
from pipeline.format.numbers.rule import NumberKind, Rule, rule

NATO = {
    **{
        word: word[0] for word in words("alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike")
    },
    **{word: word[0] for word in words("november oscar papa quebec romeo sierra tango uniform victor whiskey yankee")},
    "x ray": "x",
    "xray": "x",
    "zulu": "z",
    "alfa": "a",
    "juliett": "j",
    "whisky": "w",
}
"""The letters of the spelling alphabet."""
_ALPHABET = any_of(NATO)
_LETTER = rf"[a-zO]{END}"
# "a" and "i" are words as well, and "o" is a digit; "a m" and "p m" are times.
_SURE_LETTER = rf"(?!(?:a|p) m{END})[b-hj-np-z]{END}"
_PART = rf"(?:{EXPLAINED}|{ITEM}|(?:double|triple) {_LETTER}|{_ALPHABET}|{_LETTER})"
_CODE = rf"{_PART}{repeated(f'(?:dash |hyphen )?{_PART}', 1)}"
_TOKEN = re.compile(rf"dash|hyphen|{EXPLAINED}|{ITEM}|(?:double|triple) {_LETTER}|{_ALPHABET}|{_LETTER}")
_CALLED = any_of(
    [
        *words(
            "code plate tag id number policy confirmation reference vin serial flight license locator "
            "reservation booking postcode member case claim ticket order part model sku tracking record "
            "password promo coupon account"
        ),
        "policy number",
        "postal code",
        "i d",
        "v i n",
    ],
)
_LINK = any_of([*words("is was it's that's number code are plate uh um id of as"), "would be"])
_PLACE = any_of(
    words(
        "room exit seat gate apartment unit suite row terminal form building section lot bay zone "
        "flight locker block row level aisle interstate route class"
    ),
)
_PRODUCTS = any_of(
    [
        *("b (?:two|to) b", "b two c", "m ?p (?:three|four)", "(?:three|four|five) g", "(?:two|three) d", "four k"),
        *("four oh one k", "four oh three b", "five twenty nine", "w (?:two|four|nine)", "p s five", "c o two"),
        *("k twelve", "g seven", "g twenty", "b (?:six|twelve)", "u two", "one oh one", "three sixty", "h two o"),
        *("[hb] one b", "i (?:nine|ninety four)"),
    ],
)
_PRODUCT_NOUN = any_of(
    words(
        "plan drive form printer network player file business company phone tv level account model video sales "
        "school emissions test visas? injections? shots? deficiency monitor display screen camera resolution"
    ),
)


_FLIGHT = rf"flights?{END}(?: {_LINK}){{0,2}}"
_AIRLINE = any_of(words("delta united american southwest jetblue alaska spirit frontier airlines airways"))


_REPEATS = {"double": 2, "triple": 3}


def _joined(spoken: str) -> str:
    parts = _TOKEN.findall(with_letter_o(spoken))
    return "".join(map(_part, parts)).lower()


def _part(spoken: str) -> str:
    *repeat, last = spoken.split()
    if spoken in {"dash", "hyphen"}:
        return "-"
    if spoken in NATO:
        return NATO[spoken]
    if len(repeat) > 1:
        return spoken[0]
    return last * _REPEATS.get("".join(repeat), 1) if _is_letter(last) else digits_of(spoken)


def _is_letter(part: str) -> bool:
    return part.isalpha() and len(part) == 1 and part != "o"


def _code(match: re.Match[str]) -> str | None:
    code = _joined(match[0])
    mixed = any(character.isalpha() for character in code) and any(character.isdigit() for character in code)
    return code if mixed else None


def _product(match: re.Match[str]) -> str:
    return _joined(match[0].replace(" to ", encoded(" two ")))


def _quarter(match: re.Match[str]) -> str:
    return f"q{value_of(match['number'])}"


def _digits(match: re.Match[str]) -> str:
    return digits_of(match[0])


def _as_said(match: re.Match[str]) -> str:
    return match[0]


def _thousands(match: re.Match[str]) -> str:
    return f"{value_of(match['amount'])}k"


def _after_number(match: re.Match[str]) -> str | None:
    return None if cue_before(match.string, match.start()) == "phone" else _code(match)


RULES: tuple[Rule, ...] = (
    # An airline and no letter, and what follows is no time of day.
    rule(NumberKind.ALNUM, rf"delta(?= {ITEM})", _as_said, before=_FLIGHT),
    rule(NumberKind.DIGITS, rf"{ITEM}{repeated(ITEM)}", _digits, before=rf"{_FLIGHT} {_AIRLINE}"),
    rule(NumberKind.ALNUM, rf"(?P<amount>{HUNDREDS}) k(?! [b-hj-z]{END})", _thousands),
    rule(NumberKind.ALNUM, _CODE, _after_number, before=rf"{_CALLED}(?: {_LINK}){{0,2}}"),
    rule(
        NumberKind.ALNUM,
        rf"(?:{SMALL}(?: (?:hundred{END}|(?:oh|o) {ONE}))?|{DIGIT}{repeated(DIGIT)}) {_LETTER}(?! [ap]m?{END})",
        _code,
        before=_PLACE,
    ),
    rule(NumberKind.ALNUM, rf"{_LETTER} (?:{ITEM}){repeated(ITEM)}", _code, before=_PLACE),
    # What comes after is a dose.
    rule(NumberKind.ALNUM, rf"{_LETTER} (?:{ONE}|twelve)", _code, before="vitamin"),
    rule(NumberKind.ALNUM, "a one c", _product),
    rule(
        NumberKind.ALNUM,
        rf"{_SURE_LETTER}{repeated(_SURE_LETTER)} (?:(?:dash|hyphen) )?{DIGIT}{repeated(DIGIT, 2)}"
        rf"{repeated(_SURE_LETTER)}",
        _code,
    ),
    rule(
        NumberKind.ALNUM,
        rf"{_LETTER}{repeated(_LETTER, 1)} (?:(?:dash|hyphen) )?{DIGIT}{repeated(DIGIT, 2)}{repeated(_SURE_LETTER)}",
        _code,
    ),
    rule(
        NumberKind.ALNUM,
        rf"{DIGIT}{repeated(DIGIT, 2)}{repeated(_SURE_LETTER, 1)}{repeated(DIGIT)}",
        _code,
    ),
    rule(NumberKind.ALNUM, rf"{DIGIT}{repeated(_SURE_LETTER, 2)}{repeated(DIGIT, 2)}", _code),
    rule(
        NumberKind.ALNUM,
        rf"{_PRODUCTS}(?= {_PRODUCT_NOUN})",
        _product,
    ),
    rule(
        NumberKind.ALNUM,
        rf"q (?P<number>{any_of(words('one two three four'))})(?:{ENDS_HERE}|(?= (?:{YEAR}|{TWO_DIGITS}){ENDS_HERE}))",
        _quarter,
    ),
    rule(NumberKind.ALNUM, rf"{TWO_DIGITS} {TWO_DIGITS}(?= forms?{END})", _digits),
    rule(NumberKind.ALNUM, rf"{TWO_DIGITS}(?: (?:{TWO_DIGITS}|(?:oh|o) {ONE}))", _digits, before="form"),
)
