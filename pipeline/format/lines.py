"""Formatting of a line of raw words, without times: for trying out a rule on text."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from pipeline.format.figures import InDigits, number_spans
from pipeline.format.numbers import NumberSpan
from pipeline.format.prose import SentenceCase
from pipeline.values import Word

_WORD_S = 0.3
"""Words without times are spaced evenly, so that no pause tells anything."""


class Part(StrEnum):
    """The parts of formatting that can be tried by themselves."""

    NUMBERS = "numbers"
    PUNCTUATION = "punctuation"


@dataclass(frozen=True, slots=True)
class FormattedLine:
    """A line as it is written, the words that it was made of, and the spans over their indices."""

    text: str
    tokens: tuple[str, ...]
    spans: tuple[NumberSpan, ...]


def format_line(line: str, parts: Collection[Part] = tuple(Part)) -> FormattedLine:
    """`line`, one sentence of English words with spaces between them, formatted by the chosen parts."""
    tokens = tuple(line.split())
    numbers = Part.NUMBERS in parts
    words = [Word(token, index * _WORD_S, (index + 1) * _WORD_S, 1.0) for index, token in enumerate(tokens)]
    written = InDigits().write(words) if numbers else words
    if Part.PUNCTUATION in parts and written:
        written = SentenceCase("en").punctuate(written)
    return FormattedLine(
        text=" ".join(word.text for word in written),
        tokens=tokens,
        spans=tuple(number_spans(tokens)) if numbers else (),
    )
