"""A decoder that crashes is given one more try, as it may have been killed for what others took, and no third one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline import errors
from pipeline.audio import cage
from pipeline.options import PreprocessOptions
from pipeline.preprocess.ingest import CUTOFF_HZ, Relation, ingest
from pipeline.values import SAMPLE_RATE_HZ
from tests import bad_recordings as bad


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording"
    path.write_bytes(bad.encode(bad.noisy_tone(1.0)))
    return path


def _crash(times: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the next decoders end by a signal, as one does that trips over a file; says what they were told."""
    crashed: list[str] = []
    decode = cage.ZYGOTE.decode

    def start(file: int, told: str) -> cage.Child:
        if len(crashed) == times:
            return decode(file, told)
        crashed.append(told)
        program = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)

    monkeypatch.setattr(cage.ZYGOTE, "decode", start)
    return crashed


def test_file_that_crashes_its_decoder_is_given_up_after_one_more_try(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = _crash(99, monkeypatch)
    with pytest.raises(errors.DecoderCrash, match="SIGSEGV") as caught:
        ingest(recording, PreprocessOptions(), lambda _: None)
    assert len(crashed) == 2
    assert (caught.value.code, caught.value.retryable) == ("DECODER_CRASH", False)


def test_decoder_that_was_killed_once_reads_the_file_at_its_second_try(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = _crash(1, monkeypatch)
    ingested = ingest(recording, PreprocessOptions(), lambda _: None)
    assert (ingested.duration_s, ingested.relation) == (1.0, Relation.INDEPENDENT)
    assert len(ingested.spools[0]) == SAMPLE_RATE_HZ
    assert len(crashed) == 1


def test_progress_starts_over_with_the_second_try_and_ends_at_one(recording: Path) -> None:
    heard: list[float] = []
    ingest(recording, PreprocessOptions(), heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_rumble_is_taken_away_and_the_voice_is_not(tmp_path: Path) -> None:
    time_s = np.arange(4 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    levels = {}
    for hz in (10.0, CUTOFF_HZ, 100.0, 1000.0):
        path = tmp_path / "tone"
        path.write_bytes(bad.encode((0.5 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)[:, None], codec="FLOAT"))
        spool = ingest(path, PreprocessOptions(), lambda _: None).spools[0]
        samples = spool.read(SAMPLE_RATE_HZ, len(spool))
        levels[hz] = 20 * np.log10(np.sqrt(2 * np.mean(samples**2)) / 0.5)
    assert levels[10.0] < -20
    assert abs(levels[CUTOFF_HZ] - -3.0) < 0.3
    assert abs(levels[100.0]) < 0.2
    assert abs(levels[1000.0]) < 0.05


def test_telephone_band_is_kept_whole_and_its_mirror_image_is_not_heard(tmp_path: Path) -> None:
    time_s = np.arange(4 * 8000) / 8000
    path = tmp_path / "tone"
    tone = (0.5 * np.sin(2 * np.pi * 3400 * time_s)).astype(np.float32)
    path.write_bytes(bad.encode(tone[:, None], codec="FLOAT", rate_hz=8000))
    spool = ingest(path, PreprocessOptions(), lambda _: None).spools[0]
    samples = spool.read(SAMPLE_RATE_HZ, 3 * SAMPLE_RATE_HZ)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / (len(samples) / 4)
    hz = np.arange(len(spectrum)) / 2
    assert abs(20 * np.log10(spectrum[np.argmin(abs(hz - 3400))] / 0.5)) < 0.01
    # Sixteen bits of the spool are the floor, not the filter.
    assert 20 * np.log10(spectrum[hz > 4000].max()) < -90
