"""One thread of a process that keeps its leases alive: steps may be shorter than it takes to start one."""

import math
import threading
import time
from typing import Protocol


class Beating(Protocol):
    """What is to be kept alive."""

    def beat(self) -> bool:
        """Say a sign of life, if it is time for one; False: no more are wanted."""
        ...


class Heart:
    """Calls `beat` of all that it holds, again and again, in one thread that sleeps while it holds nothing."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[Beating, tuple[float, float]] = {}
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf

    def add(self, beating: Beating, every_s: float) -> None:
        """Beat every so often from now on."""
        with self._changed:
            due_s = time.monotonic() + every_s
            self._held[beating] = (due_s, every_s)
            # A process that was forked has none of the threads of its parent.
            if self._thread is None or not self._thread.is_alive():
                self._start()
            # To wake it costs more than most short steps do; one that is up by then finds this by itself.
            if due_s < self._wakes_at:
                self._changed.notify()

    def remove(self, beating: Beating) -> None:
        """Beat no more; one that is under way is waited for."""
        with self._changed:
            self._held.pop(beating, None)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._beat_when_due()
        finally:
            # A defect in one beat ends this thread, and must not end the leases of all the others.
            self._start()

    def _beat_when_due(self) -> None:
        with self._changed:
            while True:
                self._wakes_at = min((due_s for due_s, _ in self._held.values()), default=math.inf)
                sleep_s = max(0.0, self._wakes_at - time.monotonic())
                self._changed.wait(sleep_s if self._held else None)
                self._beat(time.monotonic())

    def _beat(self, now_s: float) -> None:
        for beating, (due_s, every_s) in list(self._held.items()):
            if due_s > now_s:
                continue
            self._held[beating] = (now_s + every_s, every_s)
            if not beating.beat():
                del self._held[beating]


HEART = Heart()
