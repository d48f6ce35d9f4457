"""The embedded stack for benches: recordings through the whole of it, with the CPU and memory of every process."""

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

from workers.client import Client
from workers.settings import Settings, read_settings
from workers.stack import Stack
from workers.states import JobState

MEBIBYTE: Final = 1 << 20
_PATIENCE_S: Final = 1800.0
_SAMPLE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of some recordings: wall and CPU seconds of all processes, and the text of each recording."""

    seconds: float
    cpu_s: float
    texts: tuple[str, ...]


class RunningStack:
    """A stack that runs, and its client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def transcribe(self, recordings: Sequence[Path]) -> Ran:
        """Hand all in at once and wait for the last.

        Raises:
            RuntimeError: a job failed.
        """
        cpu_s, began_s = cpu_seconds(), time.perf_counter()
        jobs = [self.client.enqueue(path).id for path in recordings]
        waiting = list(jobs)
        while waiting:
            # One at a time: looking must cost nothing beside what is measured.
            ended = self.client.wait(waiting.pop(0), _PATIENCE_S)
            if ended.state is not JobState.COMPLETED:
                raise RuntimeError(f"a job ended as {ended.state}: {ended.error_message}")
        seconds = time.perf_counter() - began_s
        spent_s = cpu_seconds() - cpu_s
        return Ran(seconds, spent_s, tuple(self.client.result(job).text for job in jobs))


@contextmanager
def running_stack(**settings: object) -> Iterator[RunningStack]:
    """A stack in a home of its own, with these settings."""
    with tempfile.TemporaryDirectory(prefix="voxqueue-bench-") as home:
        chosen: Settings = read_settings(
            **{"home": home, "database_url": "", "broker_url": "", "artifacts": "", "log_level": "ERROR", **settings}
        )
        with Stack(chosen, log_to=Path(home) / "stack.log"), Client(chosen) as client:
            yield RunningStack(client)


def family() -> list[psutil.Process]:
    """This process and all below it."""
    process = psutil.Process()
    return [process, *process.children(recursive=True)]


def cpu_seconds() -> float:
    """CPU seconds of all processes, those that have ended and were waited for included."""
    total = 0.0
    for process in family():
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mib() -> float:
    """Proportional set size of all processes that the stack started, pages that they share counted once.

    Without this one, which has more loaded than who runs a stack, and of that stack only the dispatcher.
    """
    total = 0
    for process in family()[1:]:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / MEBIBYTE


class MemoryWatch:
    """Looks at the memory of all processes once a second; `peak_mib` is the most that was seen."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.peak_mib = max(self.peak_mib, memory_mib())
