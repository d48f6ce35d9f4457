"""How sure a CTC model is of a word: the probability of all ways to write it in the frames where it stands.

The peaks of its letters on the best path say less: a word is right only if all of its letters are, and none that the
path leaves out was said between them. All alignments of the word are summed (Graves 2006, section 4.1), and as networks
are surer than they are right, the sum p becomes a confidence c by beta calibration (Kull 2017, section 4):

    ln(c / (1 - c)) = 1.2 ln(p) - 0.4 ln(1 - p)
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.decode.labels import PIECE_START, SPACE, CtcLabels, FramedWord

_OF_RIGHT: Final = 1.2
_OF_WRONG: Final = 0.4
_UNCERTAIN: Final = 1e-9
"""Nothing is surer than all but this."""
_REACH_FRAMES: Final = 5
"""Of a pause on either side of a word: what a long one may hide is not this word's."""
_SILENCE, _GAP, _NEVER = -3, -2, -1
"""Columns behind those of the labels."""

Probabilities = npt.NDArray[np.float64]


class Confidences:
    """Tells the confidences of words, 0 to 1.

    Without a language model letters are chosen one by one, so the word is as sure as all of them together. With one
    (`as_a_whole`) words are chosen that there are, and are right or wrong as one: as sure as its letters in the mean.
    """

    def __init__(self, labels: CtcLabels, *, as_a_whole: bool) -> None:
        mark = PIECE_START if labels.pieces else SPACE
        self._silent = labels.silent
        # Around words a mark is silence too.
        self._gap = self._silent + [index for index, text in enumerate(labels.texts) if text == mark]
        self._as_a_whole = as_a_whole

    def of(self, words: Sequence[FramedWord], log_probs: npt.NDArray[np.floating[Any]]) -> list[float]:
        """The confidence of each of the words, in order, that were found in `log_probs` (frames, labels)."""
        if not words:
            return []
        probs = np.exp(log_probs.astype(np.float64))
        silence, gap, never = (probs[:, labels].sum(axis=1, keepdims=True) for labels in (self._silent, self._gap, []))
        columns = np.concatenate((probs, silence, gap, never), axis=1)
        # After the frames of a word there is certainly nothing but a gap.
        ended = np.zeros((1, columns.shape[1]))
        ended[0, _GAP] = 1
        sums = _sums([word.labels for word in words], _stretches(words, len(probs)), np.concatenate((columns, ended)))
        lengths = [len(word.labels) for word in words] if self._as_a_whole else 1
        return [float(each) for each in _calibrated(sums ** (1 / np.array(lengths)))]


def _sums(words: Sequence[tuple[int, ...]], stretches: Sequence[range], probs: Probabilities) -> Probabilities:
    """The probability of each word's labels in its stretch of frames: the forward algorithm, all words at once.

    `probs` (frames, labels) has columns for silence, a gap and what never is behind those of the labels, and a frame
    for what comes after all of a word's.
    """
    last = np.array([2 * len(labels) for labels in words])
    states = np.full((len(words), last.max() + 1), _NEVER)
    frames = np.full((max(map(len, stretches)), len(words)), -1)
    for number, (labels, stretch) in enumerate(zip(words, stretches, strict=True)):
        states[number, : last[number] + 1] = _SILENCE
        states[number, 1 : last[number] : 2] = labels
        states[number, [0, last[number]]] = _GAP
        frames[: len(stretch), number] = stretch
    emitted = probs[frames[..., None], states]
    # A silence can be left out between labels that differ.
    skips = np.zeros(states.shape)
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    forward = emitted[0]
    forward[:, 2:] = 0
    for frame in emitted[1:]:
        arrived = forward.copy()
        arrived[:, 1:] += forward[:, :-1]
        arrived[:, 2:] += forward[:, :-2] * skips[:, 2:]
        forward = arrived * frame
    every = np.arange(len(words))
    sums: Probabilities = forward[every, last] + forward[every, last - 1]
    return sums


def _calibrated(sums: Probabilities) -> Probabilities:
    sure = np.clip(sums, _UNCERTAIN, 1 - _UNCERTAIN)
    odds = sure**_OF_RIGHT / (1 - sure) ** _OF_WRONG
    calibrated: Probabilities = odds / (1 + odds)
    return calibrated


def _stretches(words: Sequence[FramedWord], frames: int) -> list[range]:
    """The frames of each word, with the pauses around it up to their middle."""
    middles = [(before.end + after.first + 1) // 2 for before, after in pairwise(words)]
    return [
        range(max(start, word.first - _REACH_FRAMES), min(end, word.end + _REACH_FRAMES))
        for word, start, end in zip(words, [0, *middles], [*middles, frames], strict=True)
    ]
