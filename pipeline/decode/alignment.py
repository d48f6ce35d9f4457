"""Where in the frames a decoded text lies: forced alignment (Viterbi).

Beam search merges the ways to write a text and remembers the frames of any of them, so times are not taken from the
search but from the single best path that writes its result. Most of that is the likeliest label of each frame, and only
where that writes something else is a path searched for.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.best_path import words_on_best_path
from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels, FramedWord

_LOWEST_LOG_PROB = math.log(1e-15)
"""What is less likely is as good as impossible; the beam search has the same floor."""


@dataclass(frozen=True, slots=True)
class _Arc:
    """A label that writes the characters from `start` up to `end` of the text."""

    start: int
    end: int
    label: int


@dataclass(frozen=True, slots=True)
class _Run:
    """An arc on the best path, and its frames."""

    arc: _Arc
    first: int
    end: int


def align(words: Sequence[str], log_probs: NDArray[np.float16], labels: CtcLabels) -> list[FramedWord]:
    """The `words` on their best path through `log_probs`, shape (frames, labels), natural logarithms.

    The words must be a text that the labels can write in so many frames, as the result of a search is.
    """
    heard = words_on_best_path(log_probs, labels)
    blocks = SequenceMatcher(None, [word.text for word in heard], words, autojunk=False).get_matching_blocks()
    before, behind = (-1, -1), (len(heard), len(words))
    same = {(block.a + at, block.b + at) for block in blocks for at in range(block.size)} | {before, behind}
    # Words that differ may share frames with those beside them, so a word stays only between two that are the same.
    kept = [(at, number) for at, number in sorted(same) if {(at - 1, number - 1), (at + 1, number + 1)} <= same]
    aligned: list[FramedWord] = []
    for (last, said), (at, number) in pairwise([before, *kept, behind]):
        if number > said + 1:
            first = heard[last].end if last >= 0 else 0
            end = heard[at].first if at < len(heard) else len(log_probs)
            placed = _placed(words[said + 1 : number], log_probs[first:end], labels)
            # A longer word may need frames that another has on the likeliest path.
            if not placed:
                return _placed(words, log_probs, labels)
            aligned += [replace(word, first=first + word.first, end=first + word.end) for word in placed]
        aligned += heard[at : at + 1]
    return aligned


def _placed(words: Sequence[str], log_probs: NDArray[np.float16], labels: CtcLabels) -> list[FramedWord]:
    """The words on the best of all paths that write them and nothing else; none if there are too few frames."""
    mark = PIECE_START if labels.pieces else SPACE
    # One mark before each word: labels of pieces hold it, and between characters it is a label of its own.
    text = "".join(mark + word for word in words)
    word_at = np.repeat(np.arange(len(words)), [len(word) + 1 for word in words])
    # float16 has room for -inf, which would make every path through a frame equally impossible.
    floored = np.maximum(log_probs.astype(np.float64), _LOWEST_LOG_PROB)
    runs = _best_path(_Trellis(text, mark, labels), floored)
    # A mark alone says nothing and takes no time.
    spoken = [run for run in runs if text[run.arc.start : run.arc.end] != mark]
    by_word = groupby(spoken, key=lambda run: int(word_at[run.arc.end - 1]))
    return [_word(words[index], list(runs)) for index, runs in by_word]


def _word(text: str, runs: Sequence[_Run]) -> FramedWord:
    return FramedWord(text, runs[0].first, runs[-1].end, tuple(run.arc.label for run in runs))


class _Trellis:
    """The states of all paths that write a text: its arcs, then the silences at each of its positions.

    `before` lists for each state those that may come one frame earlier, filled up with a state that never is.
    """

    def __init__(self, text: str, mark: str, labels: CtcLabels) -> None:
        self.arcs = tuple(_arcs(text, labels))
        self._length = len(text)
        self._labels = labels
        # Between words a mark more than the text holds is silence too.
        self._mark = labels.texts.index(mark) if mark in labels.texts else labels.blank
        self._is_gap = np.array([position == 0 or text[position - 1] == mark for position in range(len(text))] + [True])
        before = [[state, *states] for state, states in enumerate(self._earlier())]
        width = max(map(len, before))
        never = len(before)
        self.before = np.array([states + [never] * (width - len(states)) for states in before])

    def _earlier(self) -> Iterator[list[int]]:
        """Other states that may come before each state: equal labels in a row need a blank between them."""
        ending: list[list[int]] = [[] for _ in range(self._length + 1)]
        for index, arc in enumerate(self.arcs):
            ending[arc.end].append(index)
        for arc in self.arcs:
            others = [index for index in ending[arc.start] if self.arcs[index].label != arc.label]
            yield [len(self.arcs) + arc.start, *others]
        yield from ending

    @property
    def first(self) -> list[int]:
        """The states of a first frame; the mark before the first word may be missing."""
        silences = [len(self.arcs), len(self.arcs) + 1]
        return [index for index, arc in enumerate(self.arcs) if arc.start <= 1] + silences

    @property
    def last(self) -> list[int]:
        """The states of a last frame."""
        silence = len(self.arcs) + self._length
        return [index for index, arc in enumerate(self.arcs) if arc.end == self._length] + [silence]

    def emissions(self, log_probs: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each frame says of each state, shape (frames, states)."""
        blank = log_probs[:, self._labels.silent].max(axis=1, keepdims=True)
        gap = np.maximum(blank, log_probs[:, [self._mark]])
        spoken = log_probs[:, [arc.label for arc in self.arcs]]
        return np.concatenate((spoken, np.where(self._is_gap, gap, blank)), axis=1)


def _arcs(text: str, labels: CtcLabels) -> Iterator[_Arc]:
    by_text = {written: index for index, written in enumerate(labels.texts) if written}
    longest = max(map(len, by_text))
    for start in range(len(text)):
        for end in range(start + 1, min(start + longest, len(text)) + 1):
            label = by_text.get(text[start:end])
            if label is not None:
                yield _Arc(start, end, label)


def _best_path(trellis: _Trellis, log_probs: NDArray[np.float64]) -> list[_Run]:
    """The arcs of the likeliest path, in order, each with its frames; none if there is no path."""
    emissions = trellis.emissions(log_probs)
    frames, states = emissions.shape
    # The state that never is has the last column, and stays impossible.
    scores = np.full((frames, states + 1), -np.inf)
    scores[0, trellis.first] = emissions[0, trellis.first]
    before = np.ascontiguousarray(trellis.before.T)
    candidates = np.empty(before.shape)
    for frame in range(1, frames):
        scores[frame - 1].take(before, out=candidates, mode="clip")
        np.maximum.reduce(candidates, axis=0, out=scores[frame, :-1])
        scores[frame, :-1] += emissions[frame]
    # Traced back: only at the end is it known which path was best, and only on it where each state came from.
    state = max(trellis.last, key=lambda last: float(scores[-1, last]))
    if scores[-1, state] == -np.inf:
        return []
    path = [state]
    for frame in range(frames - 1, 0, -1):
        state = int(trellis.before[state, scores[frame - 1, trellis.before[state]].argmax()])
        path.append(state)
    return list(_runs(path[::-1], trellis))


def _runs(path: Sequence[int], trellis: _Trellis) -> Iterator[_Run]:
    for state, numbered in groupby(enumerate(path), key=lambda frame_state: frame_state[1]):
        if state < len(trellis.arcs):
            frames = [frame for frame, _ in numbered]
            yield _Run(trellis.arcs[state], frames[0], frames[-1] + 1)
