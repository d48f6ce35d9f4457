"""N-gram language models of up to three words, read without a compiled library.

A back-off model (Katz 1987): what is not listed is the shorter n-gram, at the price of its context's back-off weight.
The n-grams lie in sorted arrays, last word first, as KenLM's trie keeps them. Log-probabilities are natural.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate, groupby
from operator import itemgetter
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelMismatch

MOST_WORDS = 3
START, END = "<s>", "</s>"
_UNKNOWN = "<unk>"
_RARE = -10.0 * math.log(10)

Context = tuple[int, ...]
"""The words before, the last one first; at most two, and none that is not known."""


@dataclass(frozen=True, slots=True)
class Level:
    """The n-grams of one length: those that end alike lie together, sorted by the word in front.

    Number `i` has its extensions by another word in front at `first[i]` up to `first[i + 1]` of the next level.
    """

    word: Sequence[int]
    log_prob: Sequence[float]
    back_off: Sequence[float]
    first: Sequence[int]


class NgramModel:
    """What a word is worth after others."""

    def __init__(self, words: Sequence[str], levels: Sequence[Level]) -> None:
        self._ids = {word: number for number, word in enumerate(words)}
        self._sorted = sorted(words)
        self._levels = levels

    @property
    def order(self) -> int:
        """The most words of an n-gram."""
        return len(self._levels)

    def context(self, *words: str) -> Context:
        """The context after `words`, the last one last."""
        return self.after((), words)

    def after(self, context: Context, words: Iterable[str]) -> Context:
        """The context when `words` are said in `context`."""
        for word in words:
            number = self._ids.get(word)
            context = () if number is None else (number, *context)[: self.order - 1]
        return context

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def begins_a_word(self, letters: str) -> bool:
        """Whether any known word begins with `letters`."""
        at = bisect_left(self._sorted, letters)
        return at < len(self._sorted) and self._sorted[at].startswith(letters)

    def log_prob(self, context: Context, word: str) -> float:
        """The natural log-probability of `word` in `context`."""
        number = self._ids.get(word, self._ids.get(_UNKNOWN))
        found = [] if number is None else list(self._path(number, context))
        worth = self._levels[len(found) - 1].log_prob[found[-1]] if found else _RARE
        shortened = range(max(1, len(found)), len(context) + 1)
        return float(worth + sum(self._back_off(context[:length]) for length in shortened))

    def _path(self, word: int, context: Context) -> Iterator[int]:
        """The places of the n-grams that end in `word`, one more word of the context at each level, as far as known."""
        place = word
        yield place
        for level, below, earlier in zip(self._levels, self._levels[1:], context, strict=False):
            end = level.first[place + 1]
            place = bisect_left(below.word, earlier, level.first[place], end)
            if place == end or below.word[place] != earlier:
                return
            yield place

    def _back_off(self, context: Context) -> float:
        """The price of not knowing more after `context`; nothing, where the context itself is not known."""
        places = list(self._path(context[0], context[1:]))
        return self._levels[len(context) - 1].back_off[places[-1]] if len(places) == len(context) else 0.0


def from_arpa(text: str, name: str) -> NgramModel:
    """The model in the `text` of an ARPA file; ModelMismatch if it is none, or of more than three words."""
    try:
        grams = _arpa_sections(text.splitlines())
        if not 1 <= len(grams) <= MOST_WORDS:
            raise ModelMismatch(f"{name}: n-grams of {len(grams)} words; up to {MOST_WORDS} without kenlm")
        return _sorted_model(grams)
    except (LookupError, ValueError) as error:
        raise ModelMismatch(f"{name} is no ARPA file: {error!r}") from error


_Grams = dict[tuple[str, ...], tuple[float, float]]


def _arpa_sections(lines: Sequence[str]) -> list[_Grams]:
    sections: list[_Grams] = []
    for line in lines:
        if line.startswith("\\") and line.endswith("-grams:"):
            sections.append({})
        elif sections and line.strip() and not line.startswith("\\"):
            fields = line.split()
            words = tuple(fields[1 : 1 + len(sections)])
            weight = float(fields[len(sections) + 1]) if len(fields) > len(sections) + 1 else 0.0
            sections[-1][words] = (float(fields[0]) * math.log(10), weight * math.log(10))
    return sections


def _sorted_model(sections: Sequence[_Grams]) -> NgramModel:
    words = [gram[0] for gram in sections[0]]
    ids = {word: number for number, word in enumerate(words)}
    keys = [sorted(tuple(ids[word] for word in reversed(gram)) for gram in grams) for grams in sections]
    levels = []
    for length, (own, grams) in enumerate(zip(keys, sections, strict=True), start=1):
        worths = [grams[tuple(words[number] for number in reversed(key))] for key in own]
        extended = keys[length] if length < len(keys) else []
        longer = {start: len(list(each)) for start, each in groupby(extended, key=itemgetter(slice(-1)))}
        first = list(accumulate((longer.get(key, 0) for key in own), initial=0))
        levels.append(
            Level([key[-1] for key in own], [worth[0] for worth in worths], [worth[1] for worth in worths], first)
        )
    return NgramModel(words, levels)


def from_npz(content: bytes) -> NgramModel:
    """The model in the compact form that `training/language` writes; ModelMismatch if it is none."""
    try:
        with np.load(BytesIO(content), allow_pickle=False) as table:
            words = table["words"].tobytes().decode().split("\n")
            ones = Level((), _floats(table["prob1"]), _floats(table["back1"]), _firsts(table["longer1"]))
            twos = Level(
                _numbers(table["word2"]),
                _floats(table["probs2"][table["prob2"]]),
                _floats(table["backs2"][table["back2"]]),
                _firsts(table["longer2"]),
            )
            threes = Level(_numbers(table["word3"]), _floats(table["probs3"][table["prob3"]]), (), ())
    except (LookupError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise ModelMismatch(f"no language model: {error!r}") from error
    return NgramModel(words, (ones, twos, threes))


def _floats(values: NDArray[np.float32]) -> "array[float]":
    # An item of an array takes a third of the time of one of numpy's.
    return array("f", values.astype(np.float32).tobytes())


def _firsts(counts: NDArray[np.uint16]) -> "array[int]":
    return array("I", np.concatenate(([0], np.cumsum(counts))).astype(np.uint32).tobytes())


def _numbers(planes: NDArray[np.uint8]) -> "array[int]":
    """Word numbers from the three bytes of the differences from one to the next, which deflate well."""
    low, middle, high = planes.astype(np.uint32)
    numbers = np.cumsum(low | middle << 8 | high << 16, dtype=np.uint32) & 0xFFFFFF
    return array("I", numbers.astype(np.uint32).tobytes())
