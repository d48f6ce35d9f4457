"""Takes from a channel what leaks into it from another one: the other channel through the filter that fits best.

The filter is that of least squares (Wiener) over seconds in which the other channel is clearly louder, with lags to
both sides, and is believed when it also explains seconds that it was not fitted to. What room and headset do to the
sound stays the same for a call; where it does not, `crosstalk` judges what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import matmul_toeplitz, solve_toeplitz
from scipy.signal import oaconvolve
from scipy.signal.windows import hann

from pipeline.preprocess.crosstalk import MOST_DELAY, read_around
from pipeline.preprocess.loudness import HOP, Levels
from pipeline.preprocess.spool import Track
from pipeline.values import SAMPLE_RATE_HZ

STRETCH = SAMPLE_RATE_HZ
"""Samples (1 s) that are looked at together: long beside the longest delay."""
LOUDER = 10 ** (6 / 10)
AUDIBLE = 1e-6
"""Mean square (-60 dB) from which a channel is loud enough to be heard on another one."""
FEWEST, MOST = 8, 200
"""Stretches to fit a filter to: with fewer, chance fits as well; so many of all sources of a channel together."""
EXPLAINED = 0.05
"""Of the energy of stretches that the filter was not fitted to: without a leak less than nothing, at -46 dB a fifth."""
RIDGE = 1e-4
"""Of the power of the source, so that bands in which it has none, above a telephone's, ask for no gain."""
_SIZE = 1 << 15

_Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decoupled(Track):
    """A track without what leaks into it: each source and its filter, of MOST_DELAY taps to both sides."""

    leaks: tuple[tuple[Track, NDArray[np.float32]], ...] = ()

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """See `Track.read`."""
        start, stop = max(start, 0), min(stop, len(self))
        samples = Track.read(self, start, stop)
        for source, taps in self.leaks:
            around = read_around(source, start, stop)
            samples = samples - oaconvolve(around, taps, "valid").astype(np.float32)
        return samples


def decoupled(tracks: Sequence[Track], levels: Sequence[Levels]) -> list[Track]:
    """The tracks, and in place of those with a leak that can be told, what they are without it."""
    return [_decoupled(order, tracks, levels) for order in range(len(tracks))]


def _decoupled(order: int, tracks: Sequence[Track], levels: Sequence[Levels]) -> Track:
    track, leaks = tracks[order], []
    for other, source in enumerate(tracks):
        if other == order:
            continue
        places = _places(levels[order], levels[other], max(2 * FEWEST, MOST // (len(tracks) - 1)))
        taps = _filter(track, source, places)
        if taps is not None:
            leaks.append((source, taps))
    return Decoupled(track.spools, track.weights, tuple(leaks)) if leaks else track


def _places(levels: Levels, source: Levels, most: int) -> list[int]:
    """Where stretches begin in which the source is clearly louder, at most `most`, from all over the recording."""
    hops = STRETCH // HOP
    count = min(len(levels.energy), len(source.energy)) // hops
    own, other = (each.energy[: count * hops].reshape(count, hops).mean(axis=1) for each in (levels, source))
    found = np.flatnonzero((other > AUDIBLE) & (other > LOUDER * own) & (own > 0))
    chosen = found[np.linspace(0, len(found) - 1, min(len(found), most)).astype(int)] if len(found) else found
    return [int(place) * STRETCH for place in chosen]


@dataclass(frozen=True, slots=True)
class _Fit:
    """What least squares needs to know: products of the source with itself and with the track by lag, and energy."""

    itself: _Samples
    track: _Samples
    energy: float

    def __add__(self, other: "_Fit") -> "_Fit":
        return _Fit(self.itself + other.itself, self.track + other.track, self.energy + other.energy)

    def taps(self) -> _Samples:
        """The filter that fits best."""
        column = self.itself.copy()
        column[0] *= 1 + RIDGE
        solved: _Samples = solve_toeplitz(column, self.track)
        return solved

    def explained(self, taps: _Samples) -> float:
        """The share of the energy of the track that goes when the filtered source is taken away; may be negative."""
        own = taps @ matmul_toeplitz(self.itself, taps)
        return float(2 * taps @ self.track - own) / self.energy if self.energy else 0.0


def _filter(track: Track, source: Track, places: Sequence[int]) -> NDArray[np.float32] | None:
    if len(places) < FEWEST:
        return None
    even, odd = (_fit(track, source, places[first::2]) for first in (0, 1))
    if min(odd.explained(even.taps()), even.explained(odd.taps())) < EXPLAINED:
        return None
    return (even + odd).taps().astype(np.float32)


def _fit(track: Track, source: Track, places: Sequence[int]) -> _Fit:
    window = hann(STRETCH, sym=False)
    lags = 2 * MOST_DELAY + 1
    power = np.zeros(_SIZE // 2 + 1)
    cross = np.zeros(_SIZE // 2 + 1, np.complex128)
    energy = 0.0
    for place in places:
        samples, other = (window * each.read(place, place + STRETCH) for each in (track, source))
        own = float(samples @ samples)
        if own == 0:
            # Digital silence, into which a filter of the loudness still rang; it can't count as much as the others.
            continue
        # All count alike, so that seconds in which both speak do not drown those that tell the leak.
        weight = 1 / own
        spectrum = np.fft.rfft(other, _SIZE)
        power += weight * np.abs(spectrum) ** 2
        cross += weight * np.fft.rfft(samples, _SIZE) * spectrum.conj()
        energy += 1
    by_lag = np.roll(np.fft.irfft(cross, _SIZE), MOST_DELAY)[:lags]
    return _Fit(np.fft.irfft(power, _SIZE)[:lags], by_lag, energy)
