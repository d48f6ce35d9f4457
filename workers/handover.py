"""A worker that is stopped hands the steps in hand back, so that another goes on with it at once and nobody is blamed.

The main process tells its pool by a signal when its patience ends. What hears it is a thread, since the step itself may
be inside a library for minutes: Python writes the number of each signal to a pipe at once, whatever its threads do.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from workers.errors import BrokerAway, DatabaseAway, Fenced
from workers.jobs import Lease
from workers.runtime import Runtime

logger = logging.getLogger(__name__)

HAND_BACK = signal.SIGUSR2
_GRACE_S = 5.0
_SETTLE_S = 0.5
_SIGNAL_EVERY_S = 0.5


class Hands:
    """The leases that a process of the pool holds; it takes none after it was told to stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, Lease] = {}
        self._is_stopping = False

    def take(self, claim: Callable[[], Lease | None]) -> Lease | None:
        """The lease that `claim` gives; none once the process is to stop."""
        with self._lock:
            lease = None if self._is_stopping else claim()
            if lease is not None:
                self._held[lease.step_id] = lease
            return lease

    def let_go(self, lease: Lease) -> None:
        """The step has ended."""
        with self._lock:
            if self._held.get(lease.step_id) is lease:
                del self._held[lease.step_id]

    def hand_back(self, runtime: Runtime) -> None:
        """Give every lease back and tell the other workers; takes none from now on."""
        with self._lock:
            self._is_stopping = True
            held = tuple(self._held.values())
        for lease in held:
            _give_back(runtime, lease)


def _give_back(runtime: Runtime, held: Lease) -> None:
    try:
        runtime.jobs.give_back(held)
    except (Fenced, DatabaseAway) as error:
        # It ended meanwhile, or its lease will.
        logger.warning("step.not_returned", extra={"job": held.job_id, "code": error.code})
        return
    logger.info("step.returned", extra={"job": held.job_id, "step": str(held.step)})
    # Without a broker, the dispatcher announces it.
    with suppress(BrokerAway):
        runtime.announcer.announce(held.job_id, held.step)


HANDS = Hands()


def listen(runtime: Callable[[], Runtime]) -> None:
    """From now on, `HAND_BACK` makes this process hand its step back and end; call it in the main thread."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    signal.signal(HAND_BACK, lambda *_: None)
    threading.Thread(target=_end_when_told, args=(heard, runtime), name="handover", daemon=True).start()


def _end_when_told(heard: int, runtime: Callable[[], Runtime]) -> None:
    while os.read(heard, 1) != bytes([HAND_BACK]):
        pass
    HANDS.hand_back(runtime())
    # The main thread may be busy for long, and what it makes is nobody's any more.
    os._exit(0)


class Patience:
    """How long a main process that is to stop waits for the steps in hand, before it exits with `status`."""

    def __init__(self, patience_s: float, status: int = 0) -> None:
        self._patience_s = patience_s
        self._status = status
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shutdown", daemon=True)

    def begin(self) -> None:
        """The process was told to stop; safe to repeat."""
        if self._thread.ident is None:
            self._thread.start()

    def end(self) -> None:
        """Wait no longer."""
        self._is_over.set()
        self.begin()

    def _run(self) -> None:
        self._is_over.wait(self._patience_s)
        # This process must take no more messages first, or it would take those of the steps that are handed back.
        time.sleep(_SETTLE_S)
        end_pool()
        # Celery may wait for answers of processes that are gone, or for a broker that is away.
        time.sleep(1.0)
        os._exit(self._status)


def end_pool(grace_s: float = _GRACE_S) -> None:
    """Make every process of the pool hand its step back and end; kill those that have not after `grace_s`."""
    deadline = time.monotonic() + grace_s
    alive = psutil.Process().children()
    while alive and time.monotonic() < deadline:
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(HAND_BACK)
        alive = psutil.wait_procs(alive, timeout=_SIGNAL_EVERY_S)[1]
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
