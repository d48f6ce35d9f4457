"""What is heard on a line is called by its name, where it is; and voices are called nothing."""

from collections.abc import Sequence

import numpy as np
import pytest
import soxr

from pipeline.options import PreprocessOptions
from pipeline.preflight import MarkKind, SoundMark
from pipeline.preprocess.search import Heard, Search
from pipeline.preprocess.spool import Spool, Track
from pipeline.values import SAMPLE_RATE_HZ
from tests.line_sounds import KEYS, RATE_HZ, Samples, Sounded, agent, dialled, music, on_the_line, sounding

PAUSE: Sequence[float] = ()


def _hear(samples: Samples) -> Heard:
    spool = Spool()
    spool.append(np.asarray(soxr.resample(samples, RATE_HZ, SAMPLE_RATE_HZ), np.float32))
    search = Search([Track((spool,))], PreprocessOptions())
    assert not search.is_silent(0)
    return search.hear(0, lambda _: None)


def _marks(samples: Samples) -> list[SoundMark]:
    heard = _hear(samples)
    return list(heard.listened.sounds.marks([(512 * start, 512 * stop) for start, stop in heard.speech]))


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (MarkKind.RINGING, [((440, 480), 2), (PAUSE, 4), ((440, 480), 2)]),
        (MarkKind.RINGING, [((400, 450), 0.4), (PAUSE, 0.2), ((400, 450), 0.4), (PAUSE, 2), ((400, 450), 0.4)]),
        (MarkKind.RINGING, [((425,), 1), (PAUSE, 4), ((425,), 1)]),
        (MarkKind.BUSY, [((480, 620), 0.5), (PAUSE, 0.5)] * 5),
        (MarkKind.BUSY, [((425,), 0.5), (PAUSE, 0.5)] * 5),
        (MarkKind.BUSY, [((480, 620), 0.25), (PAUSE, 0.25)] * 8),
        (MarkKind.DIAL_TONE, [((350, 440), 6)]),
        (MarkKind.DIAL_TONE, [((425,), 6)]),
        (MarkKind.FAX, [((1100,), 0.5), (PAUSE, 3), ((1100,), 0.5)]),
        (MarkKind.FAX, [((2100,), 3)]),
        (MarkKind.BEEP, [((1000,), 0.5)]),
        (MarkKind.BEEP, [((1400,), 0.25)]),
        (MarkKind.TONE, [((1000,), 5)]),
    ],
    ids=lambda value: str(value) if isinstance(value, MarkKind) else "",
)
def test_tones_of_exchanges_have_a_name_and_a_time(kind: MarkKind, parts: list[Sounded]) -> None:
    marks = _marks(on_the_line(sounding((PAUSE, 1), *parts, (PAUSE, 1))))
    sounded = parts if parts[-1][0] else parts[:-1]
    assert [mark.kind for mark in marks] == [kind]
    assert marks[0].start_s == pytest.approx(1.0, abs=0.1)
    assert marks[0].end_s == pytest.approx(1.0 + sum(seconds for _, seconds in sounded), abs=0.1)


@pytest.mark.parametrize(("on_s", "off_s"), [(0.05, 0.05), (0.08, 0.08), (0.3, 0.5), (1.0, 0.2)])
def test_keys_are_read_however_long_they_are_pressed(on_s: float, off_s: float) -> None:
    digits = "".join(KEYS)
    (mark,) = _marks(on_the_line(np.concatenate((sounding((PAUSE, 0.5)), dialled(digits, on_s, off_s)))))
    assert (mark.kind, mark.digits) == (MarkKind.DTMF, digits)
    assert mark.start_s == pytest.approx(0.5, abs=0.03)
    assert mark.end_s == pytest.approx(0.5 + len(digits) * (on_s + off_s) - off_s, abs=0.05)


@pytest.mark.parametrize("detune", [0.985, 1.015])
def test_keys_may_be_out_of_tune_as_far_as_q24_allows(detune: float) -> None:
    (mark,) = _marks(on_the_line(dialled("0123456789*#", detune=detune)))
    assert mark.digits == "0123456789*#"


def test_a_key_pressed_twice_is_two_digits_and_keys_apart_are_two_marks() -> None:
    pressed = [dialled("55"), sounding((PAUSE, 4)), dialled("7")]
    assert [mark.digits for mark in _marks(on_the_line(np.concatenate(pressed)))] == ["55", "7"]


@pytest.mark.parametrize("instrument", ["piano", "strings", "guitar", "organ", "flute", "band"])
def test_music_is_marked_from_its_start_to_its_end_and_is_no_speech(instrument: str) -> None:
    quiet = np.zeros(3 * RATE_HZ, np.float32)
    heard = _hear(np.concatenate((on_the_line(quiet), music(instrument, 15.0), on_the_line(quiet))))
    (mark,) = heard.listened.sounds.marks([])
    assert mark.kind is MarkKind.MUSIC
    assert mark.start_s == pytest.approx(3.0, abs=1.6)
    assert mark.end_s == pytest.approx(18.0, abs=1.6)
    assert heard.speech == []


def test_hum_and_noise_are_no_music() -> None:
    time_s = np.arange(20 * RATE_HZ) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * 50 * k * time_s + k) / k for k in range(1, 40))
    assert _marks(on_the_line((0.05 * hum).astype(np.float32))) == []
    assert _marks(on_the_line(np.zeros(20 * RATE_HZ, np.float32), noise=0.05)) == []


def test_voices_have_no_marks() -> None:
    assert _marks(agent(0.0, 60.0)) == []


@pytest.mark.parametrize("gain", [0.02, 3.0])
def test_sounds_are_found_at_any_level(gain: float) -> None:
    samples = np.float32(gain) * on_the_line(sounding((PAUSE, 1), ((440, 480), 2), (PAUSE, 1)))
    assert [mark.kind for mark in _marks(samples)] == [MarkKind.RINGING]


def test_speech_between_two_rings_keeps_them_apart_and_is_kept() -> None:
    ring = on_the_line(sounding(((440, 480), 2), (PAUSE, 0.3)))
    heard = _hear(np.concatenate((ring, agent(0.5, 5.0), ring)))
    marks = heard.listened.sounds.marks([(512 * start, 512 * stop) for start, stop in heard.speech])
    assert [mark.kind for mark in marks] == [MarkKind.RINGING] * 2
    assert sum(stop - start for start, stop in heard.speech) * 512 / SAMPLE_RATE_HZ > 3.5


def test_speech_over_music_stays_speech() -> None:
    mixed = music("piano", 15.0)
    mixed[5 * RATE_HZ : 10 * RATE_HZ] = 0.2 * mixed[5 * RATE_HZ : 10 * RATE_HZ] + agent(0.5, 5.0)
    spoken = _hear(mixed).speech
    assert sum(stop - start for start, stop in spoken) * 512 / SAMPLE_RATE_HZ > 3.5
