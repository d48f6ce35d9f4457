"""Hold music: loud, not speech to the detector, and with notes that stand still while they sound.

The measure is the continuous frequency activation of Seyerlehner, Pohle, Schedl and Widmer, "Automatic music detection
in television productions" (DAFx 2007): how much the peaks of the spectrum stay in their bins for a while. Theirs tells
music from speech, which is needed here only where the detector of speech hears none; so a low threshold is safe, and
speech over music stays speech.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from pipeline.preprocess.marks.spectra import BIN_HZ, Power

FRAMES = 48
"""Frames (3.1 s) that are judged together, STEP (1 s) apart."""
STEP = 16
LOWEST_BIN, HIGHEST_BIN = round(250 / BIN_HZ), round(3500 / BIN_HZ)
"""The telephone band."""
SMOOTHING_BINS = 21
PROMINENCE_DB = 9.0
"""Over the mean of the bins around: noise is so in few of them."""
STRONGEST = 5
ACTIVATION = 0.7
"""White and red noise were at most 0.44, music of ten kinds 0.93 and more."""
LEAST_HEARD = 0.6
"""Of the frames, that are loud and no speech."""
LEAST_LIKE = 0.92
"""How alike all stretches are: music of ten kinds, most of it loops, was at most 0.82, hum at least 0.98."""
FEWEST = 4
"""Stretches that can be compared: fewer may be one long chord."""


class MusicMeter:
    """Hears a channel block by block; `blocks` has a start in frames for each stretch that sounds like music."""

    def __init__(self, candidates: NDArray[np.bool_]) -> None:
        self._candidates = candidates
        self._rows: NDArray[np.bool_] = np.empty((0, HIGHEST_BIN - LOWEST_BIN), bool)
        self._first = 0
        self._starts: list[int] = []
        self._sum = np.zeros(HIGHEST_BIN - LOWEST_BIN)
        self._squares = 0.0

    def feed(self, power: Power) -> None:
        """Hear the next frames."""
        level_db = 10 * np.log10(power[:, LOWEST_BIN:HIGHEST_BIN] + np.finfo(np.float32).tiny)
        over_db = level_db - uniform_filter1d(level_db, SMOOTHING_BINS, axis=1)
        self._rows = np.concatenate((self._rows, over_db > PROMINENCE_DB))
        while len(self._rows) >= FRAMES:
            self._judge(self._rows[:FRAMES], self._candidates[self._first : self._first + FRAMES])
            self._rows = self._rows[STEP:]
            self._first += STEP

    def _judge(self, rows: NDArray[np.bool_], heard: NDArray[np.bool_]) -> None:
        if heard.mean() < LEAST_HEARD:
            return
        activation = rows[heard].mean(axis=0)
        if peak_strength(activation) >= ACTIVATION:
            self._starts.append(self._first)
            self._sum += activation
            self._squares += float(activation @ activation)

    @property
    def blocks(self) -> list[int]:
        """The first frame of each stretch of FRAMES that is music, in order; none where it all stands still."""
        count = len(self._starts)
        # By Cauchy and Schwarz 1 where all activations are the same.
        likeness = float(self._sum @ self._sum) / (count * self._squares) if count else 0.0
        return [] if count >= FEWEST and likeness >= LEAST_LIKE else list(self._starts)


def peak_strength(activation: NDArray[np.float64]) -> float:
    """The prominences of the STRONGEST peaks of `activation` (0 to 1 a bin), added up: 0 to STRONGEST."""
    # With valleys around it, a peak at the edge of the band is one too.
    _, found = find_peaks(np.pad(activation, 1), prominence=0.0)
    return float(np.sort(found["prominences"])[-STRONGEST:].sum())
