"""E-mail addresses and URLs that were spelled out: `john dot smith at gmail dot com`."""

import re

from pipeline.format.numbers.lexicon import END, EXPLAINED, ITEM, any_of, digits_of, repeated, with_letter_o, words
from pipeline.format.numbers.rule import NumberKind, Rule, rule

_STOP = any_of(
    words(
        "is are was am be at on in to of or and the dot slash colon us me it it's its i i'm him her them "
        "you we they he she that this here there for from with as by underscore dash hyphen plus go up "
        "out so"
    ),
)
# "Look at amazon dot com" is no mail address, though "sales at amazon dot com" is.
_NOT_LOCAL = any_of(
    words(
        "look looking find found visit shop shopping buy order ordered available online email address "
        "website site page store working work works listed reach check"
    ),
)
_CHARACTER = rf"(?:{EXPLAINED}|{ITEM}|[a-z]{END})"
_PLAIN = rf"(?!{_STOP})[a-z0-9]{{2,}}(?:'s)?"
_WORD = rf"{_PLAIN}{repeated(ITEM)}"
_SPELLED = rf"{_CHARACTER}{repeated(_CHARACTER, 1)}(?: {_PLAIN})?"
# A letter before a word is an initial, unless it is a word itself.
_INITIAL = rf"(?:{EXPLAINED}|[b-hj-z]) {_WORD}"
_UNIT = rf"(?:{_WORD}|{_SPELLED}|{_INITIAL}|{_CHARACTER})"
_JOIN = any_of(["dot", "period", "underscore", "dash", "hyphen", "minus", "plus"])
_LOCAL = rf"(?!{_NOT_LOCAL} at){_UNIT}(?: {_JOIN} {_UNIT})*"
_TLD = any_of(
    [
        *("co dot uk", "com dot au", "co dot nz"),
        *words("com org net edu gov io co uk info biz ca de ai app dev tv eu fr mil me us"),
        "o r g",
        "c o m",
        "n e t",
        "e d u",
    ],
)
_LABEL = rf"(?:{_CHARACTER}{repeated(_CHARACTER)}(?: {_PLAIN})?|{_PLAIN}(?: {_PLAIN}){{0,2}}{repeated(ITEM)})"
_LABELS = rf"{_LABEL}(?: (?:dot|dash|hyphen) {_LABEL})*? dot {_TLD}"
# Without a scheme or a name before it only the last word is sure to be a part: "it is on amazon dot com".
_HOST = rf"(?:{_CHARACTER}{repeated(_CHARACTER)}(?: {_PLAIN})?|{_WORD})(?: (?:dot|dash|hyphen) {_UNIT})*? dot {_TLD}"
_PATH = rf"(?: (?:forward )?slash {_UNIT}(?: (?:dash|hyphen|underscore|dot) {_UNIT})*)*"
_SCHEME = r"(?:h t t p(?: s)?|https?) colon (?:forward )?slash (?:forward )?slash"
_WWW = r"(?:w w w|www|triple w|dub dub dub) dot"
_SIGNS = {
    "dot": ".",
    "period": ".",
    "underscore": "_",
    "dash": "-",
    "hyphen": "-",
    "minus": "-",
    "plus": "+",
    "at": "@",
    "slash": "/",
    "colon": ":",
    "forward": "",
    "http": "http",
    "https": "https",
}
_TOKEN = re.compile(rf"{EXPLAINED}|{ITEM}|[^ ]+")


def _address(match: re.Match[str]) -> str:
    spoken = with_letter_o(re.sub(r"\b(?:triple w|dub dub dub)\b", "www", match[0]))
    return "".join(_token(token) for token in _TOKEN.findall(spoken)).lower()


def _token(token: str) -> str:
    if token in _SIGNS:
        return _SIGNS[token]
    if re.fullmatch(ITEM, token):
        return digits_of(token)
    if " " in token:
        return token[0]
    return token.replace("'", "")


RULES: tuple[Rule, ...] = (
    rule(
        NumberKind.EMAIL,
        rf"(?:(?!{_STOP})[a-z0-9']+ ){{1,2}}{_LOCAL} at (?!{_WWW}){_LABELS}",
        _address,
        before=any_of([r"e\s?mail(?: address)?(?: is|'s| would be)", r"e\s?mail(?: address)? it's"]),
    ),
    rule(NumberKind.EMAIL, rf"{_LOCAL} at (?!{_WWW}){_LABELS}", _address),
    rule(NumberKind.URL, rf"{_SCHEME}(?: {_WWW})? {_LABELS}{_PATH}", _address),
    rule(NumberKind.URL, rf"{_WWW} {_LABELS}{_PATH}", _address),
    rule(NumberKind.URL, rf"{_HOST}{_PATH}", _address),
)
