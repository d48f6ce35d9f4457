"""Best-path CTC decoding: the likeliest label of each frame, repeats and blanks removed (Graves 2006, section 3.2)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.decode.confidence import Confidences
from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels, FramedWord
from pipeline.decode.windows import telling_frames
from pipeline.values import Emissions, WordSegment


@dataclass(frozen=True, slots=True)
class _Heard:
    """A label on the best path, and its frames."""

    label: int
    first: int
    end: int


class GreedyDecoder:
    """Decodes the best path; the fastest, and exact where every frame is sure."""

    def __init__(self, labels: CtcLabels) -> None:
        self._labels = labels
        self._confidences = Confidences(labels, as_a_whole=False)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        ctc = self._labels.checked(emissions)
        telling = telling_frames(ctc.log_probs, self._labels.blank)
        told = ctc.log_probs[telling]
        words = [self._framed(heard) for heard in self._by_word(self._best_path(told))]
        written = [word for word in words if word.text]
        sure = self._confidences.of(written, told)
        frames = telling.tolist()
        return WordSegment(
            ctc.span, tuple(word.timed(frames, ctc, each) for word, each in zip(written, sure, strict=True))
        )

    def _by_word(self, path: Iterable[_Heard]) -> Iterator[Sequence[_Heard]]:
        word: list[_Heard] = []
        for heard in path:
            text = self._labels.texts[heard.label]
            starts = text.startswith(PIECE_START) if self._labels.pieces else text == SPACE
            if starts and word:
                yield word
                word = []
            if text != SPACE:
                word.append(heard)
        if word:
            yield word

    def _framed(self, heard: Sequence[_Heard]) -> FramedWord:
        text = "".join(self._labels.texts[each.label] for each in heard).removeprefix(PIECE_START)
        # A mark alone says nothing and takes no time.
        spoken = [each for each in heard if self._labels.texts[each.label] != PIECE_START] or heard
        return FramedWord(text, spoken[0].first, spoken[-1].end, tuple(each.label for each in spoken))

    def _best_path(self, log_probs: npt.NDArray[np.floating[Any]]) -> Iterator[_Heard]:
        best = log_probs.argmax(axis=1)
        starts, ends = np.flatnonzero(np.diff(best, prepend=-1)), np.flatnonzero(np.diff(best, append=-1)) + 1
        for first, end in zip(starts, ends, strict=True):
            if self._labels.texts[best[first]]:
                yield _Heard(int(best[first]), int(first), int(end))
