"""Formatting of a line of raw words, without times: for trying out a rule on text."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.format.figures import in_digits, number_spans, written_case
from pipeline.format.fillers import without_fillers
from pipeline.format.numbers import NumberSpan
from pipeline.format.profanity import masked
from pipeline.format.punctuation import TaggedSentences, load_tagger
from pipeline.format.redaction import Said, find_sensitive
from pipeline.format.replacing import REPLACED, Replacer
from pipeline.options import FormatOptions
from pipeline.values import Word

_WORD_S = 0.3
"""Words without times are spaced evenly, so that no pause tells anything."""


class Part(StrEnum):
    """The parts of formatting that can be tried by themselves."""

    NUMBERS = "numbers"
    PUNCTUATION = "punctuation"
    REDACTION = "redaction"


READABLE = (Part.NUMBERS, Part.PUNCTUATION)
"""What makes a line easy to read, and leaves nothing out."""
_AS_THEY_ARE = FormatOptions()


@dataclass(frozen=True, slots=True)
class LineSpan:
    """Words of a line from index `start` up to but without `end`, and what is written for them."""

    start: int
    end: int
    spoken: str
    written: str
    kind: str


@dataclass(frozen=True, slots=True)
class FormattedLine:
    """A line as it is written, the words that it was made of, and the spans over their indices.

    Fillers that were removed are no such words, and what was replaced is one.
    """

    text: str
    tokens: tuple[str, ...]
    spans: tuple[LineSpan, ...]


def format_line(line: str, parts: Collection[Part] = READABLE, options: FormatOptions = _AS_THEY_ARE) -> FormattedLine:
    """`line`, one sentence of English words with spaces between them, formatted by the chosen parts and by `options`.

    Redaction stands alone: with it, no other part is done.
    """
    tokens = tuple(line.split())
    if Part.REDACTION in parts:
        spans = _sensitive(tokens)
        return FormattedLine(_replaced(tokens, spans), tokens, spans)
    words: Sequence[Word] = [Word(token, at * _WORD_S, (at + 1) * _WORD_S, 1.0) for at, token in enumerate(tokens)]
    if options.fillers == "remove":
        words = without_fillers(words)
    words = Replacer(options.replace or {}).replaced(words)
    tokens = tuple(word.text for word in words)
    numbers = number_spans(words) if Part.NUMBERS in parts else []
    if Part.PUNCTUATION in parts:
        numbers = [replace(each, written=written_case(each.written, each.kind)) for each in numbers]
    spans = tuple(sorted(_spans(words, numbers), key=lambda span: span.start))
    words = in_digits(words, numbers)
    if Part.PUNCTUATION in parts and words:
        words = TaggedSentences(load_tagger()).punctuate(words)
    if options.profanity == "mask":
        words = masked(words)
    return FormattedLine(" ".join(word.text for word in words), tokens, spans)


def _spans(words: Sequence[Word], numbers: Sequence[NumberSpan]) -> Iterator[LineSpan]:
    """What is written otherwise than it was said, over the indices of `words`."""
    yield from (LineSpan(each.start, each.end, each.spoken, each.written, each.kind) for each in numbers)
    for at, word in enumerate(words):
        if word.kind == REPLACED:
            yield LineSpan(at, at + 1, word.spoken or "", word.text, REPLACED)


def _sensitive(tokens: Sequence[str]) -> tuple[LineSpan, ...]:
    found = find_sensitive([Said(0, token) for token in tokens])
    ends = [(span.indices[0], span.indices[-1] + 1, span.entity) for span in found]
    return tuple(
        LineSpan(start, end, " ".join(tokens[start:end]), f"[{entity.label}]", entity) for start, end, entity in ends
    )


def _replaced(tokens: Sequence[str], spans: Sequence[LineSpan]) -> str:
    left = list(tokens)
    for span in reversed(spans):
        left[span.start : span.end] = [span.written]
    return " ".join(left)
