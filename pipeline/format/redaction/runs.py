"""Runs of digits in a conversation, spoken or written, also where fillers or the other speaker break them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.format.numbers.lexicon import VALUES, digits_of, encoded
from pipeline.format.numbers.lexicon import words as listed

FILLERS = frozenset(listed("uh um er erm ah eh hm hmm mm okay ok yes yeah so and then dash hyphen space"))
"""Words that may stand between the digits of one number."""
MOST_FILLERS = 3
_PUNCTUATION = ",.?!;:\"'()"
_WRITTEN_DIGITS = re.compile(r"\+?[\d][\d\s().-]*")
_MULTIPLIERS = frozenset({"double", "triple"})
_SCALES = frozenset({"hundred", "thousand"})


@dataclass(frozen=True, slots=True)
class Said:
    """A word of the conversation: on which channel, and its text, spoken or written."""

    channel: int
    text: str

    @property
    def plain(self) -> str:
        """The text in lower case without punctuation around it."""
        return self.text.strip(_PUNCTUATION).lower()


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits that one speaker said in a row, and the indices of the words that hold them or stand between them."""

    digits: str
    indices: tuple[int, ...]


def digit_runs(words: Sequence[Said]) -> list[DigitRun]:
    """The runs of each channel in order of their first word; `words` are in order of the conversation."""
    channels = dict.fromkeys(word.channel for word in words)
    runs = [run for channel in channels for run in _runs_of(words, channel)]
    return sorted(runs, key=lambda run: run.indices[0])


def _runs_of(words: Sequence[Said], channel: int) -> Iterator[DigitRun]:
    held: list[int] = []
    skipped: list[int] = []
    for index, word in enumerate(words):
        if word.channel != channel:
            continue
        if _holds_digits(word.plain, is_inside=bool(held)):
            held += [*skipped, index]
            skipped = []
        elif held and word.plain in FILLERS and len(skipped) < MOST_FILLERS:
            skipped.append(index)
        else:
            yield from _run(words, held)
            held, skipped = [], []
    yield from _run(words, held)


def _holds_digits(plain: str, *, is_inside: bool) -> bool:
    starts = plain in VALUES or plain in _MULTIPLIERS or _WRITTEN_DIGITS.fullmatch(plain) is not None
    return starts or (is_inside and plain in _SCALES)


def _run(words: Sequence[Said], held: Sequence[int]) -> Iterator[DigitRun]:
    digits = ""
    spoken: list[str] = []
    for index in held:
        plain = words[index].plain
        if _WRITTEN_DIGITS.fullmatch(plain):
            digits += digits_of(encoded(" ".join(spoken))) + re.sub(r"\D", "", plain)
            spoken = []
        elif plain not in FILLERS:
            spoken.append(plain)
    digits += digits_of(encoded(" ".join(spoken)))
    if digits:
        yield DigitRun(digits, tuple(held))
