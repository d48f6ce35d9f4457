"""The program as its users have it: real processes, one stack for most tests, a short piece of the demo call."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from pipeline.chain import Models, transcribe
from pipeline.inference import ModelRuntime
from pipeline.options import JobOptions, PreprocessOptions
from pipeline.render import to_json
from workers.client import Client
from workers.models import find_model
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
DEMO_CALL = ROOT / "workers" / "demo" / "call.wav"
ROLES = ("agent", "customer")
SAMPLE_RATE_HZ = 8000
MU_LAW = 7


@dataclass(frozen=True)
class Program:
    """`voxqueue` with the settings of one home."""

    environment: dict[str, str]

    def start(self, *arguments: str | Path, errors: int = subprocess.PIPE) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workers.cli", *map(str, arguments)]
        environment = {**os.environ, **self.environment}
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, errors = process.communicate(timeout=170)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    @property
    def settings(self) -> Settings:
        values = {name.removeprefix("VOXQUEUE_").lower(): value for name, value in self.environment.items()}
        return Settings(**values)  # type: ignore[arg-type]  # texts, as the environment has them


def program_of(home: Path, **settings: object) -> Program:
    given = {f"VOXQUEUE_{name.upper()}": str(value) for name, value in settings.items()}
    nothing = {"VOXQUEUE_DATABASE_URL": "", "VOXQUEUE_BROKER_URL": ""}
    return Program({**nothing, "VOXQUEUE_HOME": str(home), **given})


def wait_until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture(scope="session")
def short_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 8 s of the demo call, still 8 kHz mu-law with two channels."""
    path = tmp_path_factory.mktemp("audio") / "short.wav"
    path.write_bytes(cut(DEMO_CALL, 8.0))
    return path


def cut(path: Path, seconds: float) -> bytes:
    """The start of a mu-law WAV file, whose header is written by hand since no library of Python's writes that."""
    content = path.read_bytes()
    at = content.index(b"data") + 8
    data = content[at : at + int(seconds * SAMPLE_RATE_HZ) * 2]
    head = content[: at - 4] + len(data).to_bytes(4, "little")
    return b"RIFF" + (len(head) + len(data) - 8).to_bytes(4, "little") + head[8:] + data


@pytest.fixture(scope="session")
def in_process() -> Callable[[Path], str]:
    """The document that the five steps give without any queue."""
    model = find_model(Settings())
    models = Models(model.folder, model.spec, Models.load(model.folder, ModelRuntime()).acoustic)
    options = JobOptions(preprocess=PreprocessOptions(roles=ROLES))
    return lambda path: to_json(transcribe(path, models, options))


@pytest.fixture(scope="session")
def short_document(short_call: Path, in_process: Callable[[Path], str]) -> str:
    return in_process(short_call)


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A running `voxqueue up` with short leases, so that killed workers are noticed soon."""
    program = program_of(tmp_path_factory.mktemp("home"), lease_s=3, heartbeat_s=0.5, reap_s=0.3)
    # Nobody reads what it logs here, which would fill a pipe.
    with program.start("up", "--port", "0", errors=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        with urllib.request.urlopen(f"{url}/healthz", timeout=60) as answer:
            assert json.load(answer) == {"status": "ok"}
        family = family_of(process)
        yield program
        process.terminate()
        process.communicate(timeout=60)
        alive = psutil.wait_procs(family, timeout=5)[1]
    assert alive == []
    assert process.returncode == 0


@pytest.fixture
def client(up: Program) -> Iterator[Client]:
    """A client of the running stack."""
    with Client(up.settings) as made:
        yield made
