"""Recordings are made playable in a process of their own, and what is wrong with one is said in a line."""

import json
from pathlib import Path

import pytest
import soundfile

from pipeline.options import PreprocessOptions
from workers.errors import NotPlayable
from workers.playback import main, make_playable, outline_of

DEMO_CALL = Path(__file__).parents[3] / "workers" / "demo" / "call.wav"


def test_a_recording_comes_back_as_a_file_and_an_outline(tmp_path: Path) -> None:
    outline = json.loads(make_playable(DEMO_CALL, PreprocessOptions(), tmp_path / "call.wav"))
    assert soundfile.info(tmp_path / "call.wav").duration == pytest.approx(soundfile.info(DEMO_CALL).duration)
    assert len(outline["channels"]) == 2
    assert all(-127 <= low <= high <= 127 for channel in outline["channels"] for low, high in channel)


def test_what_can_not_be_decoded_is_not_playable_and_the_code_says_why(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is no recording " * 100)
    with pytest.raises(NotPlayable, match="UNRECOGNISED_FORMAT"):
        make_playable(tmp_path / "text.wav", PreprocessOptions(), tmp_path / "out.wav")


def test_options_go_with_the_recording(tmp_path: Path) -> None:
    (tmp_path / "call.raw").write_bytes(b"\xd5" * 16_000)
    options = PreprocessOptions(encoding="alaw", sample_rate_hz=8000, channels=2)
    assert main(str(tmp_path / "call.raw"), options.model_dump_json(), str(tmp_path / "out.wav")) == 0
    assert len(json.loads(outline_of(tmp_path / "out.wav").read_text())["channels"]) == 2
    assert soundfile.info(tmp_path / "out.wav").frames == 8000


def test_a_file_that_is_gone_is_not_playable(tmp_path: Path) -> None:
    with pytest.raises(NotPlayable):
        make_playable(tmp_path / "gone.wav", PreprocessOptions(), tmp_path / "out.wav")
