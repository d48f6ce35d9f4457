"""Sounds that begin all at once startle the detector; they become no text, and short words stay."""

from collections.abc import Callable

import numpy as np
import pytest
import soxr

from pipeline.options import PreprocessOptions
from pipeline.preprocess.onsets import LONGEST, goes_on
from pipeline.preprocess.search import Heard, Search
from pipeline.preprocess.segments import find_speech
from pipeline.preprocess.spool import Spool, Track
from pipeline.preprocess.vad import WINDOW
from pipeline.values import SAMPLE_RATE_HZ
from tests.line_sounds import RATE_HZ, Samples, agent, choir, music, on_the_line

OPTIONS = PreprocessOptions()


def _track(samples: Samples, rate_hz: int = RATE_HZ) -> Track:
    spool = Spool()
    spool.append(np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ), np.float32))
    return Track((spool,))


def _hear(samples: Samples) -> Heard:
    return Search([_track(samples)], OPTIONS).hear(0, lambda _: None)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE_HZ), np.float32)


@pytest.mark.parametrize("before_s", [0.0, 5.0])
def test_music_that_begins_at_once_is_no_speech_though_the_detector_starts(before_s: float) -> None:
    heard = _hear(np.concatenate((silence(before_s), choir(20.0))))
    startled = find_speech(heard.raw, OPTIONS)
    assert len(startled) == 1
    assert startled[0][0] * WINDOW / SAMPLE_RATE_HZ == pytest.approx(before_s, abs=0.2)
    assert heard.speech == []


@pytest.mark.parametrize("sound", [choir, lambda seconds: music("organ", seconds)], ids=["choir", "organ"])
def test_a_word_before_music_is_kept(sound: Callable[[float], Samples]) -> None:
    word = agent(0.7, 0.9)
    heard = _hear(np.concatenate((on_the_line(silence(1.0)), word, on_the_line(silence(0.4)), sound(15.0))))
    starts_s = [start * WINDOW / SAMPLE_RATE_HZ for start, _ in heard.speech]
    assert starts_s == [pytest.approx(1.0, abs=0.4)]


def test_a_word_with_a_pause_behind_it_is_not_asked_about() -> None:
    word, long_one, last = (0, LONGEST), (0, LONGEST + 1), (160, 180)
    loud = np.random.default_rng(1).normal(0, 0.1, 6 * SAMPLE_RATE_HZ).astype(np.float32)
    fading, pausing = loud.copy(), loud.copy()
    fading[LONGEST * WINDOW :] *= 0.2
    pausing[LONGEST * WINDOW :][: 4 * WINDOW] *= 0.01
    assert goes_on(word, [word], _track(loud, SAMPLE_RATE_HZ))
    assert not goes_on(word, [word], _track(fading, SAMPLE_RATE_HZ))
    assert not goes_on(word, [word], _track(pausing, SAMPLE_RATE_HZ))
    assert not goes_on(word, [word, (60, 90)], _track(loud, SAMPLE_RATE_HZ))
    assert not goes_on(long_one, [long_one], _track(loud, SAMPLE_RATE_HZ))
    assert not goes_on(last, [last], _track(loud, SAMPLE_RATE_HZ))
