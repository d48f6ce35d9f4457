"""Any recording becomes a WAV file that plays, with an outline that shows where it is loud."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.errors import UnrecognisedFormat
from pipeline.options import PreprocessOptions
from pipeline.preprocess.playback import write_playable

DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"


def test_the_demo_call_plays_sample_by_sample_as_it_is(tmp_path: Path) -> None:
    outlines = write_playable(DEMO_CALL, PreprocessOptions(), tmp_path / "call.wav")
    expected, rate_hz = soundfile.read(DEMO_CALL)
    played, played_hz = soundfile.read(tmp_path / "call.wav")
    assert played_hz == rate_hz == 8000
    assert soundfile.info(tmp_path / "call.wav").subtype == "PCM_16"
    np.testing.assert_allclose(played, expected, atol=1 / 32767)
    assert len(outlines) == 2


def test_an_outline_is_that_of_the_samples(tmp_path: Path) -> None:
    """Silence, then a tone of half of full scale, then one of full scale: a third of the columns each."""
    tone = np.sin(np.arange(30 * 8000) * 0.7)
    soundfile.write(tmp_path / "steps.wav", tone * np.repeat([0.0, 0.5, 0.99], 10 * 8000), 8000, subtype="PCM_16")
    (outline,) = write_playable(tmp_path / "steps.wav", PreprocessOptions(), tmp_path / "out.wav")
    peaks = outline.peaks
    third = len(peaks) // 3
    assert peaks.shape == (600, 2)
    assert np.all(peaks[: third - 1] == 0)
    assert np.all(np.abs(peaks[third + 1 : 2 * third - 1] - [-64, 64]) <= 1)
    assert np.all(np.abs(peaks[2 * third + 1 :] - [-126, 126]) <= 1)


def test_an_outline_has_no_more_columns_than_a_screen(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(8000 * 400, np.int16), 8000)
    (outline,) = write_playable(tmp_path / "long.wav", PreprocessOptions(), tmp_path / "out.wav")
    assert outline.peaks.shape == (2000, 2)


def test_a_recording_shorter_than_a_column_has_an_outline_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(20, 16384, np.int16), 8000)
    (outline,) = write_playable(tmp_path / "short.wav", PreprocessOptions(), tmp_path / "out.wav")
    assert outline.peaks.tolist() == [[64, 64]]


def test_a_high_rate_becomes_that_of_the_model_and_the_length_stays(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "studio.flac", np.zeros((48_000 * 3, 2)), 48_000)
    write_playable(tmp_path / "studio.flac", PreprocessOptions(), tmp_path / "out.wav")
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.channels) == (16_000, 2)
    assert info.duration == pytest.approx(3.0, abs=0.001)


def test_what_is_declared_is_believed(tmp_path: Path) -> None:
    (tmp_path / "call.ulaw").write_bytes(b"\xff" * 8000)
    options = PreprocessOptions(encoding="mulaw", sample_rate_hz=8000, channels=1)
    write_playable(tmp_path / "call.ulaw", options, tmp_path / "out.wav")
    assert soundfile.info(tmp_path / "out.wav").frames == 8000


def test_what_is_no_recording_is_refused_by_its_code(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>not found</html>" * 100)
    with pytest.raises(UnrecognisedFormat):
        write_playable(tmp_path / "page.html", PreprocessOptions(), tmp_path / "out.wav")
