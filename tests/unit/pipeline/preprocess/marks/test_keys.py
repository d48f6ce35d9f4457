"""A key is a pair of tones of Q.23 and nothing else, at any level, in any rhythm that Q.24 asks receivers to hear."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.preprocess.marks.dtmf import find_keys
from pipeline.preprocess.spool import Spool, Track
from tests.line_sounds import KEYS

RATE_HZ = 16_000
Samples = NDArray[np.float64]


def _tone(hertz: float, seconds: float, amplitude: float = 0.1) -> Samples:
    tone: Samples = amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    return tone


def _pair(low_hz: float, high_hz: float, seconds: float = 0.1, twist_db: float = 0.0) -> Samples:
    return _tone(low_hz, seconds) + _tone(high_hz, seconds, 0.1 * 10 ** (twist_db / 20))


def _heard(*parts: Samples, noise: float = 1e-4) -> str:
    samples = np.concatenate([np.zeros(RATE_HZ // 2), *parts, np.zeros(RATE_HZ // 2)])
    noisy = samples + np.random.default_rng(0).normal(0, noise, len(samples))
    return "".join(key for key, _, _ in _presses(noisy))


def _presses(samples: Samples) -> list[tuple[str, int, int]]:
    spool = Spool()
    spool.append(samples.astype(np.float32))
    return find_keys(Track((spool,)))


@settings(max_examples=25, deadline=None)
@given(st.text(st.sampled_from(sorted(KEYS)), min_size=1, max_size=8), st.sampled_from([0.05, 0.07, 0.2]))
def test_any_number_is_read_as_it_was_dialled(digits: str, on_s: float) -> None:
    pause = np.zeros(int(0.05 * RATE_HZ))
    assert _heard(*(part for digit in digits for part in (_pair(*KEYS[digit], on_s), pause))) == digits


def test_a_press_is_where_it_is() -> None:
    samples = np.concatenate([np.zeros(RATE_HZ), _pair(*KEYS["5"], 0.2), np.zeros(RATE_HZ)])
    ((key, start, stop),) = _presses(samples)
    assert key == "5"
    assert start / RATE_HZ == pytest.approx(1.0, abs=0.02)
    assert stop / RATE_HZ == pytest.approx(1.2, abs=0.02)


@pytest.mark.parametrize("twist_db", [-8.0, -4.0, 4.0, 8.0])
def test_one_tone_may_be_stronger_as_far_as_lines_make_it(twist_db: float) -> None:
    assert _heard(_pair(*KEYS["7"], twist_db=twist_db)) == "7"


@pytest.mark.parametrize("twist_db", [-15.0, 15.0])
def test_a_tone_with_hardly_another_one_is_no_key(twist_db: float) -> None:
    assert _heard(_pair(*KEYS["7"], twist_db=twist_db)) == ""


@pytest.mark.parametrize(
    "sound",
    [
        _tone(697, 0.3),
        _tone(1209, 0.3),
        _pair(440, 480, 0.5),
        _pair(697, 770, 0.3),
        _pair(1209, 1336, 0.3),
        _pair(730, 1270, 0.3),
        _pair(697, 1209, 0.3) + _tone(852, 0.3),
        _pair(697, 1209, 0.3) + _tone(2000, 0.3, 0.2),
    ],
    ids=["low alone", "high alone", "ringing", "two low", "two high", "between keys", "three of the eight", "beside"],
)
def test_other_tones_are_no_keys(sound: Samples) -> None:
    assert _heard(sound) == ""


@pytest.mark.parametrize(("noise", "digits"), [(0.01, "2"), (0.3, "")])
def test_a_key_is_heard_through_noise_but_not_imagined_in_it(noise: float, digits: str) -> None:
    assert _heard(_pair(*KEYS["2"], 0.1), noise=noise) == digits


def test_a_key_that_is_softer_than_the_floor_or_shorter_than_asked_is_none() -> None:
    assert _heard(1e-3 * _pair(*KEYS["2"], 0.1), noise=1e-7) == ""
    assert _heard(_pair(*KEYS["2"], 0.015)) == ""


def test_a_track_shorter_than_a_frame_has_no_keys() -> None:
    assert _presses(np.zeros(100)) == []
