"""Machines hold a tone as no voice does; what kind of tone it is follows from its frequencies and its cadence."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.preflight import MarkKind
from pipeline.preprocess.marks.bursts import Burst, find_bursts
from pipeline.preprocess.marks.spectra import HOP, Tones

FRAME_S = HOP / 16_000
Levels = NDArray[np.float32]


def _frames(seconds: float) -> int:
    return round(seconds / FRAME_S)


class Line:
    """What `find_tones` would say of a line, written down frame by frame."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float, float, float]] = []

    def quiet(self, seconds: float) -> "Line":
        """Noise: no tone holds much of its power."""
        self._rows += [(900.0, 2100.0, 0.1, 1e-5)] * _frames(seconds)
        return self

    def tone(self, low_hz: float, high_hz: float, seconds: float, level: float = 1e-2) -> "Line":
        """A pair of tones, or one where both are equal."""
        self._rows += [(low_hz, high_hz, 0.99, level)] * _frames(seconds)
        return self

    def voice(self, hertz: float, drift_hz: float, seconds: float, drift_db: float = 0.0) -> "Line":
        """One harmonic that holds all of the power, and wanders by so much from frame to frame."""
        for frame in range(_frames(seconds)):
            sign = 1 if frame % 2 else -1
            level = 1e-2 * 10 ** (sign * drift_db / 20)
            self._rows.append((hertz + sign * drift_hz / 2, hertz + sign * drift_hz / 2, 0.99, level))
        return self

    def bursts(self) -> list[Burst]:
        """What is found on it."""
        columns = np.array(self._rows, np.float32).reshape(-1, 4).T
        return find_bursts(Tones(*columns))


def _kinds(line: Line) -> list[MarkKind]:
    return [burst.kind for burst in line.bursts()]


def test_a_burst_is_where_its_frames_are() -> None:
    (burst,) = Line().quiet(1.024).tone(1000, 1000, 0.512).quiet(1.024).bursts()
    assert burst.kind is MarkKind.BEEP
    assert burst.start / 16_000 == pytest.approx(1.024, abs=FRAME_S)
    assert burst.stop / 16_000 == pytest.approx(1.536, abs=FRAME_S)


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "kind"),
    [
        (440, 480, MarkKind.RINGING),
        (444, 476, MarkKind.RINGING),
        (400, 450, MarkKind.RINGING),
        (480, 620, MarkKind.BUSY),
        (350, 440, MarkKind.DIAL_TONE),
        (1100, 1100, MarkKind.FAX),
        (1130, 1130, MarkKind.FAX),
        (2100, 2100, MarkKind.FAX),
        (2130, 2130, MarkKind.BEEP),
        (1000, 1000, MarkKind.BEEP),
        (440, 620, MarkKind.BEEP),
    ],
)
def test_frequencies_tell_the_kind_within_their_tolerance(low_hz: float, high_hz: float, kind: MarkKind) -> None:
    assert _kinds(Line().quiet(1).tone(low_hz, high_hz, 1.0).quiet(1)) == [kind]


def test_one_tone_for_everything_is_told_by_its_cadence() -> None:
    ringing, busy = Line(), Line()
    for _ in range(4):
        ringing.tone(425, 425, 1.0).quiet(4.0)
        busy.tone(425, 425, 0.5).quiet(0.5)
    assert _kinds(ringing) == [MarkKind.RINGING] * 4
    assert _kinds(busy) == [MarkKind.BUSY] * 4
    assert _kinds(Line().tone(425, 425, 6.0)) == [MarkKind.DIAL_TONE]
    assert _kinds(Line().quiet(2).tone(425, 425, 0.4).quiet(2)) == [MarkKind.BEEP]
    assert _kinds(Line().tone(425, 425, 1.0).quiet(20).tone(425, 425, 0.4)) == [MarkKind.RINGING, MarkKind.BEEP]


def test_a_long_tone_is_no_beep_and_a_short_one_at_the_frequency_of_a_fax_is_no_fax() -> None:
    assert _kinds(Line().tone(1000, 1000, 3.0)) == [MarkKind.TONE]
    assert _kinds(Line().tone(1100, 1100, 0.25)) == [MarkKind.BEEP]


@pytest.mark.parametrize(("seconds", "drift_hz"), [(0.25, 2.0), (0.25, 8.0), (0.6, 5.0), (2.0, 9.0)])
def test_a_voice_that_wanders_is_no_tone(seconds: float, drift_hz: float) -> None:
    assert Line().quiet(1).voice(330, drift_hz, seconds).quiet(1).bursts() == []


@pytest.mark.parametrize(("seconds", "drift_db"), [(0.25, 3.0), (0.6, 4.0)])
def test_a_voice_that_swells_is_no_tone(seconds: float, drift_db: float) -> None:
    assert Line().quiet(1).voice(330, 0.0, seconds, drift_db).quiet(1).bursts() == []


def test_codecs_may_make_a_long_tone_stray_a_bit() -> None:
    assert _kinds(Line().voice(1000, 3.0, 1.0, 1.0)) == [MarkKind.BEEP]


def test_a_tone_shorter_than_three_frames_and_a_soft_one_are_not_looked_at() -> None:
    assert Line().quiet(1).tone(1000, 1000, 2 * FRAME_S).quiet(1).bursts() == []
    assert Line().tone(1000, 1000, 1.0, level=1e-7).bursts() == []


def test_frames_that_a_tone_does_not_fill_by_half_are_not_its_own() -> None:
    faded = Line().tone(1000, 1000, FRAME_S, 1e-4).tone(1000, 1000, 0.512).tone(1000, 1000, FRAME_S, 1e-4)
    (burst,) = faded.bursts()
    assert (burst.stop - burst.start) / 16_000 == pytest.approx(0.512, abs=FRAME_S / 2)


def test_a_change_of_frequency_is_the_end_of_a_tone() -> None:
    # The special information tone of E.180: three tones that rise.
    line = Line().tone(950, 950, 0.33).tone(1400, 1400, 0.33).tone(1800, 1800, 0.33)
    bursts = line.bursts()
    assert [burst.kind for burst in bursts] == [MarkKind.BEEP] * 3
    assert all(before.stop <= after.start for before, after in pairwise(bursts))


def test_nothing_has_no_bursts() -> None:
    assert Line().bursts() == []
    assert Line().quiet(10).bursts() == []
