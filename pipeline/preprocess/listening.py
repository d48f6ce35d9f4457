"""Hears the speech on the channels of a call while it goes on, half a second after it was said.

A channel is amplified for the detector by how loud it has been so far. `search` does the same with a recording, so both
hear the same.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from pipeline.preprocess.crosstalk import AUDIBLE, BLOCK_WINDOWS, MOST_DELAY, is_leak
from pipeline.preprocess.level import REMEMBERED_HOPS, detection_gains
from pipeline.preprocess.loudness import HOP, Levels, k_weighting
from pipeline.preprocess.spool import rounded
from pipeline.preprocess.vad import WINDOW, Listening, SileroVad, find_model
from pipeline.values import SAMPLE_RATE_HZ

UNIT = BLOCK_WINDOWS * WINDOW
"""Samples (0.5 s) that are heard at once: what is judged together as a leak of another channel."""


def detect(detector: Listening, samples: NDArray[np.float32], gain: float | None) -> NDArray[np.float32]:
    """The probability of speech in the next `samples` of a channel, amplified by `gain`; none while that is None."""
    # Searching a silent channel would be most of the work.
    if gain is None:
        return np.zeros(-(-len(samples) // WINDOW), np.float32)
    return detector.feed(np.clip(samples * np.float32(gain), -1, 1))


class Listener:
    """All channels of a call at 16 kHz, fed unit by unit; only the last unit may be shorter than UNIT."""

    def __init__(self, channels: int) -> None:
        vad = SileroVad(find_model())
        self._detectors = [vad.listen() for _ in range(channels)]
        self._meters = [_Meter() for _ in range(channels)]
        self._before = np.zeros((MOST_DELAY, channels), np.float32)
        self._held: NDArray[np.float32] | None = None

    def feed(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Probabilities of speech on each channel in the unit before `samples`, shape (UNIT, channels).

        They are given one unit late, since an echo of the other channel may come up to 50 ms before its source, and the
        first word after silence is as loud as it goes on.
        """
        # As a recording is kept on disk: rounding alone can make a window more or less of speech.
        samples = np.apply_along_axis(rounded, 0, samples)
        for channel, meter in enumerate(self._meters):
            meter.add(samples[:, channel])
        told = self._told(samples[:MOST_DELAY])
        if self._held is not None:
            self._before = self._held[-MOST_DELAY:]
        self._held = samples
        return told

    def end(self) -> list[NDArray[np.float32]]:
        """Probabilities in the last unit."""
        return self._told(self._before[:0])

    def _told(self, after: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Probabilities in the unit that is held, which `after` comes after."""
        held = self._held
        if held is None:
            return [np.empty(0, np.float32)] * len(self._meters)
        gains = detection_gains([meter.levels for meter in self._meters])
        silence = np.zeros((MOST_DELAY - len(after), after.shape[1]), np.float32)
        around = np.concatenate((self._before, held, after, silence))
        told = []
        for channel, (detector, gain) in enumerate(zip(self._detectors, gains, strict=True)):
            probability = detect(detector, held[:, channel], gain)
            is_copy = probability.max(initial=0) >= AUDIBLE and _is_copy(held, channel, around)
            told.append(np.zeros_like(probability) if is_copy else probability)
        return told


def _is_copy(held: NDArray[np.float32], channel: int, around: NDArray[np.float32]) -> bool:
    others = [other for other in range(around.shape[1]) if other != channel]
    return any(is_leak(held[:, channel], around[:, other]) for other in others)


class _Meter:
    """Energies of a channel after K-weighting, one each 100 ms, of the last ten minutes."""

    def __init__(self) -> None:
        self._sos = k_weighting(SAMPLE_RATE_HZ)
        self._state = np.zeros((len(self._sos), 2))
        self._rest = np.empty(0)
        self._energies: deque[float] = deque(maxlen=REMEMBERED_HOPS)

    @property
    def levels(self) -> Levels:
        """What is known so far; peaks are not."""
        return Levels(np.array(self._energies), np.empty(0, np.float32))

    def add(self, samples: NDArray[np.float32]) -> None:
        """Account for `samples`."""
        weighted, self._state = sosfilt(self._sos, samples, zi=self._state)
        pending = np.concatenate((self._rest, weighted))
        hops = len(pending) // HOP
        self._energies.extend((pending[: hops * HOP].reshape(hops, HOP) ** 2).mean(axis=1).tolist())
        self._rest = pending[hops * HOP :]
