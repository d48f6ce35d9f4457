"""Money: amounts with their currency, ranges of them, and prices that are known as such by what stands around them."""

import re

from pipeline.format.numbers.digits import cue_before
from pipeline.format.numbers.lexicon import (
    END,
    ENDS_HERE,
    HUNDREDS,
    ONE,
    SMALL,
    TWO_DIGITS,
    any_of,
    grouped,
    value_of,
    words,
)
from pipeline.format.numbers.quantities import QUANTITY, is_small, takes_away, written_quantity, written_range
from pipeline.format.numbers.rule import CONTEXT_CHARACTERS, NumberKind, Rule, rule

_SYMBOLS = {
    "dollar": "$",
    "dollars": "$",
    "euro": "€",
    "euros": "€",
    "yen": "¥",
    "rupee": "₹",
    "rupees": "₹",
    "pound sterling": "£",
    "pounds sterling": "£",
    "british pounds": "£",
    "quid": "£",
}
_CURRENCY = any_of(sorted(_SYMBOLS, key=len, reverse=True))
_POUNDS_PAID = any_of(
    words("pa(?:y|ys|id|ying) costs? charged? owed? fee price refund bill spent spend rent"),
)
_PRICE_BEFORE = any_of(
    words(
        "costs? pay paid paying price priced premium total fee charged? charges bill balance payment "
        "owed? refund subtotal deductible copay billed shipping postage amount charge instead"
    ),
)
_LINKS = any_of(
    [
        *words("is was of at for about around only just me us you them a the it to now due like twice"),
        "comes to",
        "came to",
        "will be",
        "would be",
        "comes out to",
        "went up to",
    ],
)
_PERIOD = any_of(words("month week year day hour night person piece gallon minute pound"))
_PRICE_AFTER = rf"(?= (?:(?:a|an|per|each|every) {_PERIOD}|plus tax|plus shipping|each){END})"
_CENTS = rf"(?P<cents>{TWO_DIGITS}|(?:oh|o|zero) {ONE})"
# "three hundred fifty" are no cents, unless they are said so: "three hundred oh five".
_WHOLE = rf"(?:{ONE} (?:{TWO_DIGITS}|(?:oh|o) {ONE})|{HUNDREDS}(?:(?<!hundred)|(?= (?:oh|o|zero) )))"
_PRICE = rf"(?P<whole>{_WHOLE}) {_CENTS}{ENDS_HERE}"
_PLAIN_PRICE = rf"(?:{ONE} {TWO_DIGITS}|{SMALL}) {TWO_DIGITS}"
# Not of a year, nor the form 1099.
_CHARM_PRICE = (
    rf"(?P<whole>{ONE} {TWO_DIGITS}|(?!nineteen|ten ){TWO_DIGITS}) (?P<cents>ninety (?:five|nine)){ENDS_HERE}"
)
_NO_PRICE = re.compile(rf"(?:{any_of(words('ending ends digits number numbers code four'))}(?: (?:in|is|are|with))?) $")


_CHARM_CENTS = "ninety (?:five|nine)"
_CHARM_RANGE = (
    rf"(?P<low_whole>{ONE}|{TWO_DIGITS}) (?P<low_cents>{_CHARM_CENTS}) (?P<to>to|or) "
    rf"(?P<high_whole>{ONE}|{TWO_DIGITS}) (?P<high_cents>{_CHARM_CENTS}){ENDS_HERE}"
)


# "My two cents" are an opinion.
_NO_OPINION = r"(?<!my )(?<!your )(?<!his )(?<!her )(?<!their )(?<!our )"


def _amount(match: re.Match[str]) -> str | None:
    symbol = _SYMBOLS[match["currency"]]
    written = symbol + written_quantity(match["amount"])
    if match["sign"]:
        if takes_away(match):
            return None
        written = f"-{written}"
    cents = match["cents"]
    if cents and " " not in written and "." not in written:
        written += f".{value_of(cents):02}"
    # "a hundred dollar bill" keeps the article of the bill.
    return f"a {written}" if match["amount"].startswith("a ") and match["currency"] == "dollar" else written


def _range(match: re.Match[str]) -> str:
    symbol = _SYMBOLS[match["currency"]]
    low, high = written_range(match["low"], match["high"])
    return f"{symbol}{low} {match['to']} {symbol}{high}"


