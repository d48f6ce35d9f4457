"""What leaks from one channel into another is taken away, also while both speak, and nothing else is."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.preprocess import loudness
from pipeline.preprocess.coupling import Decoupled, decoupled
from pipeline.preprocess.spool import Spool, Track
from pipeline.values import SAMPLE_RATE_HZ

CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
DELAY = 80
BLOCK = 64 * loudness.HOP

Samples = NDArray[np.float32]


@cache
def call() -> Samples:
    """Both channels at 16 kHz, with the hiss of two lines."""
    samples, rate_hz = soundfile.read(CALL, dtype="float32")
    wide = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
    hiss = np.random.default_rng(1).standard_normal(wide.shape) * 10 ** (-70 / 20)
    return np.asarray(wide + hiss, np.float32)


def leak(factor_db: float) -> Samples:
    dull = sosfilt(butter(1, 2000, fs=SAMPLE_RATE_HZ, output="sos"), call()[:, ::-1], axis=0)
    return np.asarray(10 ** (factor_db / 20) * np.roll(dull, DELAY, axis=0), np.float32)


def freed(samples: Samples) -> list[Track]:
    tracks = [track_of(channel) for channel in samples.T]
    return decoupled(tracks, [loudness.measure(track.blocks(BLOCK)) for track in tracks])


def track_of(channel: Samples) -> Track:
    spool = Spool()
    for start in range(0, len(channel), BLOCK):
        spool.append(channel[start : start + BLOCK])
    return Track((spool,))


def power_db(samples: Sequence[Samples] | Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize(("leak_db", "less_db"), [(-20, 15), (-30, 12), (-40, 6)])
def test_a_leak_is_taken_away_also_while_both_speak(leak_db: float, less_db: float) -> None:
    leaking = call() + leak(leak_db)
    tracks = freed(leaking)
    found = np.stack([np.concatenate(list(track.blocks(50_000))) for track in tracks], axis=1)
    assert power_db(found - call()) < power_db(leaking - call()) - less_db
    assert np.allclose(tracks[0].read(70_000, 90_000), found[70_000:90_000, 0], atol=1e-5)
    assert len(tracks[0].read(-5, 10)) == 10


def test_channels_without_a_leak_stay_as_they_are() -> None:
    assert not any(isinstance(track, Decoupled) for track in freed(call()))


def test_a_channel_that_is_digitally_silent_while_the_other_speaks_stays_as_it_is() -> None:
    samples = call().copy()
    loudest = np.convolve(np.abs(samples[:, 1]), np.ones(SAMPLE_RATE_HZ), "same") > 0.005 * SAMPLE_RATE_HZ
    samples[loudest, 0] = 0
    assert not any(isinstance(track, Decoupled) for track in freed(samples))


def test_a_recording_that_is_too_short_to_tell_stays_as_it_is() -> None:
    leaking = (call() + leak(-20))[: 7 * SAMPLE_RATE_HZ]
    assert not any(isinstance(track, Decoupled) for track in freed(leaking))


def test_a_channel_that_is_silent_stays_silent() -> None:
    sides = call().copy()
    sides[:, 1] = 0
    assert not any(isinstance(track, Decoupled) for track in freed(sides))
