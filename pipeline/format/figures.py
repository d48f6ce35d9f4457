"""Numbers in the words of a transcript: written in digits for models that spell them out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from pipeline.format.numbers import MONTHS, NumberKind, NumberSpan, find_numbers
from pipeline.options import FormatOptions
from pipeline.spec import CtcVocabulary, ModelSpec
from pipeline.values import Word
from pipeline.writing import ends_sentence

_PUNCTUATION = ',.?!;:"()'
_SYMBOLS: Mapping[str, str] = MappingProxyType(
    {"gb": "GB", "mb": "MB", "kb": "kB", "tb": "TB", "°f": "°F", "°c": "°C", "ghz": "GHz", "mhz": "MHz", "khz": "kHz"}
    | {"hz": "Hz", "kw": "kW", "mw": "MW", "kwh": "kWh", "db": "dB", "mp": "MP", "mbps": "Mbps", "gbps": "Gbps"},
)
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONE_DIGIT = re.compile(rf"(\d)([{re.escape(_PUNCTUATION)}]*)")
_READ_OUT = frozenset({*_DIGITS, "oh"})
_FEWEST_READ_OUT = 3
_WRITTEN = "#"
"""Stands for a word that is written already; no number has it."""
_MONTH = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b")


class NumberWriter(Protocol):
    """Writes the numbers among words as one writes them."""

    def write(self, words: Sequence[Word]) -> Sequence[Word]:
        """`words` of one speaker without long pause, those of a number as one word that keeps what was spoken."""


class AsSpoken:
    """For languages whose numbers are not known here, and for models that write numbers as they are meant."""

    def write(self, words: Sequence[Word]) -> Sequence[Word]:
        """See `NumberWriter.write`."""
        return words


class InDigits:
    """Numbers of spoken English in digits; a number lasts from its first word to its last."""

    def write(self, words: Sequence[Word]) -> Sequence[Word]:
        """See `NumberWriter.write`; a number is as sure as its least sure word."""
        return in_digits(words, number_spans(words))


class ReadOut:
    """For models that write numbers but hear digits that are read out as many: `9, 8, 7, one, 1` is 98711."""

    def write(self, words: Sequence[Word]) -> Sequence[Word]:
        """See `NumberWriter.write`; only digits of which each was said by itself are joined."""
        named = [_named(word) for word in words]
        if sum(word.text.strip(_PUNCTUATION).lower() in _READ_OUT for word in named) < _FEWEST_READ_OUT:
            return words
        return in_digits(words, [span for span in number_spans(named) if _is_read_out(span)])


def number_writer_for(spec: ModelSpec, options: FormatOptions) -> NumberWriter:
    """What suits the model: English CTC models without a digit among their labels spell numbers out."""
    if not options.numbers or spec.language != "en":
        return AsSpoken()
    if not isinstance(spec.vocabulary, CtcVocabulary):
        return ReadOut()
    return AsSpoken() if any(map(_has_digit, spec.vocabulary.tokens)) else InDigits()


def number_spans(words: Sequence[Word]) -> list[NumberSpan]:
    """The numbers among words that may have capitals and punctuation; none goes on after the end of a sentence.

    What was written in another form before, by find and replace, is no part of a number.
    """
    texts = [_WRITTEN if word.kind else word.text for word in words]
    breaks = {index + 1 for index, text in enumerate(texts) if ends_sentence(text)}
    return find_numbers([text.strip(_PUNCTUATION).lower() for text in texts], breaks)


def in_digits(words: Sequence[Word], spans: Sequence[NumberSpan]) -> list[Word]:
    """`words`, those of each of their `number_spans` as one word that keeps what was spoken."""
    return list(_written(words, spans))


def written_case(text: str, kind: str) -> str:
    """A written number with the capitals of its kind: months, codes, symbols of units; others stay as they are."""
    if kind == NumberKind.DATE:
        return _MONTH.sub(lambda month: month[0].capitalize(), text)
    if kind == NumberKind.ALNUM:
        return text.upper()
    if kind == NumberKind.MEASURE:
        number, space, unit = text.partition(" ")
        return number + space + _SYMBOLS.get(unit, unit)
    return text


def _written(words: Sequence[Word], spans: Sequence[NumberSpan]) -> Iterator[Word]:
    start = 0
    for span in spans:
        yield from words[start : span.start]
        said = words[span.start : span.end]
        last = said[-1].text
        # A form that ends with a full stop, as "p.m." does, takes no second one.
        mark = last[len(last.rstrip(_PUNCTUATION)) :].removeprefix("." if span.written.endswith(".") else "")
        yield replace(
            said[0],
            text=span.written + mark,
            end_s=said[-1].end_s,
            confidence=min(word.confidence for word in said),
            spoken=span.spoken,
            kind=span.kind.value,
        )
        start = span.end
    yield from words[start:]


def _named(word: Word) -> Word:
    digit = _LONE_DIGIT.fullmatch(word.text)
    return replace(word, text=_DIGITS[int(digit[1])] + digit[2]) if digit else word


def _is_read_out(span: NumberSpan) -> bool:
    said = span.spoken.split()
    is_number = span.kind in {NumberKind.DIGITS, NumberKind.PHONE}
    return is_number and len(said) >= _FEWEST_READ_OUT and all(word in _READ_OUT for word in said)


def _has_digit(token: str) -> bool:
    return any(character.isdigit() for character in token)
