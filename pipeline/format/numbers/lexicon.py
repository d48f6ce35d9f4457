"""English number words: their values, and the patterns from which all rules are built.

Patterns match lower-case words with one space between them, in which each number word is one sign (see `encoded`),
so that a class of number words is a set of characters: patterns nest deeply, and still compile and match fast. A
pattern never matches a line feed, which stands where an expression must not go on: at the end of a sentence and in a
long pause.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

END = r"(?![\w'])"
"""The end of a word: `six` is no part of `sixty`, and `one's` is not `one`."""

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

SCALES: Mapping[str, int] = MappingProxyType(
    {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
)
_NAMED = (
    {word: value for value, word in enumerate(_ONES, 1)}
    | {word: value for value, word in enumerate(_TEENS, 10)}
    | {word: 10 * value for value, word in enumerate(_TENS, 2)}
)
_FIRST_SIGN = 0xE000
SIGNS: Mapping[str, str] = MappingProxyType({word: chr(_FIRST_SIGN + value) for word, value in _NAMED.items()})
"""The sign of each number word: characters for private use, which are no letters to a pattern."""
_WORDS: Mapping[int, str] = MappingProxyType({ord(sign): word for word, sign in SIGNS.items()})
_WHOLE = re.compile(rf"(?<![\w'])(?:{'|'.join(SIGNS)})(?![\w'])")

VALUES: Mapping[str, int] = MappingProxyType(
    {"zero": 0, "oh": 0, "o": 0} | _NAMED | {SIGNS[word]: value for word, value in _NAMED.items()},
)


def words(listed: str) -> tuple[str, ...]:
    """The words of a list, which reads better in lines than as one literal each."""
    return tuple(listed.split())


def any_of(words: Iterable[str]) -> str:
    """A pattern for one of `words` (or patterns), whole; the earlier wins."""
    return f"(?:{'|'.join(words)}){END}"


def encoded(text: str) -> str:
    """`text`, or the source of a pattern, with each number word from `one` to `ninety` as its sign."""
    return _WHOLE.sub(lambda word: SIGNS[word[0]], text)


def decoded(text: str) -> str:
    """The words again of what was `encoded`."""
    return text.translate(_WORDS)


def _range(words: Sequence[str]) -> str:
    return f"[{''.join(SIGNS[word] for word in words)}]"


ONE = _range(_ONES)
TEEN = _range(_TEENS)
TENS = _range(_TENS)
DIGIT = rf"(?:{ONE}|{any_of(['zero', 'oh', 'o'])})"
SCALE = any_of(SCALES)
TWO_DIGITS = rf"(?:{TENS}(?: {ONE})?|{TEEN})"
"""10 to 99."""
SMALL = rf"(?:{TWO_DIGITS}|{ONE})"
"""1 to 99."""
# "between one hundred and two hundred" holds no "one hundred and two".
_ALONE = rf"(?! (?:hundred|thousand|million|billion|trillion){END})"
# "half a million" and "a quarter of a million" are as vague as they sound.
_A = r"(?<!half )(?<!of )a"
# Some say no article: "hundred and fifty dollars". "Several hundred and fifty" is another matter.
_NOT_OF_MANY = rf"(?<!{_range(tuple(SIGNS))} )(?<!a )(?<!few )(?<!couple )(?<!several )(?<!many )(?<!of )"
_BARE = rf"{_NOT_OF_MANY}hundred and {SMALL}{_ALONE}"
HUNDREDS = rf"(?:(?:{_A}|{SMALL}) hundred{END}(?:(?: and)? {SMALL}{_ALONE})?|{_BARE}|{SMALL})"
"""1 to 9999 said in hundreds: `fifteen hundred and six`."""
_THOUSANDS = rf"(?:(?:{_A}|{SMALL}) hundred{END}(?:(?: and)? {SMALL})?|{SMALL}|{_A})"
_SCALED = rf"{_THOUSANDS} {SCALE}"
CARDINAL = rf"(?:{_SCALED}(?:(?: and)? {_SCALED})*(?:(?: and)? {HUNDREDS}{_ALONE})?|{HUNDREDS}|zero{END})"

ITEM = rf"(?>(?:double|triple) {DIGIT}|{SMALL} (?:hundred|thousand){END}|{TWO_DIGITS}|{DIGIT})"
"""What is said in one go of a number that is read digit by digit: `five`, `double oh`, `forty two`, `eight hundred`.

Atomic: `forty two` is never tried as `forty` and `two` as well, of which a list of such would have 2^n ways.
"""
_MOST = 40
"""No number has more. Without an end each rule would read a long list to its last word from each of its words."""


def repeated(pattern: str, least: int = 0) -> str:
    """So many times or more what a number goes on with, each after a space."""
    return f"(?: {pattern}){{{least},{_MOST}}}"


DIGITS = f"{ITEM}{repeated(ITEM, 1)}"
ENDS_HERE = rf"(?! {ITEM})"
"""No further digits follow."""

EXPLAINED = any_of(f"{letter} (?:as in|like|for) {letter}[a-z]+" for letter in "abcdefghijklmnopqrstuvwxyz")
"""A letter with a word that begins with it."""

_ITEM = re.compile(ITEM)
_LETTER_O = re.compile(r"(?<=\b[a-np-z] )o\b|^o(?= [a-np-z]\b)")
_REPEATS = MappingProxyType({"double": 2, "triple": 3})


def value_of(spoken: str) -> int:
    """The value of a cardinal: `a hundred and five` is 105; `and` and other words count nothing."""
    total = group = 0
    for word in spoken.split():
        if word in SCALES:
            total += max(group, 1) * SCALES[word]
            group = 0
        elif word == "hundred":
            group = max(group, 1) * 100
        else:
            group += VALUES.get(word, 0)
    return total + group


def items_of(spoken: str) -> list[str]:
    """What was said in one go each, in order."""
    return _ITEM.findall(spoken)


def digits_of(spoken: str) -> str:
    """The digits of a number that was read digit by digit or in groups: `double oh seven forty two` is 00742."""
    return "".join(_digits_of_item(item) for item in items_of(spoken))


def with_letter_o(spoken: str) -> str:
    """`spoken` with an `o` that stands among letters in upper case, where no pattern takes it for a zero."""
    return _LETTER_O.sub("O", spoken)


def _digits_of_item(item: str) -> str:
    first, _, rest = item.partition(" ")
    return str(VALUES[rest]) * _REPEATS[first] if first in _REPEATS else str(value_of(item))


def grouped(value: int) -> str:
    """With commas between thousands."""
    return f"{value:,}"
