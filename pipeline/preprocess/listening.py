"""Hears the speech on the channels of a call while it goes on, half a second after it was said.

What `preprocess` knows of a whole recording is not known yet: a channel is amplified for the detector by how loud it
has been so far.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from pipeline.preprocess.crosstalk import AUDIBLE, BLOCK_WINDOWS, MOST_DELAY, is_leak
from pipeline.preprocess.level import detection_gains
from pipeline.preprocess.loudness import HOP, Levels, k_weighting
from pipeline.preprocess.vad import WINDOW, SileroVad, find_model
from pipeline.values import SAMPLE_RATE_HZ

UNIT = BLOCK_WINDOWS * WINDOW
"""Samples (0.5 s) that are heard at once: what is judged together as a leak of another channel."""
REMEMBERED_HOPS = 6000
"""Ten minutes: how far back loudness is looked at, so that an endless stream takes bounded memory."""


@dataclass(frozen=True, slots=True)
class _Unit:
    samples: NDArray[np.float32]
    probability: list[NDArray[np.float32]]


class Listener:
    """All channels of a call at 16 kHz, fed unit by unit; only the last unit may be shorter than UNIT."""

    def __init__(self, channels: int) -> None:
        vad = SileroVad(find_model())
        self._detectors = [vad.listen() for _ in range(channels)]
        self._meters = [_Meter() for _ in range(channels)]
        self._before = np.zeros((MOST_DELAY, channels), np.float32)
        self._held: _Unit | None = None

    def feed(self, samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Probabilities of speech on each channel in the unit before `samples`, shape (UNIT, channels).

        They are given one unit late, since an echo of the other channel may come up to 50 ms before its source.
        """
        for channel, meter in enumerate(self._meters):
            meter.add(samples[:, channel])
        gains = detection_gains([meter.levels for meter in self._meters])
        probability = [self._detect(samples, channel, gain) for channel, gain in enumerate(gains)]
        told = self._without_leaks(samples[:MOST_DELAY])
        if self._held is not None:
            self._before = self._held.samples[-MOST_DELAY:]
        self._held = _Unit(samples, probability)
        return told

    def end(self) -> list[NDArray[np.float32]]:
        """Probabilities in the last unit."""
        return self._without_leaks(self._before[:0])

    def _detect(self, samples: NDArray[np.float32], channel: int, gain: float | None) -> NDArray[np.float32]:
        # Searching a silent channel would be most of the work.
        if gain is None:
            return np.zeros(-(-len(samples) // WINDOW), np.float32)
        return self._detectors[channel].feed(np.clip(samples[:, channel] * np.float32(gain), -1, 1))

    def _without_leaks(self, after: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        held = self._held
        if held is None:
            return [np.empty(0, np.float32)] * len(self._meters)
        silence = np.zeros((MOST_DELAY - len(after), after.shape[1]), np.float32)
        around = np.concatenate((self._before, held.samples, after, silence))
        return [
            np.zeros_like(probability) if _is_copy(held, channel, around) else probability
            for channel, probability in enumerate(held.probability)
        ]


def _is_copy(held: _Unit, channel: int, around: NDArray[np.float32]) -> bool:
    if held.probability[channel].max(initial=0) < AUDIBLE:
        return False
    others = [other for other in range(around.shape[1]) if other != channel]
    return any(is_leak(held.samples[:, channel], around[:, other]) for other in others)


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
