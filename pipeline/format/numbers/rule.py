"""What a rule of the grammar is: a pattern of spoken words, what must stand before it, and how it is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.format.numbers.lexicon import END, decoded, encoded

CONTEXT_CHARACTERS = 80
"""How far back a rule looks for the words that tell what a number is."""


class NumberKind(StrEnum):
    """What a number stands for."""

    CARDINAL = "cardinal"
    ORDINAL = "ordinal"
    MONEY = "money"
    DATE = "date"
    TIME = "time"
    PHONE = "phone"
    DIGITS = "digits"
    PERCENT = "percent"
    DECIMAL = "decimal"
    FRACTION = "fraction"
    MEASURE = "measure"
    EMAIL = "email"
    URL = "url"
    ALNUM = "alnum"
    ADDRESS = "address"


Write = Callable[[re.Match[str]], str | None]
"""The written form of a match; None if it is no number after all, so that the next rule is tried."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A class of expressions; `before`, if given, must match the words just before, up to the first of the match."""

    kind: NumberKind
    pattern: re.Pattern[str]
    write: Write
    before: re.Pattern[str] | None = None

    def apply(self, text: str, match: re.Match[str]) -> tuple[int, str] | None:
        """The end and the written form of a match of the pattern in `text`, None if this rule is no help."""
        start = match.start()
        # With an end given, `$` of the pattern means the start of the match.
        if self.before and not self.before.search(text, max(0, start - CONTEXT_CHARACTERS), start):
            return None
        written = self.write(match)
        return None if written is None else (match.end(), decoded(written))


def rule(kind: NumberKind, pattern: str, write: Write, before: str | None = None) -> Rule:
    """A rule of pattern sources; a match always ends with a word, and `before` ends just before the match."""
    context = re.compile(encoded(rf"(?:^|\s)(?:{before})\s$")) if before else None
    return Rule(kind, re.compile(encoded(pattern) + END), write, context)
