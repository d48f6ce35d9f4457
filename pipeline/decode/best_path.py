"""The likeliest label of each frame, repeats and blanks removed (Graves 2006, section 3.2), word by word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels, FramedWord


@dataclass(frozen=True, slots=True)
class _Heard:
    """A label on the best path, and its frames."""

    label: int
    first: int
    end: int


def words_on_best_path(log_probs: npt.NDArray[np.floating[Any]], labels: CtcLabels) -> list[FramedWord]:
    """What the best of all paths through `log_probs`, shape (frames, labels), writes."""
    words = [_framed(heard, labels) for heard in _by_word(log_probs, labels)]
    return [word for word in words if word.text]


def _by_word(log_probs: npt.NDArray[np.floating[Any]], labels: CtcLabels) -> Iterator[Sequence[_Heard]]:
    word: list[_Heard] = []
    for heard in _path(log_probs, labels):
        text = labels.texts[heard.label]
        starts = text.startswith(PIECE_START) if labels.pieces else text == SPACE
        if starts and word:
            yield word
            word = []
        if text != SPACE:
            word.append(heard)
    if word:
        yield word


def _path(log_probs: npt.NDArray[np.floating[Any]], labels: CtcLabels) -> Iterator[_Heard]:
    best = log_probs.argmax(axis=1)
    changes = np.flatnonzero(np.diff(best, prepend=-1, append=-1)).tolist()
    for first, end, label in zip(changes, changes[1:], best[changes[:-1]].tolist(), strict=False):
        if labels.texts[label]:
            yield _Heard(label, first, end)


def _framed(heard: Sequence[_Heard], labels: CtcLabels) -> FramedWord:
    text = "".join(labels.texts[each.label] for each in heard).removeprefix(PIECE_START)
    # A mark alone says nothing and takes no time.
    spoken = [each for each in heard if labels.texts[each.label] != PIECE_START] or heard
    return FramedWord(text, spoken[0].first, spoken[-1].end, tuple(each.label for each in spoken))
