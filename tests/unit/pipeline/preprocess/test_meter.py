"""Peaks, clipping and offset of signals whose truth is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample

from pipeline.preprocess.meter import Meter, Reading, decibels, worst
from tests.line_sounds import agent, on_the_line

RATE_HZ = 8000
Samples = NDArray[np.float32]


def _read(samples: Samples, block: int = 1000) -> Reading:
    meter = Meter()
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block])
    return meter.reading


def _sine(hertz: float, amplitude: float, phase: float = 0.0, seconds: float = 2.0) -> Samples:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sine: Samples = (amplitude * np.sin(2 * np.pi * hertz * time_s + phase)).astype(np.float32)
    return sine


@pytest.mark.parametrize("level_db", [-60.0, -20.0, -6.0, 0.0])
def test_peak_of_a_tone_is_its_level(level_db: float) -> None:
    reading = _read(_sine(440, 10 ** (level_db / 20)))
    assert decibels(reading.peak) == pytest.approx(level_db, abs=0.1)
    assert decibels(reading.true_peak) == pytest.approx(level_db, abs=0.1)


def test_true_peak_is_found_between_the_samples() -> None:
    # A quarter of the rate, sampled at 45 degrees: no sample is higher than 0.707 (BS.1770-4, annex 2).
    reading = _read(_sine(RATE_HZ / 4, 1.0, np.pi / 4))
    assert decibels(reading.peak) == pytest.approx(-3.0, abs=0.1)
    assert decibels(reading.true_peak) == pytest.approx(0.0, abs=0.5)


def test_true_peak_of_speech_is_that_of_the_exact_interpolation() -> None:
    speech = agent(1.0, 3.0)
    exact = float(np.abs(resample(speech, 16 * len(speech))).max())
    assert _read(speech).true_peak == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize("block", [3, 100, 4097])
def test_blocks_change_nothing(block: int) -> None:
    speech = agent(1.0, 1.0)
    reading, whole = _read(speech, block), _read(speech, len(speech))
    assert reading.true_peak == pytest.approx(whole.true_peak, rel=1e-5)
    assert (reading.peak, reading.clipped_share) == (whole.peak, whole.clipped_share)
    assert reading.dc_offset == pytest.approx(whole.dc_offset, abs=1e-7)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
@pytest.mark.parametrize("turned_down", [1.0, 0.3])
def test_share_that_is_clipped_is_found_also_when_it_was_turned_down_later(share: float, turned_down: float) -> None:
    noise = np.random.default_rng(5).laplace(0, 0.1, 60 * RATE_HZ)
    ceiling = float(np.quantile(np.abs(noise), 1 - share))
    clipped = (np.clip(noise, -ceiling, ceiling) / ceiling * turned_down).astype(np.float32)
    assert _read(clipped).clipped_share == pytest.approx(share, rel=0.1)


def test_clipping_is_seen_through_mu_law_and_a_louder_click() -> None:
    speech = agent(0.5, 4.5)
    ceiling = float(np.quantile(np.abs(speech), 0.99))
    clipped = on_the_line(np.clip(speech, -ceiling, ceiling).astype(np.float32), noise=0.0)
    clipped[100] = 0.99
    assert _read(clipped).clipped_share == pytest.approx(0.01, rel=0.5)


@pytest.mark.parametrize(
    "clean",
    [
        agent(0.5, 20.0),
        _sine(1000, 1.0),
        _sine(1000, 0.5) + _sine(1300, 0.5),
        np.zeros(8000, np.float32),
        np.full(8000, 0.5, np.float32),
        np.random.default_rng(2).normal(0, 0.2, 80_000).astype(np.float32),
        np.random.default_rng(2).normal(0, 40, 80_000).astype(np.float32),
    ],
    ids=["speech", "tone", "two tones", "silence", "offset", "noise", "noise far above full scale"],
)
def test_what_is_not_clipped_is_not_called_so(clean: Samples) -> None:
    assert _read(clean).clipped_share == 0.0


def test_offset_is_the_mean() -> None:
    assert _read(_sine(440, 0.3) + np.float32(0.05)).dc_offset == pytest.approx(0.05, abs=1e-4)


def test_nothing_is_measured_on_nothing() -> None:
    assert _read(np.empty(0, np.float32)) == Reading(0.0, 0.0, 0.0, 0.0)
    assert decibels(0.0) is None


def test_channels_that_are_mixed_are_as_bad_as_the_worst() -> None:
    mixed = worst([Reading(0.5, 0.6, 0.0, -0.2), Reading(0.7, 0.7, 0.1, 0.1)])
    assert mixed == Reading(0.7, 0.7, 0.1, -0.2)
