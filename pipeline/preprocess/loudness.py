"""Loudness by ITU-R BS.1770-4, measured while streaming."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import bilinear, sosfilt

from pipeline.values import SAMPLE_RATE_HZ

HOP_S = 0.1
HOP = int(HOP_S * SAMPLE_RATE_HZ)
HOPS_A_BLOCK = 4
"""Gating blocks of 400 ms that overlap by 75 %."""
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_LU = -0.691


@dataclass(frozen=True, slots=True)
class Levels:
    """Mean square after K-weighting and highest absolute sample before it, one value each 100 ms."""

    energy: NDArray[np.float64]
    peak: NDArray[np.float32]


@cache
def k_weighting(sample_rate_hz: int) -> NDArray[np.float64]:
    """The two filters of BS.1770-4, annex 1, as second-order sections for any rate.

    The standard gives coefficients for 48 kHz only; these are the analogue filters behind them (f0, gain and Q as
    recovered by libebur128), mapped by the bilinear transform.
    """
    shelf_hz, gain_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    high, band = 10 ** (gain_db / 20), 10 ** (gain_db / 20 * 0.4996667741545416)
    sections = []
    for centre_hz, numerator, q in (
        (shelf_hz, (high, band / shelf_q, 1.0), shelf_q),
        (pass_hz, (1.0, 0.0, 0.0), pass_q),
    ):
        warped = 2 * sample_rate_hz * math.tan(math.pi * centre_hz / sample_rate_hz)
        scale = np.array([1 / warped**2, 1 / warped, 1.0])
        b, a = bilinear(numerator * scale, np.array([1.0, 1 / q, 1.0]) * scale, sample_rate_hz)
        sections.append([*b, *a])
    # The standard leaves the zeros of the high-pass without a factor.
    sections[1][:3] = 1.0, -2.0, 1.0
    return np.array(sections)


def measure(blocks: Iterable[NDArray[np.float32]]) -> Levels:
    """Levels of a signal at 16 kHz; every block but the last is a multiple of 100 ms long."""
    sos = k_weighting(SAMPLE_RATE_HZ)
    state = np.zeros((len(sos), 2))
    energies, peaks = [], []
    for block in blocks:
        weighted, state = sosfilt(sos, block, zi=state)
        starts = np.arange(0, len(block), HOP)
        counts = np.diff(np.append(starts, len(block)))
        energies.append(np.add.reduceat(weighted * weighted, starts) / counts)
        peaks.append(np.maximum.reduceat(np.abs(block), starts))
    if not energies:
        return Levels(np.empty(0), np.empty(0, np.float32))
    return Levels(np.concatenate(energies), np.concatenate(peaks))


def integrated_lufs(energy: NDArray[np.float64], impulse_db: float = math.inf) -> float:
    """Gated loudness in LUFS of the energies of consecutive hops; -inf for silence.

    Blocks more than `impulse_db` above the median of those that pass the absolute gate are left out first: that is
    not in the standard, and keeps one click from deciding the level of a call.
    """
    # A recording shorter than one block is judged as a whole.
    size = min(HOPS_A_BLOCK, len(energy))
    if size == 0:
        return -math.inf
    blocks = np.convolve(energy, np.full(size, 1 / size), "valid")
    blocks = blocks[blocks > energy_of(ABSOLUTE_GATE_LUFS)]
    if not len(blocks):
        return -math.inf
    if impulse_db < math.inf:
        blocks = blocks[blocks <= np.median(blocks) * 10 ** (impulse_db / 10)]
    blocks = blocks[blocks >= blocks.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return OFFSET_LU + 10 * math.log10(blocks.mean())


def momentary_lufs(energy: float) -> float:
    """The loudness of one mean square after K-weighting, not gated; at least ABSOLUTE_GATE_LUFS."""
    return OFFSET_LU + 10 * math.log10(max(energy, energy_of(ABSOLUTE_GATE_LUFS)))


def energy_of(lufs: float) -> float:
    """The mean square after K-weighting that reads as `lufs`."""
    return float(10 ** ((lufs - OFFSET_LU) / 10))
