import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipeline.stages import STEPS, Step
from tests.unit.workers.stack.test_processes import wait_until
from workers.app import make_app
from workers.settings import Settings, environment_of
from workers.stack import queues_served

ROOT = Path(__file__).parents[3]
CPU_QUEUES = ",".join(step for step in STEPS if step is not Step.INFERENCE)


@contextmanager
def working(settings: Settings, queues: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    log = settings.home_path / "worker.log"
    command = [sys.executable, "-m", "workers.cli", "worker", "--queue", queues, "--concurrency", "1"]
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment_of(settings), cwd=ROOT, stdout=file, stderr=file, text=True)
    try:
        wait_until(lambda: " ready." in log.read_text() or process.poll() is not None, timeout_s=60)
        yield process, log
    finally:
        process.kill()
        process.wait()


def libraries_of(process: psutil.Process) -> str:
    return " ".join(each.path for each in process.memory_maps())


def test_a_worker_of_cpu_queues_serves_them_loads_no_torch_and_ends_when_asked(valkey_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, broker_url=valkey_url)
    with working(settings, CPU_QUEUES) as (process, log):
        app = make_app(settings)
        wait_until(lambda: ",".join(sorted(queues_served(app, 1.0))) == ",".join(sorted(CPU_QUEUES.split(","))))
        app.close()
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        assert len(family) == 2
        assert not any("torch" in libraries_of(each) for each in family)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        # Neither Celery's banner nor its warning to root is shown.
        assert "-- ******* ----" not in log.read_text()
        assert "superuser" not in log.read_text()


def test_the_worker_of_the_acoustic_model_starts_its_process_afresh(valkey_url: str, tmp_path: Path) -> None:
    with working(Settings(home=tmp_path, broker_url=valkey_url), Step.INFERENCE) as (process, _log):

        def spawned() -> list[psutil.Process]:
            children = psutil.Process(process.pid).children()
            return [each for each in children if "spawn_main" in " ".join(each.cmdline())]

        wait_until(lambda: len(spawned()) == 1)
        assert queues_served(make_app(Settings(broker_url=valkey_url)), 1.0) == {Step.INFERENCE}
