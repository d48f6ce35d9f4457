"""How much audio is amplified: so that quiet speech is found, and so that each segment is as loud as any other.

Nothing here looks ahead: a call that is still going on is treated as its recording will be.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.preprocess.loudness import HOP, RELATIVE_GATE_LU, Levels, energy_of, integrated_lufs, measure

TARGET_LUFS = -23.0
"""EBU R 128."""
MAX_GAIN_DB = 50.0
MAX_SPREAD_DB = 20.0
"""No channel is raised further than this above the loudest: what is quieter is line noise or a leak of the other."""
PEAK_LIMIT_DB = -1.0
PEAK_PERCENTILE = 95
"""Of the peaks of 100 ms each that are not pauses: words decide, and a click may clip."""
IMPULSE_DB = 20.0
REMEMBERED_HOPS = 6000
"""Ten minutes: how far back loudness is looked at, so that an endless stream takes bounded memory."""


def detection_gains(levels: Sequence[Levels]) -> list[float | None]:
    """A factor for each channel under which speech detection hears it, None for a silent one (below -70 LUFS)."""
    gains_db = [_gain_db(integrated_lufs(each.energy)) for each in levels]
    audible = [gain_db for gain_db in gains_db if gain_db is not None]
    ceiling_db = min(audible, default=0.0) + MAX_SPREAD_DB
    return [None if gain_db is None else 10 ** (min(gain_db, ceiling_db) / 20) for gain_db in gains_db]


def gains_so_far(levels: Sequence[Levels], stops: Sequence[int]) -> list[list[float | None]]:
    """`detection_gains` of each channel as they are known after each of these numbers of samples."""
    gains = []
    for hops in (stop // HOP for stop in stops):
        known = slice(max(0, hops - REMEMBERED_HOPS), hops)
        gains.append(detection_gains([Levels(each.energy[known], each.peak[known]) for each in levels]))
    return [list(each) for each in zip(*gains, strict=True)]


def segment_gain(samples: NDArray[np.float32]) -> float:
    """The factor that brings the speech of a segment at 16 kHz to the target without clipping words.

    In whole decibels, so that rounding in the samples does not change what the model reads.
    """
    levels = measure([samples])
    lufs = integrated_lufs(levels.energy, IMPULSE_DB)
    gain_db = _gain_db(lufs)
    if gain_db is None:
        return 1.0
    peaks = levels.peak[levels.energy >= energy_of(lufs + RELATIVE_GATE_LU)]
    peak = max(float(np.percentile(peaks, PEAK_PERCENTILE, method="lower")), float(np.finfo(np.float32).tiny))
    limit_db = PEAK_LIMIT_DB - 20 * math.log10(peak)
    return float(10 ** (min(round(gain_db), math.floor(limit_db)) / 20))


def _gain_db(lufs: float) -> float | None:
    return None if lufs == -math.inf else min(TARGET_LUFS - lufs, MAX_GAIN_DB)
