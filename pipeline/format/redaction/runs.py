"""Runs of digits in a conversation, spoken or written, also where fillers or the other speaker break them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.format.numbers.lexicon import CARDINAL, VALUES, digits_of, encoded
from pipeline.format.numbers.lexicon import words as listed

FILLERS = frozenset(
    listed(
        "uh um er erm ah eh hm hmm mm mhm huh okay ok yes yeah right so and then dash hyphen space sorry no wait i "
        "mean actually again let let's me see start over hold on go ahead got it all that's is like sure"
    )
)
"""Words that may stand between the digits of one number: hesitation, and what people say who start over."""
MOST_FILLERS = 8
_MOST_OF_OTHERS = 6
"""As many other words of the other speaker interrupt a number; after more of them another one is said."""
_QUESTIONS = frozenset(listed("what what's when how which your amount number do can"))
"""What the other speaker asks with; the answer is another number."""
_COUNTED = frozenset(
    listed("moment second sec minute minutes more of for time times thing things dollars percent people")
)
"""After a digit that counts these, and belongs to no number: `one moment`."""
_PUNCTUATION = ",.?!;:\"'()"
_WRITTEN_DIGITS = re.compile(r"\+?[\d][\d\s().-]*")
_MULTIPLIERS = frozenset({"double", "triple"})
_SCALES = frozenset({"hundred", "thousand"})
_AMOUNT = re.compile(encoded(CARDINAL))


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


def digits_in(words: Sequence[Said]) -> str:
    """The digits of what was said in a row, without the words between them."""
    digits = ""
    spoken: list[str] = []
    for word in words:
        if _WRITTEN_DIGITS.fullmatch(word.plain):
            digits += digits_of(encoded(" ".join(spoken))) + re.sub(r"\D", "", word.plain)
            spoken = []
        elif word.plain not in FILLERS:
            spoken += word.plain.split("-")
    return digits + digits_of(encoded(" ".join(spoken)))


def _runs_of(words: Sequence[Said], channel: int) -> Iterator[DigitRun]:
    held: list[int] = []
    skipped: list[int] = []
    others = 0
    for index, word in enumerate(words):
        is_digits = _holds_digits(word.plain, is_inside=bool(held)) and not _counts(words, index)
        if word.channel != channel:
            asks = word.plain in _QUESTIONS
            others += _MOST_OF_OTHERS + 1 if asks else not is_digits and word.plain not in FILLERS
        elif is_digits and others <= _MOST_OF_OTHERS:
            held += [*skipped, index]
            skipped, others = [], 0
        elif is_digits:
            yield from _run(words, held)
            held, skipped, others = [index], [], 0
        elif held and word.plain in FILLERS and len(skipped) < MOST_FILLERS:
            skipped.append(index)
        else:
            yield from _run(words, held)
            held, skipped, others = [], [], 0
    yield from _run(words, held)


def _counts(words: Sequence[Said], index: int) -> bool:
    """Whether the next word of the same speaker says what is counted."""
    following = words[index + 1] if index + 1 < len(words) else None
    return following is not None and following.channel == words[index].channel and following.plain in _COUNTED


def _holds_digits(plain: str, *, is_inside: bool) -> bool:
    starts = plain in _MULTIPLIERS or _WRITTEN_DIGITS.fullmatch(plain) is not None
    spoken = all(part in VALUES for part in plain.split("-"))
    return starts or spoken or (is_inside and plain in _SCALES)


def _run(words: Sequence[Said], held: Sequence[int]) -> Iterator[DigitRun]:
    digits = digits_in([words[index] for index in held])
    said = encoded(" ".join(words[index].plain for index in held))
    is_amount = not _SCALES.isdisjoint(said.split()) and _AMOUNT.fullmatch(said)
    if digits and not is_amount:
        yield DigitRun(digits, tuple(held))
