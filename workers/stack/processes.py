"""The processes of the stack: started, started again when they die, and ended, by one thread."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

_TETHER = Path(__file__).with_name("tether.py")
_LOOK_EVERY_S = 0.2
_FIRST_BACK_OFF_S = 0.5
_LONGEST_BACK_OFF_S = 30.0
_STEADY_AFTER_S = 60.0


@dataclass
class Child:
    """A command that should always be running; one that others talk to until they end is ended last.

    `pass_fds` stay open in it, so that a socket is listened on while the process behind it starts again. Its priority
    is lower by its `niceness`, 0 to 19.
    """

    name: str
    command: Sequence[str]
    ends_last: bool = False
    pass_fds: Sequence[int] = ()
    niceness: int = 0
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    back_off_s: float = field(default=_FIRST_BACK_OFF_S)


class Supervisor:
    """Keeps its children running from `start` to `stop`; they die with this process, even when it is killed."""

    def __init__(self, children: Sequence[Child], environment: Mapping[str, str], log_file: IO[bytes] | None) -> None:
        self.children = list(children)
        self._environment = dict(environment)
        self._log_file = log_file
        self._ending = threading.Event()
        self._grace_s = 0.0
        # Children are tied to the thread that starts them, so one thread must start them all and outlive them.
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start every child; returns at once."""
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Ask every child to end, and kill those that have not after `grace_s`."""
        self._grace_s = grace_s
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {each.name: each.process.pid for each in self.children if each.process and each.process.poll() is None}

    def _keep(self) -> None:
        for child in self.children:
            self._start(child)
        while not self._ending.wait(_LOOK_EVERY_S):
            for child in self.children:
                self._revive(child)
        self._end_all()

    def _start(self, child: Child) -> None:
        command = [sys.executable, "-S", str(_TETHER), str(os.getpid()), str(child.niceness), *child.command]
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603  # the stack's own commands
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log_file or sys.stderr.fileno(),
            stderr=self._log_file,
            pass_fds=child.pass_fds,
            # Ctrl-C in a terminal reaches a whole process group; the stack ends its children in order instead.
            process_group=0,
        )

    def _revive(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        lived_s = time.monotonic() - child.started_at
        if lived_s > _STEADY_AFTER_S:
            child.back_off_s = _FIRST_BACK_OFF_S
        if lived_s < child.back_off_s:
            return
        logger.warning("stack.restarted", extra={"child": child.name, "exit_status": child.process.returncode})
        child.back_off_s = min(_LONGEST_BACK_OFF_S, 2 * child.back_off_s)
        self._start(child)

    def _end_all(self) -> None:
        deadline = time.monotonic() + self._grace_s
        for last in (False, True):
            running = [each.process for each in self.children if each.process and each.ends_last is last]
            for process in running:
                process.send_signal(signal.SIGTERM)
            for process in running:
                _wait_or_kill(process, deadline)


def _wait_or_kill(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
