"""`voxqueue record` transcribes what a microphone hears; here the microphone is the demo call."""

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tests.unit.workers.cli.conftest import TEXT
from workers.cli import app
from workers.cli.outcome import Exit
from workers.cli.record import record_from
from workers.client import Client
from workers.errors import MicrophoneAway
from workers.microphone import Microphone, at_most, listen

DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
MICROPHONE = Microphone(sample_rate_hz=8000, channels=2)


@contextmanager
def recorded(microphone: Microphone) -> Iterator[Iterator[bytes]]:
    """A microphone before which the demo call is played."""
    samples, rate_hz = soundfile.read(DEMO_CALL, dtype="int16", always_2d=True)
    assert (rate_hz, samples.shape[1]) == (microphone.sample_rate_hz, microphone.channels)
    yield (samples[start : start + 800].astype("<i2").tobytes() for start in range(0, len(samples), 800))


def test_what_is_heard_is_transcribed_up_to_the_second(colleague: Client, capsys: pytest.CaptureFixture[str]) -> None:
    record_from(recorded, MICROPHONE, 7.0, ("agent,customer", ["Harbor"]))
    out, errors = capsys.readouterr()
    (session,) = colleague.sessions.recent()
    assert errors == f"session {session.id}\n"
    assert (session.name, session.duration_s) == ("microphone", 7.0)
    assert out == f"{TEXT}\n" * session.pieces
    assert session.ended_at is not None


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 100), (0.25, 50), (1.0, 100)])
def test_seconds_are_counted_in_frames(seconds: float, count: int) -> None:
    blocks = iter([bytes(16)] * 25)
    heard = b"".join(at_most(blocks, Microphone(sample_rate_hz=200, channels=2), seconds))
    assert len(heard) == 4 * count


def test_a_microphone_that_is_not_there_is_one_plain_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ran = CliRunner().invoke(app, ["record"], prog_name="voxqueue")
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr.startswith("error MICROPHONE_AWAY: No microphone can be listened to. (pip install 'voxqueue[")
    assert not (tmp_path / "home").exists()


class _Device:
    """A device as sounddevice has them."""

    def __init__(self, **asked: object) -> None:
        self.asked = asked
        if asked["device"] == 7:
            raise ValueError("Error querying device 7")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing to close."""

    def read(self, frames: int) -> tuple[memoryview, bool]:
        return memoryview(np.full(frames, 3, "<i2").tobytes()), True


def test_blocks_of_the_device_are_its_bytes_even_when_some_were_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = types.SimpleNamespace(RawInputStream=_Device, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    with listen(Microphone()) as blocks:
        assert next(blocks) == np.full(1600, 3, "<i2").tobytes()
    assert "microphone.overflow" in caplog.text
    with pytest.raises(MicrophoneAway, match="device 7"), listen(Microphone(device="7")):
        pass
