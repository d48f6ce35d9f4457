"""Steady tones of machines: ringing, busy, dial and fax tones and beeps, told apart by frequency and cadence.

Frequencies and cadences are those of ITU-T E.180 and its list of national tones, and of ITU-T T.30 for fax.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

import numpy as np

from pipeline.preflight import MarkKind
from pipeline.preprocess.marks.spectra import FRAME, HOP, Tones
from pipeline.values import SAMPLE_RATE_HZ

LEAST_SHARE = 0.9
"""Of the power above 200 Hz, in every frame of a tone."""
FLOOR = 1e-6
"""Mean square (-60 dB)."""
FEWEST = 3
"""Frames: a tone of 0.2 s."""
LONG = 8
MOST_STEP_HZ = 10.0
STEADY_HZ, STEADY_DB = (1.2, 4.0), (1.5, 3.0)
"""How far a short and a long tone may stray. Held vowels stray by more within 0.2 s; codecs make a tone stray a bit."""
NEAR_HZ = 12.0
PAIRS = {
    (440, 480): MarkKind.RINGING,
    (400, 450): MarkKind.RINGING,
    (480, 620): MarkKind.BUSY,
    (350, 440): MarkKind.DIAL_TONE,
}
"""North America, United Kingdom."""
PROGRESS_HZ = (380.0, 500.0)
"""One tone for everything, told apart by its cadence: 400, 425, 440 or 450 Hz in most other countries."""
FAX_HZ = {1100: 38.0, 2100: 15.0}
"""Calling and answering tone, with the tolerances of T.30."""
FAX_S = 0.4
DIAL_S, BUSY_S, RINGING_S, BEEP_S = 4.0, 0.8, 0.8, 2.0
"""A dial tone is longer, a busy tone and its pause shorter; ringing is longer, and so is what is no beep."""
FEWEST_BUSY = 3
CADENCE_S = 6.5
"""The longest pause within ringing."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One steady tone or pair of tones: a half-open range of samples."""

    kind: MarkKind
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class _Sounding:
    """A burst before its kind is known; `pitch` is the pair of frequencies as it is grouped by."""

    start: int
    stop: int
    low_hz: float
    high_hz: float

    @property
    def duration_s(self) -> float:
        return (self.stop - self.start) / SAMPLE_RATE_HZ

    @property
    def known(self) -> MarkKind | None:
        """The kind by its frequencies alone."""
        for (low_hz, high_hz), kind in PAIRS.items():
            if abs(self.low_hz - low_hz) < NEAR_HZ and abs(self.high_hz - high_hz) < NEAR_HZ:
                return kind
        is_fax = self.high_hz - self.low_hz < NEAR_HZ and any(
            abs(self.low_hz - hertz) <= off_hz for hertz, off_hz in FAX_HZ.items()
        )
        return MarkKind.FAX if is_fax and self.duration_s >= FAX_S else None

    @property
    def is_progress(self) -> bool:
        return PROGRESS_HZ[0] <= self.low_hz and self.high_hz <= PROGRESS_HZ[1]


def find_bursts(tones: Tones) -> list[Burst]:
    """Every steady tone of 0.2 s and more, in order."""
    soundings = list(_soundings(tones))
    known = [Burst(kind, each.start, each.stop) for each in soundings if (kind := each.known) is not None]
    progress = [each for each in soundings if each.known is None and each.is_progress]
    others = [each for each in soundings if each.known is None and not each.is_progress]
    found = [*known, *_by_cadence(progress)]
    for each in others:
        kind = MarkKind.BEEP if each.duration_s <= BEEP_S else MarkKind.TONE
        found.append(Burst(kind, each.start, each.stop))
    return sorted(found, key=lambda burst: burst.start)


def _soundings(tones: Tones) -> Iterator[_Sounding]:
    pure = (tones.share >= LEAST_SHARE) & (tones.level >= FLOOR)
    steps = np.maximum(np.abs(np.diff(tones.low_hz)), np.abs(np.diff(tones.high_hz)))
    goes_on = np.concatenate(([False], pure[1:] & pure[:-1] & (steps < MOST_STEP_HZ)))
    # A run has one number: it counts up wherever a frame does not go on with the one before.
    numbers = np.cumsum(~goes_on)
    for _, run in groupby(np.flatnonzero(pure).tolist(), key=lambda frame: int(numbers[frame])):
        frames = list(run)
        sounding = _steady(tones, frames[0], frames[-1] + 1) if len(frames) >= FEWEST else None
        if sounding is not None:
            yield sounding


def _steady(tones: Tones, first: int, stop: int) -> _Sounding | None:
    """The tone in frames `first` to `stop`, without frames that it does not fill by half; None when it strays."""
    level = tones.level[first:stop]
    filled = first + np.flatnonzero(level > float(np.median(level)) / 4)
    first, stop = int(filled[0]), int(filled[-1]) + 1
    if stop - first < FEWEST:
        return None
    inner = slice(first + 1, stop - 1) if stop - first > FEWEST else slice(first, stop)
    is_long = stop - first >= LONG
    stray_hz = max(float(np.ptp(tones.low_hz[inner])), float(np.ptp(tones.high_hz[inner])))
    stray_db = float(np.ptp(10 * np.log10(tones.level[inner])))
    if stray_hz > STEADY_HZ[is_long] or stray_db > STEADY_DB[is_long]:
        return None
    low_hz, high_hz = float(tones.low_hz[inner].mean()), float(tones.high_hz[inner].mean())
    edge = (FRAME - HOP) // 2
    return _Sounding(first * HOP + edge, (stop - 1) * HOP + FRAME - edge, low_hz, high_hz)


def _by_cadence(soundings: Sequence[_Sounding]) -> Iterator[Burst]:
    """Kinds of tones of one frequency for everything, by how long they and the pauses between them are."""
    series: list[list[_Sounding]] = []
    for each in soundings:
        if series and (each.start - series[-1][-1].stop) / SAMPLE_RATE_HZ <= CADENCE_S:
            series[-1].append(each)
        else:
            series.append([each])
    for group in series:
        kind = _cadence(group)
        yield from (Burst(kind, each.start, each.stop) for each in group)


def _cadence(group: Sequence[_Sounding]) -> MarkKind:
    duration_s = median(each.duration_s for each in group)
    pause_s = median([(after.start - before.stop) / SAMPLE_RATE_HZ for before, after in pairwise(group)] or [CADENCE_S])
    if duration_s >= DIAL_S:
        return MarkKind.DIAL_TONE
    if len(group) >= FEWEST_BUSY and duration_s <= BUSY_S and pause_s <= BUSY_S:
        return MarkKind.BUSY
    is_ringing = duration_s >= RINGING_S or len(group) > 1
    return MarkKind.RINGING if is_ringing else MarkKind.BEEP
