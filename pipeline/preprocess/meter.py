"""What is measured on the samples as they were recorded, before any filter: peaks, clipping, offset."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, upfirdn

OVERSAMPLING = 4
"""As in ITU-R BS.1770-4, annex 2: a peak between samples is read 0.7 dB too low at most."""
TAPS_A_PHASE = 12
OVERLAP = TAPS_A_PHASE + 1
"""Samples of the chunk before, so that no place between two samples is left out."""
CHUNK = 4096
LEVELS = 2048
"""Steps of the histogram of magnitudes up to full scale."""
FEWEST_LEVELS = 8
"""A signal in fewer steps is too soft, or a constant: what is its top is no clipping."""
TAIL = 1e-5
"""Of the samples: a few clicks may be louder than the level at which a recording is cut off."""
CROWDED = 5.0
"""Times as many samples as in the steps below: sound gets rarer towards its peak; a pure sine comes to 3."""
NEIGHBOURS = 4


def _interpolator() -> NDArray[np.float32]:
    taps = firwin(OVERSAMPLING * TAPS_A_PHASE + 1, 1 / OVERSAMPLING, window=("kaiser", 5.0))
    interpolator: NDArray[np.float32] = (OVERSAMPLING * taps).astype(np.float32)
    return interpolator


_TAPS: Final = _interpolator()
_MOST_GAIN: Final = max(float(np.abs(_TAPS[phase::OVERSAMPLING]).sum()) for phase in range(OVERSAMPLING))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter says: amplitudes to full scale, and the share of samples that are clipped."""

    peak: float
    true_peak: float
    clipped_share: float
    dc_offset: float


class Meter:
    """Measures one channel block by block, in memory that does not grow."""

    def __init__(self) -> None:
        self._peak = self._true_peak = 0.0
        self._count = 0
        self._sum = 0.0
        self._histogram = np.zeros(LEVELS, np.int64)
        self._before: NDArray[np.float32] = np.zeros(OVERLAP, np.float32)

    def add(self, samples: NDArray[np.float32]) -> None:
        """Account for the next `samples`, shape (n,), full scale 1.0."""
        if not len(samples):
            return
        magnitude = np.abs(samples)
        self._count += len(samples)
        self._sum += float(samples.sum(dtype=np.float64))
        self._peak = max(self._peak, float(magnitude.max()))
        # Floating point goes beyond full scale without being cut off there.
        steps = (magnitude[magnitude <= 1.0] * LEVELS).astype(np.int32)
        self._histogram += np.bincount(np.minimum(steps, LEVELS - 1), minlength=LEVELS)
        self._add_true_peak(samples)

    def _add_true_peak(self, samples: NDArray[np.float32]) -> None:
        self._true_peak = max(self._true_peak, self._peak)
        joined = np.concatenate((self._before, samples))
        self._before = joined[-OVERLAP:]
        for start in range(0, len(samples), CHUNK):
            chunk = joined[start : start + CHUNK + OVERLAP]
            # Only where the filter could give more than what was found already: that is seldom.
            if float(np.abs(chunk).max()) * _MOST_GAIN > self._true_peak:
                between = upfirdn(_TAPS, chunk, OVERSAMPLING)
                inner = between[len(_TAPS) - 1 : -len(_TAPS) + 1]
                self._true_peak = max(self._true_peak, float(np.abs(inner).max(initial=0.0)))

    @property
    def reading(self) -> Reading:
        """What was measured so far."""
        offset = self._sum / self._count if self._count else 0.0
        return Reading(self._peak, self._true_peak, self._clipped_share(), offset)

    def _clipped_share(self) -> float:
        """The share of samples that stand at the level at which the signal is cut off, 0 when it is not.

        Also found where the recording was turned down after it was clipped. Lossy codecs round the cut off again, so
        that little of it is seen behind them.
        """
        crowd = self._histogram[::-1].cumsum()[::-1]
        tops = np.flatnonzero(crowd > max(2.0, TAIL * self._count))
        occupied = np.flatnonzero(self._histogram)
        if not len(tops) or len(occupied) < FEWEST_LEVELS:
            return 0.0
        top = int(tops[-1])
        below = occupied[occupied < top][-NEIGHBOURS:]
        usual = float(self._histogram[below].mean()) if len(below) else math.inf
        return (float(crowd[top]) - usual) / self._count if self._histogram[top] >= CROWDED * usual else 0.0


def worst(readings: Sequence[Reading]) -> Reading:
    """The worst of several channels that are transcribed as one."""
    return Reading(
        peak=max(each.peak for each in readings),
        true_peak=max(each.true_peak for each in readings),
        clipped_share=max(each.clipped_share for each in readings),
        dc_offset=max((each.dc_offset for each in readings), key=abs),
    )


def decibels(amplitude: float) -> float | None:
    """`amplitude` in dB to full scale, one decimal; None for silence."""
    return round(20 * math.log10(amplitude), 1) if amplitude > 0 else None
