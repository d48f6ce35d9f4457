"""Best-path CTC decoding: the likeliest label of each frame, repeats and blanks removed (Graves 2006, section 3.2)."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels, timed_word
from pipeline.values import CtcEmissions, Emissions, WordSegment


@dataclass(frozen=True, slots=True)
class _Heard:
    """A label on the best path: its frames, and its highest log-probability in them."""

    text: str
    first: int
    end: int
    log_prob: float


class GreedyDecoder:
    """Decodes the best path; the fastest, and exact where every frame is sure."""

    def __init__(self, labels: CtcLabels) -> None:
        self._labels = labels

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        ctc = self._labels.checked(emissions)
        words = (
            timed_word(
                "".join(label.text for label in word).removeprefix(PIECE_START),
                (word[0].first, word[-1].end),
                math.exp(sum(label.log_prob for label in word) / len(word)),
                ctc,
            )
            for word in self._by_word(_best_path(ctc, self._labels))
        )
        return WordSegment(ctc.span, tuple(word for word in words if word.text))

    def _by_word(self, path: Iterable[_Heard]) -> Iterator[Sequence[_Heard]]:
        word: list[_Heard] = []
        for label in path:
            starts = label.text.startswith(PIECE_START) if self._labels.pieces else label.text == SPACE
            if starts and word:
                yield word
                word = []
            if label.text != SPACE:
                word.append(label)
        if word:
            yield word


def _best_path(emissions: CtcEmissions, labels: CtcLabels) -> Iterator[_Heard]:
    best = emissions.log_probs.argmax(axis=1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    for first, end in zip(starts, [*starts[1:], len(best)], strict=True):
        label = int(best[first])
        if labels.texts[label]:
            peak = float(emissions.log_probs[first:end, label].max())
            yield _Heard(labels.texts[label], int(first), int(end), peak)
