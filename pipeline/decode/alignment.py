"""How sure a CTC model was of a word: forced alignment of the word to its frames."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels


class _Path(NamedTuple):
    """A way to write the word so far: its score, and the peaks of its labels (those before the last one, summed)."""

    score: float
    peaks: float
    last_peak: float
    labels: int


State = tuple[int, int]
"""Characters written, and the label of the last frame."""


class WordAligner:
    """Finds the best alignment of a word to frames (Viterbi over the CTC topology), for any split into labels."""

    def __init__(self, labels: CtcLabels) -> None:
        self._blank = labels.blank
        self._starting: Mapping[str, int] = {
            text.removeprefix(PIECE_START): index
            for index, text in enumerate(labels.texts)
            if text.startswith(PIECE_START)
        }
        self._inner: Mapping[str, int] = {
            text: index
            for index, text in enumerate(labels.texts)
            if text and text != SPACE and not text.startswith(PIECE_START)
        }
        self._longest = max(map(len, (*self._starting, *self._inner)), default=0)

    def confidence(self, word: str, log_probs: NDArray[Any]) -> float:
        """Geometric mean of the peak probabilities of the word's labels, on its best path through `log_probs`.

        `log_probs` has shape (frames, vocabulary), natural logarithms. Frames of blanks don't count, since most
        models are sure of those. 0 if the frames are too few for the word.
        """
        next_labels = [list(self._next_labels(word, position)) for position in range(len(word) + 1)]
        paths: dict[State, _Path] = {(0, self._blank): _Path(0.0, 0.0, 0.0, 0)}
        for frame in log_probs.tolist():
            paths = self._advanced(paths, frame, next_labels)
        whole = [path for (position, _), path in paths.items() if position == len(word) and path.labels]
        if not whole:
            return 0.0
        best = max(whole)
        return math.exp((best.peaks + best.last_peak) / best.labels)

    def _next_labels(self, word: str, position: int) -> Iterator[tuple[int, int]]:
        """Labels that may follow `position` characters of `word`, each with the position that it leads to."""
        if position == 0 and "" in self._starting:
            yield self._starting[""], 0
        for end in range(position + 1, min(len(word), position + self._longest) + 1):
            text = word[position:end]
            if position == 0 and text in self._starting:
                yield self._starting[text], end
            if text in self._inner:
                yield self._inner[text], end

    def _advanced(
        self,
        paths: Mapping[State, _Path],
        frame: list[float],
        next_labels: list[list[tuple[int, int]]],
    ) -> dict[State, _Path]:
        """The best path to each state one frame later."""
        advanced: dict[State, _Path] = {}

        def keep(state: State, path: _Path) -> None:
            if state not in advanced or path > advanced[state]:
                advanced[state] = path

        for (position, last), path in paths.items():
            keep((position, self._blank), path._replace(score=path.score + frame[self._blank]))
            if last != self._blank:
                score, peak = path.score + frame[last], max(path.last_peak, frame[last])
                keep((position, last), path._replace(score=score, last_peak=peak))
            for label, end in next_labels[position]:
                if label != last:
                    peaks = path.peaks + path.last_peak
                    keep((end, label), _Path(path.score + frame[label], peaks, frame[label], path.labels + 1))
        return advanced
