"""Loudness agrees with ITU-R BS.1770-4, and one click does not decide it."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.preprocess.level import (
    IMPULSE_DB,
    MAX_SPREAD_DB,
    PEAK_LIMIT_DB,
    REMEMBERED_HOPS,
    TARGET_LUFS,
    detection_gains,
    gains_so_far,
    segment_gain,
)
from pipeline.preprocess.loudness import HOP, Levels, integrated_lufs, k_weighting, measure

SECOND = 16_000


def _tone(amplitude: float, seconds: float = 10.0, hz: float = 997.0) -> NDArray[np.float32]:
    tone: NDArray[np.float64] = amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * SECOND)) / SECOND)
    return tone.astype(np.float32)


def _lufs(samples: NDArray[np.float32]) -> float:
    return integrated_lufs(measure([samples]).energy)


def test_filters_at_48_khz_are_those_that_the_standard_prints() -> None:
    # BS.1770-4, tables 1 and 2.
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48_000), [shelf, high_pass], atol=1e-7)


@pytest.mark.parametrize("level_db", [0.0, -20.0, -40.0])
def test_sine_of_997_hz_reads_three_below_its_peak(level_db: float) -> None:
    # BS.1770-4: 0 dBFS at 997 Hz in one channel reads -3.01 LKFS; 0.1 is the tolerance of EBU Tech 3341.
    assert _lufs(_tone(10 ** (level_db / 20))) == pytest.approx(level_db - 3.01, abs=0.1)


def test_pauses_do_not_lower_the_loudness() -> None:
    # EBU Tech 3341, case 3, in one channel: -36 dBFS around -23 dBFS reads as -23 alone would.
    loud, quiet = _tone(10 ** (-23 / 20), 60), _tone(10 ** (-36 / 20), 10)
    assert _lufs(np.concatenate((quiet, loud, quiet))) == pytest.approx(-23 - 3.01, abs=0.15)


def test_measuring_in_blocks_equals_measuring_at_once() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 5 * SECOND + 777).astype(np.float32)
    at_once, in_blocks = measure([samples]), measure(np.split(samples, [1600, 17_600, 64_000]))
    np.testing.assert_allclose(in_blocks.energy, at_once.energy, rtol=1e-9)
    np.testing.assert_array_equal(in_blocks.peak, at_once.peak)


def test_silence_has_no_loudness() -> None:
    assert _lufs(np.zeros(SECOND, np.float32)) == -math.inf
    assert integrated_lufs(measure([]).energy) == -math.inf
    assert detection_gains([measure([np.zeros(SECOND, np.float32)])]) == [None]


def test_one_click_does_not_make_quiet_speech_inaudible() -> None:
    speech = np.random.default_rng(0).normal(0, 0.003, 5 * SECOND).astype(np.float32)
    clicked = speech.copy()
    clicked[40_000:40_100] = 1.0
    quiet, disturbed = (segment_gain(each) for each in (speech, clicked))
    assert 20 * math.log10(disturbed / quiet) == pytest.approx(0, abs=1.0)
    assert integrated_lufs(measure([clicked]).energy) - integrated_lufs(measure([clicked]).energy, IMPULSE_DB) > 10


@pytest.mark.parametrize("amplitude", [1e-3, 0.03, 1.0, 30_000.0])
def test_speech_is_brought_to_the_target(amplitude: float) -> None:
    samples = _tone(amplitude)
    assert _lufs(samples * np.float32(segment_gain(samples))) == pytest.approx(TARGET_LUFS, abs=0.51)


def test_pauses_do_not_raise_the_gain() -> None:
    spoken, pause = _tone(0.1), 1e-4 * _tone(1.0, 15.0)
    assert segment_gain(np.concatenate((pause, spoken, pause))) == segment_gain(spoken)


def test_rounding_of_samples_does_not_change_the_gain() -> None:
    samples = _tone(0.1)
    assert segment_gain(np.rint(samples * 2000) / np.float32(2000)) == segment_gain(samples)


def test_what_comes_later_does_not_change_how_the_detector_hears_what_came_before() -> None:
    quiet, loud = _tone(0.01, 5.0), _tone(0.5, 5.0)
    stops = [SECOND, 5 * SECOND, 10 * SECOND]
    ((early, *_, late),) = gains_so_far([measure([np.concatenate((quiet, loud))])], stops)
    assert [early] == gains_so_far([measure([quiet])], stops[:1])[0]
    assert early is not None
    assert late is not None
    assert 20 * math.log10(early / late) == pytest.approx(34, abs=0.5)


def test_what_was_loud_long_ago_is_forgotten() -> None:
    loud, quiet = np.full(REMEMBERED_HOPS, 0.1), np.full(REMEMBERED_HOPS, 0.0001)
    energy = np.concatenate((loud, quiet))
    levels = [Levels(energy, np.sqrt(energy).astype(np.float32))]
    (gains,) = gains_so_far(levels, [HOP * REMEMBERED_HOPS, 2 * HOP * REMEMBERED_HOPS])
    assert None not in gains
    assert 20 * math.log10((gains[1] or 0) / (gains[0] or 1)) == pytest.approx(30)


def test_peaks_of_words_are_not_clipped() -> None:
    bursts = _tone(1.0) * np.tile(np.r_[np.ones(160), np.zeros(1440)], 100).astype(np.float32) * 0.05
    assert np.abs(bursts * segment_gain(bursts)).max() <= 10 ** (PEAK_LIMIT_DB / 20) + 1e-6


def test_leak_on_a_silent_channel_is_not_raised_to_the_level_of_speech() -> None:
    levels = [measure([_tone(0.2)]), measure([_tone(0.2 * 10 ** (-40 / 20))])]
    loud, leak = detection_gains(levels)
    assert loud is not None
    assert leak is not None
    assert 20 * math.log10(leak / loud) == pytest.approx(MAX_SPREAD_DB)
    assert _lufs(_tone(0.2) * np.float32(loud)) == pytest.approx(TARGET_LUFS, abs=0.1)


def test_nothing_to_judge_leaves_the_level_alone() -> None:
    assert segment_gain(np.zeros(SECOND, np.float32)) == 1.0
