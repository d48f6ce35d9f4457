"""How good marks are: micro F1, on what was held out."""

import numpy as np
from numpy.typing import NDArray

from training.punctuation.corpus import Corpus
from training.punctuation.text import UNKNOWN

_LONGEST = 191
_MOST_TURNS = 3000


def micro_f1(truth: NDArray[np.int64 | np.bool_], guess: NDArray[np.int64 | np.bool_]) -> float:
    """The F1 of all that is not 0, taken together; right is what is equal."""
    right = int(((truth == guess) & (truth > 0)).sum())
    return round(2 * right / max(1, int((truth > 0).sum() + (guess > 0).sum())), 4)


def windows_of_turns(corpus: Corpus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Types and labels of the held-out turns, the shortest first, each by itself, cut where it is very long."""
    parts = [
        (words[start : start + _LONGEST], marks[start : start + _LONGEST])
        for talk in corpus.dev
        for (words, marks), *_ in talk
        for start in range(0, len(words), _LONGEST)
    ][:_MOST_TURNS]
    parts.sort(key=lambda part: len(part[0]))
    types = [np.pad(words, (0, _LONGEST + 1 - len(words))) for words, _ in parts]
    labels = [np.pad(marks, (0, _LONGEST + 1 - len(marks)), constant_values=UNKNOWN) for _, marks in parts]
    return np.array(types), np.array(labels)
