"""Best-path CTC decoding: the likeliest label of each frame, repeats and blanks removed (Graves 2006, section 3.2)."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels, FramedWord, timed_word
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
        words = [_framed(heard) for heard in self._by_word(_best_path(ctc, self._labels))]
        return WordSegment(ctc.span, tuple(timed_word(word, ctc) for word in words if word.text))

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


def _framed(heard: Sequence[_Heard]) -> FramedWord:
    text = "".join(label.text for label in heard).removeprefix(PIECE_START)
    # A mark alone says nothing and takes no time.
    spoken = [label for label in heard if label.text != PIECE_START] or heard
    confidence = math.exp(sum(label.log_prob for label in spoken) / len(spoken))
    return FramedWord(text, spoken[0].first, spoken[-1].end, confidence)


def _best_path(emissions: CtcEmissions, labels: CtcLabels) -> Iterator[_Heard]:
    best = emissions.log_probs.argmax(axis=1)
    starts, ends = np.flatnonzero(np.diff(best, prepend=-1)), np.flatnonzero(np.diff(best, append=-1)) + 1
    for first, end in zip(starts, ends, strict=True):
        label = int(best[first])
        if labels.texts[label]:
            peak = float(emissions.log_probs[first:end, label].max())
            yield _Heard(labels.texts[label], int(first), int(end), peak)
