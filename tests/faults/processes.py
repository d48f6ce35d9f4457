"""Worker processes that are started again at once when they die, as a supervisor of the system's would."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
_TETHER = ROOT / "workers" / "stack" / "tether.py"
_LOOK_EVERY_S = 0.1
_LEAST_LIFE_S = 0.5


@dataclass
class Supervised:
    """A process that should always run, and where it writes."""

    name: str
    arguments: Sequence[str]
    extra: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    starts: int = 0

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        running = self.process is not None and self.process.poll() is None
        return self.process.pid if running and self.process else None

    def family(self) -> list[psutil.Process]:
        """The process and those that it started; empty between two lives."""
        with suppress(psutil.NoSuchProcess):
            if self.pid is not None:
                main = psutil.Process(self.pid)
                return [main, *main.children(recursive=True)]
        return []


class Supervisor:
    """Starts and revives; everything dies with this process."""

    def __init__(self, wanted: Sequence[Supervised], environment: Mapping[str, str], logs: Path) -> None:
        self.wanted = list(wanted)
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        self._logs = logs
        self._ending = threading.Event()
        # Children are tied to the thread that starts them, so one thread must start them all and outlive them.
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start every process; returns at once."""
        self._logs.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Kill what still runs: what is left undone is not this run's concern any more."""
        self._ending.set()
        self._thread.join()
        for each in self.wanted:
            for process in reversed(each.family()):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            if each.process is not None:
                each.process.wait()

    def named(self, name: str) -> Supervised:
        """The process with this name."""
        return next(each for each in self.wanted if each.name == name)

    def _keep(self) -> None:
        while True:
            for each in self.wanted:
                if each.pid is None and time.monotonic() - each.started_at > _LEAST_LIFE_S:
                    self._start(each)
            if self._ending.wait(_LOOK_EVERY_S):
                return

    def _start(self, each: Supervised) -> None:
        each.started_at = time.monotonic()
        each.starts += 1
        command = [sys.executable, "-S", str(_TETHER), str(os.getpid()), "0"]
        with (self._logs / f"{each.name}.log").open("ab") as log:
            each.process = subprocess.Popen(
                [*command, sys.executable, "-m", "tests.faults.entry", *each.arguments],
                env={**self._environment, **each.extra},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Signal a process, unless it has gone."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        process.send_signal(number)
