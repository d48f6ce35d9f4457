"""What sounds leave of speech, how they are joined into marks, and what music and hum are to the meter."""

import numpy as np
import pytest

from pipeline.preflight import MarkKind, SoundMark
from pipeline.preprocess.marks.music import FRAMES, HIGHEST_BIN, MusicMeter, peak_strength
from pipeline.preprocess.marks.sounds import Pulse, Sounds
from pipeline.preprocess.marks.spectra import BIN_HZ, FRAME, HOP, find_tones, joined, spectra
from pipeline.preprocess.spool import Spool, Track

SECOND = 16_000


def _pulse(kind: MarkKind, start_s: float, end_s: float, key: str | None = None) -> Pulse:
    return Pulse(kind, int(start_s * SECOND), int(end_s * SECOND), key)


def test_pulses_of_one_kind_are_one_mark_unless_somebody_speaks_between_them() -> None:
    sounds = Sounds((_pulse(MarkKind.RINGING, 0, 2), _pulse(MarkKind.RINGING, 6, 8), _pulse(MarkKind.RINGING, 20, 22)))
    assert sounds.marks([]) == (SoundMark(MarkKind.RINGING, 0, 8), SoundMark(MarkKind.RINGING, 20, 22))
    spoken = [(3 * SECOND, 4 * SECOND)]
    assert [mark.end_s for mark in sounds.marks(spoken)] == [2, 8, 22]


def test_digits_are_joined_and_other_sounds_between_them_are_marks_of_their_own() -> None:
    keys = [_pulse(MarkKind.DTMF, at, at + 0.1, key) for at, key in ((1.0, "4"), (2.0, "2"), (9.0, "#"))]
    sounds = Sounds((*keys, _pulse(MarkKind.BEEP, 1.5, 1.7)), ((10 * SECOND, 20 * SECOND),))
    assert [(mark.kind, mark.digits) for mark in sounds.marks([])] == [
        (MarkKind.DTMF, "42"),
        (MarkKind.BEEP, None),
        (MarkKind.DTMF, "#"),
        (MarkKind.MUSIC, None),
    ]


def test_where_a_tone_is_and_between_tones_in_quick_succession_nobody_speaks() -> None:
    sounds = Sounds((_pulse(MarkKind.DTMF, 1.0, 1.1, "1"), _pulse(MarkKind.DTMF, 1.3, 1.4, "2")))
    kept = sounds.without(np.ones(100, np.float32))
    silent = np.flatnonzero(kept == 0) * 512 / SECOND
    assert silent[0] == pytest.approx(1.0, abs=0.04)
    assert silent[-1] == pytest.approx(1.4, abs=0.08)
    assert len(silent) == pytest.approx(0.45 * SECOND / 512, abs=2)
    apart = Sounds((_pulse(MarkKind.BEEP, 0.5, 0.6), _pulse(MarkKind.BEEP, 2.0, 2.1)))
    assert apart.without(np.ones(100, np.float32))[40] == 1.0


def test_only_short_speech_that_lies_in_music_is_a_note() -> None:
    sounds = Sounds((), ((10 * SECOND, 20 * SECOND),))
    assert sounds.is_note((12 * SECOND, 13 * SECOND))
    assert not sounds.is_note((12 * SECOND, 15 * SECOND))
    assert not sounds.is_note((19 * SECOND, 20 * SECOND + 1))
    assert not Sounds().is_note((0, 100))


def test_bins_of_a_frame_add_up_to_its_mean_square() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 300 * HOP).astype(np.float32)
    power = np.concatenate(list(spectra(_track(noise))))
    assert power.shape == (300, FRAME // 2 + 1)
    assert power.sum(axis=1)[:-2].mean() == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize("samples", [1, HOP, HOP + 1, 100 * HOP, 100 * HOP + 7])
def test_there_is_a_frame_for_each_begun_hop(samples: int) -> None:
    power = list(spectra(_track(np.ones(samples, np.float32))))
    assert sum(map(len, power)) == -(-samples // HOP)


@pytest.mark.parametrize(("low_hz", "high_hz"), [(440.0, 480.0), (350.0, 440.0), (697.0, 1633.0), (1003.7, 1003.7)])
def test_two_strongest_tones_are_measured_to_a_fraction_of_a_bin(low_hz: float, high_hz: float) -> None:
    time_s = np.arange(SECOND) / SECOND
    tone = 0.1 * np.sin(2 * np.pi * low_hz * time_s) + 0.1 * np.sin(2 * np.pi * high_hz * time_s)
    tones = joined([find_tones(power) for power in spectra(_track(tone.astype(np.float32)))])
    assert tones.low_hz[:14] == pytest.approx([low_hz] * 14, abs=BIN_HZ / 4)
    assert tones.high_hz[:14] == pytest.approx([high_hz] * 14, abs=BIN_HZ / 4)
    assert tones.share[:14].min() > 0.99


def test_nothing_has_no_tones() -> None:
    assert len(joined([])) == 0
    assert list(spectra(_track(np.empty(0, np.float32)))) == []


def test_strength_of_peaks_is_how_far_they_stand_out() -> None:
    flat, comb = np.full(100, 0.5), np.zeros(100)
    comb[10:100:10] = 1.0
    assert peak_strength(flat) == pytest.approx(0.5)
    assert peak_strength(comb) == 5.0
    assert peak_strength(0.3 * comb) == pytest.approx(1.5)
    assert peak_strength(np.zeros(100)) == 0.0


def test_music_is_heard_where_it_may_be_only() -> None:
    lines = np.full((3 * FRAMES, FRAME // 2 + 1), 1e-6, np.float32)
    for chord in range(3):
        lines[chord * FRAMES : (chord + 1) * FRAMES, 60 + 7 * chord : HIGHEST_BIN : 25] = 1e-2
    everywhere = MusicMeter(np.ones(3 * FRAMES, bool))
    everywhere.feed(lines[:50])
    everywhere.feed(lines[50:])
    assert everywhere.blocks[0] == 0
    assert everywhere.blocks[-1] == 2 * FRAMES
    late = MusicMeter(np.arange(3 * FRAMES) >= FRAMES)
    late.feed(lines)
    assert late.blocks[0] == pytest.approx(0.6 * FRAMES, abs=FRAMES / 3)
    nowhere = MusicMeter(np.zeros(3 * FRAMES, bool))
    nowhere.feed(lines)
    assert nowhere.blocks == []


def test_lines_that_never_change_are_hum() -> None:
    lines = np.full((6 * FRAMES, FRAME // 2 + 1), 1e-6, np.float32)
    lines[:, 60:HIGHEST_BIN:25] = 1e-2
    meter = MusicMeter(np.ones(len(lines), bool))
    meter.feed(lines)
    assert meter.blocks == []


def _track(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Track:
    spool = Spool()
    spool.append(samples)
    return Track((spool,))
