"""How much each channel is amplified: once so that quiet speech is found, once so that all speech is equally loud."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.preprocess.loudness import HOP, Levels, integrated_lufs

TARGET_LUFS = -23.0
"""EBU R 128."""
MAX_GAIN_DB = 50.0
MAX_SPREAD_DB = 20.0
"""No channel is raised further than this above the loudest: what is quieter is line noise or a leak of the other."""
PEAK_LIMIT = 10 ** (-1 / 20)
PEAK_PERCENTILE = 95
"""Of the peaks of 100 ms each: words decide, and a click may clip."""
IMPULSE_DB = 20.0


def detection_gains(levels: Sequence[Levels]) -> list[float | None]:
    """A factor for each channel under which speech detection hears it, None for a silent one (below -70 LUFS)."""
    gains_db = [_gain_db(integrated_lufs(each.energy)) for each in levels]
    audible = [gain_db for gain_db in gains_db if gain_db is not None]
    ceiling_db = min(audible, default=0.0) + MAX_SPREAD_DB
    return [None if gain_db is None else 10 ** (min(gain_db, ceiling_db) / 20) for gain_db in gains_db]


def speech_gain(levels: Levels, speech: Iterable[tuple[int, int]]) -> float:
    """The factor that brings the speech of a channel, given as sample ranges, to the target without clipping words."""
    chosen = np.zeros(len(levels.energy), bool)
    for start, stop in speech:
        chosen[start // HOP : -(-stop // HOP)] = True
    gain_db = _gain_db(integrated_lufs(levels.energy[chosen], IMPULSE_DB))
    if gain_db is None:
        return 1.0
    return min(10 ** (gain_db / 20), PEAK_LIMIT / _peak(levels.peak[chosen]))


def _gain_db(lufs: float) -> float | None:
    return None if lufs == -math.inf else min(TARGET_LUFS - lufs, MAX_GAIN_DB)


def _peak(peaks: NDArray[np.float32]) -> float:
    return max(float(np.percentile(peaks, PEAK_PERCENTILE, method="lower")), float(np.finfo(np.float32).tiny))
