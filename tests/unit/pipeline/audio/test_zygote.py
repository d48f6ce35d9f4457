"""The process that decoders are forked from is as clean as they, is replaced when it is killed, and leaves nothing."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline import errors
from pipeline.audio import Limits, cage, open_audio
from pipeline.audio.zygote import Zygote
from tests import bad_recordings as bad

LIMITS = Limits(max_duration_s=3600, max_channels=8)
SPEECHLESS = bad.noisy_tone(2.0)


@pytest.fixture
def zygote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zygote]:
    """One of this test alone."""
    made = Zygote()
    monkeypatch.setattr(cage, "ZYGOTE", made)
    yield made
    made.close()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording"
    path.write_bytes(bad.encode(SPEECHLESS))
    return path


def _heard(recording: Path) -> int:
    with open_audio(recording, LIMITS) as reader:
        return sum(len(block) for block in reader.blocks())


def _process(before: set[psutil.Process]) -> psutil.Process:
    (process,) = set(psutil.Process().children()) - before
    return process


@pytest.mark.usefixtures("zygote")
def test_it_has_no_environment_and_no_descriptor_but_its_own(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_SECRET", "xyzzy")
    before = set(psutil.Process().children())
    _heard(recording)
    process = _process(before)
    assert set(process.environ()) == {"OPENBLAS_NUM_THREADS", "TMPDIR"}
    assert process.cwd() == "/"
    assert not process.open_files()


@pytest.mark.usefixtures("zygote")
def test_many_recordings_leave_nothing_open_in_either_process(recording: Path) -> None:
    before = set(psutil.Process().children())
    _heard(recording)
    process = _process(before)
    held = psutil.Process().num_fds(), process.num_fds()
    for _ in range(20):
        assert _heard(recording) == len(SPEECHLESS)
    # It notices a little later than we do that a fork has ended.
    assert psutil.Process().num_fds() <= held[0]
    assert process.num_fds() <= held[1] + 2
    assert not process.children()


@pytest.mark.usefixtures("zygote")
def test_one_that_was_killed_takes_its_forks_along_and_is_replaced(tmp_path: Path, recording: Path) -> None:
    long = tmp_path / "long"
    long.write_bytes(bad.encode(bad.noisy_tone(60.0)))
    before = set(psutil.Process().children())
    with open_audio(long, LIMITS) as reader:
        blocks = reader.blocks()
        next(blocks)
        first = _process(before)
        (fork,) = first.children()
        first.kill()
        # On a machine with much to do it might have read all to the end before.
        fork.wait(timeout=10)
        with pytest.raises(errors.DecoderCrash, match="SIGKILL"):
            list(blocks)
    assert _heard(recording) == len(SPEECHLESS)
    assert _process(before) != first


@pytest.mark.usefixtures("zygote")
def test_threads_share_one(recording: Path) -> None:
    before = set(psutil.Process().children())
    heard: list[int] = []
    threads = [threading.Thread(target=lambda: heard.append(_heard(recording))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [len(SPEECHLESS)] * 8
    _process(before)


def test_it_ends_when_it_is_closed(zygote: Zygote, recording: Path) -> None:
    before = set(psutil.Process().children())
    _heard(recording)
    process = _process(before)
    zygote.close()
    assert not process.is_running()
    assert _heard(recording) == len(SPEECHLESS)


def test_a_fork_of_this_process_has_one_of_its_own(recording: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from pipeline.audio import Limits, open_audio\n"
        "def hear():\n"
        "    with open_audio(pathlib.Path(sys.argv[1]), Limits(3600, 8)) as reader:\n"
        "        return sum(len(block) for block in reader.blocks())\n"
        "print(hear(), flush=True)\n"
        "child = os.fork()\n"
        "print(hear(), flush=True)\n"
        "child and sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, recording], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == [str(len(SPEECHLESS))] * 3


@pytest.mark.usefixtures("zygote")
def test_what_a_fork_hears_is_its_own_recording(tmp_path: Path) -> None:
    for number in range(3):
        samples = SPEECHLESS * (number + 1) / 4
        path = tmp_path / str(number)
        path.write_bytes(bad.encode(samples))
        with open_audio(path, LIMITS) as reader:
            np.testing.assert_allclose(np.concatenate(list(reader.blocks())), samples, atol=2 / 32768)


def test_one_that_is_killed_again_and_again_is_a_crash_of_the_decoder(
    zygote: Zygote, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = psutil.Process().num_fds()
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.audio.zygote._PROGRAM", "import os; os.kill(os.getpid(), 9)")
        with pytest.raises(errors.DecoderCrash):
            _heard(recording)
    zygote.close()
    assert psutil.Process().num_fds() <= held
    assert _heard(recording) == len(SPEECHLESS)


def test_nothing_is_left_when_no_process_can_be_started(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    held = psutil.Process().num_fds()
    monkeypatch.setattr(sys, "executable", "/nowhere")
    with Path(os.devnull).open("rb") as file, pytest.raises(FileNotFoundError):
        zygote.decode(file.fileno(), "")
    assert psutil.Process().num_fds() <= held
