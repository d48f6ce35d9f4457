"""Pauses for text that has none: drawn so that they tell as little as the pauses of real speech do.

Speakers pause inside of phrases, and run over the ends of sentences. The chances and lengths below were set so that the
best rule of two thresholds reaches a micro F1 of about 0.3, as measured on telephone speech with word times.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.format.punctuation.features import PAUSE_EDGES_S, TURN_END, UNKNOWN_PAUSE

# After no mark, a comma, a full stop, a question mark, a filler: how often a pause, and its median.
_CHANCE = np.array((0.08, 0.36, 0.67, 0.6, 0.35))
_MEDIAN_S = np.array((0.22, 0.3, 0.5, 0.5, 0.3))
_SPREAD = 0.75
_FILLER = 4


def simulated(
    marks: NDArray[np.int64],
    fillers: NDArray[np.bool_],
    ends: NDArray[np.bool_],
    chance: np.random.Generator,
    hidden: float = 0.25,
) -> NDArray[np.int64]:
    """Pause indices, shape (windows, words), after words with `marks` (0 to 3), some fillers, some ends of turns.

    Each window has a speaker of its own, slower or faster, fluent or not; of a share `hidden` no pause is known.
    """
    windows = marks.shape[0]
    kind = np.where(fillers & (marks == 0), _FILLER, marks)
    fluency = np.exp(chance.normal(0, 0.35, (windows, 1)))
    pause_chance = np.clip(_CHANCE[kind] * np.where(kind == 0, fluency, 1 / np.sqrt(fluency)), 0, 0.95)
    tempo = np.exp(chance.normal(0, 0.3, (windows, 1)))
    lengths_s = _MEDIAN_S[kind] * tempo * np.exp(chance.normal(0, _SPREAD, kind.shape))
    # Word times of a model of sounds leave a little of every word out, so that gaps are never nothing.
    clipped_s = np.where(chance.random((windows, 1)) < 0.4, chance.uniform(0, 0.15, (windows, 1)), 0)
    noise_s = np.abs(chance.normal(0, 0.02, kind.shape)) + clipped_s * chance.random(kind.shape) * 2
    gaps_s = np.where(chance.random(kind.shape) < pause_chance, lengths_s, 0) + noise_s
    found: NDArray[np.int64] = 1 + np.searchsorted(np.array(PAUSE_EDGES_S), gaps_s, side="right")
    found[ends] = TURN_END
    # At the end of what was heard nothing is known of the pause, except that a turn is over.
    found[(chance.random((windows, 1)) < hidden) & ~ends] = UNKNOWN_PAUSE
    found[chance.random(kind.shape) < hidden / 10] = UNKNOWN_PAUSE
    return found