def _pounds(match: re.Match[str]) -> str:
    return "£" + written_quantity(match["amount"])


def _pence(match: re.Match[str]) -> str:
    return f"£{written_quantity(match['amount'])}.{value_of(match['cents']):02}"


def _dollars(spoken: str) -> int:
    """Hundreds may be left unsaid: `three forty nine` is 349."""
    hundreds = re.fullmatch(rf"({ONE}) ({TWO_DIGITS}|(?:oh|o) {ONE})", spoken)
    return 100 * value_of(hundreds[1]) + value_of(hundreds[2]) if hundreds else value_of(spoken)


def _price(match: re.Match[str]) -> str:
    return f"${grouped(_dollars(match['whole']))}.{value_of(match['cents']):02}"


def _charm_price(match: re.Match[str]) -> str | None:
    before = match.string[max(0, match.start() - CONTEXT_CHARACTERS) : match.start()]
    is_read_out = cue_before(match.string, match.start()) or _NO_PRICE.search(before)
    return None if is_read_out else _price(match)


def _prices(match: re.Match[str]) -> str:
    low, high = (f"${_dollars(match[f'{end}_whole'])}.{value_of(match[f'{end}_cents']):02}" for end in ("low", "high"))
    return f"{low} {match['to']} {high}"


def _buck(match: re.Match[str]) -> str:
    return f"$1.{value_of(match['cents']):02}"


def _cents(match: re.Match[str]) -> str:
    return f"{value_of(match['cents'])} cents"


def _bucks(match: re.Match[str]) -> str | None:
    # Small numbers stay words before a word as casual as this one.
    amount = match["amount"]
    return None if is_small(amount) else f"{written_quantity(amount)} {match['unit']}"


RULES: tuple[Rule, ...] = (
    rule(NumberKind.MONEY, _CHARM_RANGE, _prices),
    rule(
        NumberKind.MONEY,
        rf"(?P<low>{QUANTITY}) (?P<to>and) (?P<high>{QUANTITY}) (?P<currency>{_CURRENCY})",
        _range,
        before=any_of(["between"]),
    ),
    rule(
        NumberKind.MONEY,
        rf"(?P<sign>(?:minus|negative) )?(?P<amount>{QUANTITY}) (?P<currency>{_CURRENCY})"
        rf"(?:(?: and)? (?P<cents>{TWO_DIGITS}|{ONE}) cents?{END})?",
        _amount,
    ),
    rule(
        NumberKind.MONEY,
        rf"(?P<low>{QUANTITY}) (?P<to>to|or) (?P<high>{QUANTITY}) (?P<currency>{_CURRENCY})",
        _range,
    ),
)

PRICES: tuple[Rule, ...] = (
    rule(
        NumberKind.MONEY, rf"(?P<amount>{QUANTITY}) pounds?(?: and)? (?P<cents>{TWO_DIGITS}|{ONE}) (?:pence|p)", _pence
    ),
    rule(NumberKind.MONEY, rf"(?P<amount>{QUANTITY}) pounds", _pounds, before=rf"{_POUNDS_PAID}(?: {_LINKS}){{0,2}}"),
    rule(
        NumberKind.MONEY,
        rf"(?P<whole>{ONE} {TWO_DIGITS}|{HUNDREDS}) and (?P<cents>{TWO_DIGITS}|{ONE}) cents",
        _price,
    ),
    rule(NumberKind.MONEY, rf"{_NO_OPINION}(?P<cents>{TWO_DIGITS}|{ONE}) cents", _cents),
    rule(NumberKind.MONEY, rf"(?P<amount>{QUANTITY}) (?P<unit>bucks|grand)", _bucks),
    rule(
        NumberKind.MONEY,
        _PRICE,
        _price,
        before=rf"{_PRICE_BEFORE}(?: {_LINKS}){{0,3}}(?: {_PLAIN_PRICE} (?:and|or|plus))?",
    ),
    rule(NumberKind.MONEY, rf"{_PRICE}{_PRICE_AFTER}", _price),
    rule(NumberKind.MONEY, _CHARM_PRICE, _charm_price),
    rule(NumberKind.MONEY, rf"(?:a|one) (?:buck|dollar)(?: and)? (?P<cents>{TWO_DIGITS})(?: cents)?{ENDS_HERE}", _buck),
)
