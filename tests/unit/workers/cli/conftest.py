"""The command line on a home of its own, and a colleague who does the work of all steps without hearing anything."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import CorruptHeader
from pipeline.stages import STEPS, Step
from pipeline.values import Channel, Recording, Transcript, Utterance, Word
from workers.client import Client
from workers.db import migrate
from workers.jobs import ArtifactRef, Lease
from workers.jobs.results import Result
from workers.settings import Settings, settings
from workers.stack.lock import HomeLock

TEXT = "Please hold the line."
SPOKEN = Utterance(0, "agent", 0.5, 1.5, TEXT, 0.9, (Word(TEXT, 0.5, 1.5, 0.9),))
TRANSCRIPT = Transcript(TEXT, "en", "tiny.en", Recording(2.0, 8000, "WAV/ULAW", (Channel(0, "agent"),)), (SPOKEN,))


@pytest.fixture(autouse=True)
def _logging_of_the_test_run() -> Iterator[None]:
    """Put logging back: commands send it to a standard error that ends with the command."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose stack seems to run already, so that no command starts one."""
    folder = tmp_path / "home"
    for name, value in {"HOME": folder, "DATABASE_URL": "", "BROKER_URL": ""}.items():
        monkeypatch.setenv(f"VOXQUEUE_{name}", str(value))
    settings.cache_clear()
    lock = HomeLock(folder)
    assert lock.take()
    yield folder
    lock.release()
    settings.cache_clear()


@pytest.fixture
def colleague(home: Path) -> Iterator[Client]:
    """Someone who ends every step of every job; recordings that begin with `bad` are refused."""
    stop = threading.Event()
    with Client(Settings(home=home)) as client:
        migrate.upgrade(client.runtime.database)
        thread = threading.Thread(target=_work, args=(client, stop))
        thread.start()
        yield client
        stop.set()
        thread.join()


def _work(client: Client, stop: threading.Event) -> None:
    while not stop.wait(0.01):
        for step in STEPS:
            while lease := client.runtime.jobs.claim(step, "", "colleague"):
                _end(client, lease)


def _end(client: Client, lease: Lease) -> None:
    jobs = client.runtime.jobs
    with client.runtime.store.open(lease.source) as recording:
        is_bad = recording.read().startswith(b"bad")
    if is_bad:
        jobs.fail(lease, CorruptHeader("no data"))
        return
    artifact = ArtifactRef(f"{lease.job_id}/{lease.step}.{lease.fence}", "a" * 64, 1)
    is_last = lease.step is Step.FORMAT
    jobs.finish(lease, Result(transcript=TRANSCRIPT) if is_last else Result(artifact=artifact, duration_s=2.0))


@pytest.fixture
def recording_of(tmp_path: Path) -> Callable[..., Path]:
    """Make a file that looks like a recording to nobody but the command line."""

    def make(name: str, content: bytes = b"RIFF of a kind") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return make
