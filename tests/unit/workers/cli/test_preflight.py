"""`voxqueue preflight` looks at recordings without a service, for people, for programs, and as a picture."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.line_sounds import CALL, RATE_HZ, agent, dialled
from workers.cli import app


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(
        app, ["preflight", *map(str, arguments)], env={"VOXQUEUE_BROKER_URL": "redis://nowhere:1/0"}
    )


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """A channel with noise and pressed keys, and one that is dead."""
    spoken = np.concatenate((agent(0.5, 6.0), dialled("42#")))
    heard = spoken + np.random.default_rng(0).normal(0, 0.03, len(spoken))
    path = tmp_path / "[noisy].wav"
    soundfile.write(path, np.stack((heard, 0 * heard), axis=1), RATE_HZ, "PCM_16")
    return path


def test_people_read_a_table_and_advice(noisy: Path) -> None:
    result = _run(noisy, "--roles", "agent,[bold]")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].endswith("[noisy].wav: wav/pcm_s16le, 8000 Hz, 6.5 s, 2 channel(s)")
    assert "0 agent" in lines[2]
    assert "dtmf 42# 6.0-6.4 s" in lines[2]
    assert "1 [bold]" in lines[3]
    assert any(line.startswith("warning NOISY channel 0: Speech is only") for line in lines)
    assert any(line.startswith("warning DEAD_CHANNEL channel 1: ") for line in lines)


def test_programs_read_a_document_a_line(noisy: Path) -> None:
    result = _run(noisy, CALL, "--json")
    assert result.exit_code == 0
    bad, good = map(json.loads, result.stdout.splitlines())
    assert bad["file"] == str(noisy)
    assert {finding["code"] for finding in bad["findings"]} >= {"NOISY", "DEAD_CHANNEL"}
    assert bad["channels"][0]["marks"][0]["digits"] == "42#"
    assert (good["codec"], good["channel_count"], good["findings"]) == ("pcm_mulaw", 2, [])


def test_a_picture_is_drawn_for_each_recording(noisy: Path, tmp_path: Path) -> None:
    one = tmp_path / "one" / "call.png"
    assert _run(noisy, "--png", one).exit_code == 0
    assert one.read_bytes().startswith(b"\x89PNG")
    twin = noisy.with_name("other.wav")
    twin.write_bytes(noisy.read_bytes())
    assert _run(noisy, twin, "--png", tmp_path / "all").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["[noisy].png", "other.png"]
    namesake = tmp_path / "elsewhere" / "other.flac"
    namesake.parent.mkdir()
    namesake.write_bytes(noisy.read_bytes())
    assert _run(noisy, twin, namesake, "--png", tmp_path / "three").exit_code == 0
    names = sorted(path.name for path in (tmp_path / "three").iterdir())
    assert names == ["2-other.wav.png", "3-other.flac.png", "[noisy].png"]


def test_a_recording_that_cannot_be_read_is_told_and_the_others_are_looked_at(noisy: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("This is no recording, but a text of some length. " * 10)
    result = _run(text, tmp_path / "missing.wav", noisy)
    assert result.exit_code == 2
    assert "error UNRECOGNISED_FORMAT: " in result.stderr
    assert "If it has no header, say its encoding" in result.stderr
    assert "error FILE_NOT_READABLE: " in result.stderr
    assert "NOISY" in result.stdout


def test_an_error_is_a_document_too(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    result = _run(tmp_path / "empty.wav", "--json")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert document["error"]["code"] == document["findings"][0]["code"] == "EMPTY_UPLOAD"


def test_a_file_without_a_header_is_looked_at_as_declared(tmp_path: Path) -> None:
    raw = tmp_path / "line.raw"
    soundfile.write(raw, agent(0.5, 5.0), RATE_HZ, "ULAW", format="RAW")
    (report,) = map(json.loads, _run(raw, "--json", "--encoding", "mulaw").stdout.splitlines())
    assert (report["container"], report["codec"], report["findings"]) == ("raw", "pcm_mulaw", [])
    assert _run(raw, "--sample-rate", "8000").exit_code == 2
