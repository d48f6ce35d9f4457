"""The picture shows what the report says: speech and sounds in their colours, where they are, and every advice."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from pipeline.preflight import ChannelReport, Finding, MarkKind, Preflight, Severity, SoundMark, SpeechStretch
from pipeline.render.picture import COLOURS, SPEECH_COLOUR, to_png

CHANNEL = ChannelReport(
    index=0,
    role="agent",
    is_silent=False,
    speech_share=0.25,
    speech_lufs=-23.0,
    speech_dbfs=-24.0,
    peak_dbfs=-3.0,
    true_peak_dbtp=-2.5,
    clipped_share=0.0,
    snr_db=30.0,
    bandwidth_hz=3400,
    dc_offset=0.0,
    leak_share=0.0,
    music_share=0.0,
    marks=(),
    speech=(SpeechStretch(10.0, 20.0, (-23.0,) * 10),),
)
REPORT = Preflight("wav", "pcm_mulaw", 8000, 40.0, 1, (CHANNEL,), ())
QUIET = np.full(400, 1e-4, np.float32)
LEFT, RIGHT = 0.07, 0.98
"""Where the time axis begins and ends, as shares of the width."""


def _drawn(report: Preflight, title: str = "call.wav") -> NDArray[np.float64]:
    """Colours (height, width, 3) from 0 to 1."""
    png = to_png(report, [QUIET] * len(report.channels), title)
    return np.asarray(imread(io.BytesIO(png)), np.float64)[:, :, :3]


def _where(image: NDArray[np.float64], colour: str) -> NDArray[np.bool_]:
    wanted = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    near: NDArray[np.bool_] = np.abs(image - wanted).max(axis=2) < 0.02
    return near


def _times_s(found: NDArray[np.bool_], duration_s: float) -> tuple[float, float]:
    """From where to where a colour fills a good part of a column."""
    columns = np.flatnonzero(found.sum(axis=0) > 60) / found.shape[1]
    first, last = (columns[[0, -1]] - LEFT) / (RIGHT - LEFT) * duration_s
    return float(first), float(last)


def test_speech_is_shaded_where_it_is() -> None:
    first_s, last_s = _times_s(_where(_drawn(REPORT), SPEECH_COLOUR), 40.0)
    assert first_s == pytest.approx(10.0, abs=0.2)
    assert last_s == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize("kind", list(MarkKind))
def test_each_sound_has_its_colour_and_place(kind: MarkKind) -> None:
    marked = replace(CHANNEL, marks=(SoundMark(kind, 25.0, 35.0),))
    image = _drawn(replace(REPORT, channels=(marked,)))
    # Marks are seen through by 30 %.
    blend = [round(0.7 * int(COLOURS[kind][at : at + 2], 16) + 0.3 * 255) for at in (1, 3, 5)]
    first_s, last_s = _times_s(_where(image, "#" + "".join(f"{value:02x}" for value in blend)), 40.0)
    assert first_s == pytest.approx(25.0, abs=0.2)
    assert last_s == pytest.approx(35.0, abs=0.2)


def test_waveform_is_as_wide_as_it_is_loud() -> None:
    peaks = np.concatenate((np.full(200, 0.5), np.full(200, 0.05))).astype(np.float32)
    report = replace(REPORT, channels=(replace(CHANNEL, speech=()),))
    image = np.asarray(imread(io.BytesIO(to_png(report, [peaks], "x"))), np.float64)[:, :, :3]
    ink = _where(image, "#1f3b57").sum(axis=0)
    width = image.shape[1]
    loud, soft = (float(np.median(ink[int(width * a) : int(width * b)])) for a, b in ((0.15, 0.45), (0.6, 0.9)))
    assert loud / soft == pytest.approx(10, rel=0.2)


def test_each_channel_and_each_advice_takes_its_room() -> None:
    one = _drawn(REPORT).shape[0]
    two = _drawn(replace(REPORT, channels=(CHANNEL, replace(CHANNEL, index=1, role=None)))).shape[0]
    assert two - one == pytest.approx(170, abs=2)
    advice = Finding("NOISY", Severity.WARNING, 0, "Look for the source of the noise.")
    told = _drawn(replace(REPORT, findings=(advice,) * 6)).shape[0]
    assert told - one == pytest.approx(100, abs=2)


@pytest.mark.parametrize("name", ["$100 and $200.wav", "$x^{", "R\N{LATIN SMALL LETTER E WITH ACUTE}union.wav"])
def test_a_name_is_never_a_formula(name: str) -> None:
    assert _drawn(replace(REPORT, channels=(replace(CHANNEL, role=name),)), name).size


def test_the_same_report_is_the_same_picture() -> None:
    assert to_png(REPORT, [QUIET], "call.wav") == to_png(REPORT, [QUIET], "call.wav")


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_a_recording_that_is_hardly_one_has_a_picture(samples: int) -> None:
    report = replace(REPORT, duration_s=0.1 * samples, channels=(replace(CHANNEL, speech=()),))
    assert to_png(report, [QUIET[:samples]], "x").startswith(b"\x89PNG")
