"""The rules in order, and the walk over the words that applies them."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pipeline.format.numbers import cardinals, codes, dates, digits, idioms, measures, money, ordinals, times, web
from pipeline.format.numbers.lexicon import SIGNS, VALUES
from pipeline.format.numbers.rule import NumberKind, Rule

_RULES: tuple[Rule, ...] = (
    *times.FROM_THE_HOUR,
    *idioms.RULES,
    *money.RULES,
    *times.RULES,
    *dates.RULES,
    *measures.RULES,
    *cardinals.ADDRESS_RULES,
    *codes.RULES,
    *money.PRICES,
    *times.CLOCKS,
    *measures.NUMBERS,
    *digits.RULES,
    *ordinals.RULES,
    *cardinals.RULES,
    *times.LIKELY_CLOCKS,
    *cardinals.REST,
)
"""The first that applies wins: those that are proved by a unit or a form come before those known by their context."""

# Trying the rules at other words would find nothing, and take most of the time.
_STARTS = frozenset(
    {*VALUES, *ordinals.ORDINAL_VALUES, *dates.MONTHS, *"abcdefghijklmnopqrstuvwxyz"}
    | {"double", "triple", "plus", "minus", "negative", "point", "hundred", "catch", "covid", "co", "quarter", "half"}
    | {name.split()[0] for name in codes.NATO},
)
_WEB_SIGNS = frozenset({"dot"})


@dataclass(frozen=True, slots=True)
class NumberSpan:
    """A number among words: from index `start` up to but without `end`, as it was said and as one writes it."""

    start: int
    end: int
    spoken: str
    written: str
    kind: NumberKind


def find_numbers(words: Sequence[str], breaks: Collection[int] = ()) -> list[NumberSpan]:
    """The numbers among the words of one speaker, in order, without overlap; what is left out stays as it was said.

    `words` are in lower case and without punctuation. `breaks` are the indices of words that start anew, after the
    end of a sentence or a long pause: no number goes on across them.
    """
    if not _STARTS.isdisjoint(words) or not _WEB_SIGNS.isdisjoint(words):
        return list(_found(words, breaks))
    return []


def _found(words: Sequence[str], breaks: Collection[int]) -> Iterator[NumberSpan]:
    text, starts = _joined(words, breaks)
    has_address = not _WEB_SIGNS.isdisjoint(words)
    index = 0
    while index < len(words):
        rules = (*(web.RULES if has_address else ()), *(_RULES if words[index] in _STARTS else ()))
        found = _first(rules, text, starts[index])
        if found is None:
            index += 1
            continue
        kind, end_character, written = found
        end = bisect_right(starts, end_character - 1)
        spoken = " ".join(words[index:end])
        if written != spoken:
            yield NumberSpan(index, end, spoken, written, kind)
        index = end


def _first(rules: Sequence[Rule], text: str, start: int) -> tuple[NumberKind, int, str] | None:
    for rule in rules:
        # Of all rules one or two have a match, and only those are asked for more.
        applied = rule.apply(text, match) if (match := rule.pattern.match(text, start)) else None
        if applied is not None:
            return rule.kind, *applied
    return None


def _joined(words: Sequence[str], breaks: Collection[int]) -> tuple[str, list[int]]:
    """The words as one encoded text, with a line feed before each that starts anew, and where each one starts."""
    signs = [SIGNS.get(word, word) for word in words]
    starts = list(accumulate((len(sign) + 1 for sign in signs[:-1]), initial=0))
    text = "".join(("\n" if index in breaks else " " if index else "") + sign for index, sign in enumerate(signs))
    return text, starts
