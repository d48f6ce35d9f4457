"""The embedded stack: broker, database, workers and dispatcher of one home, on one machine, started by who needs it."""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from pipeline.stages import STEPS, Step
from workers.celeryconfig import DELIVER
from workers.db.migrate import prepare
from workers.dispatch import Dispatcher
from workers.errors import ConfigurationError
from workers.runtime import make_runtime
from workers.settings import Settings, environment_of
from workers.stack.broker import broker_child, wait_for_broker
from workers.stack.lock import HomeLock
from workers.stack.processes import Child, Supervisor

logger = logging.getLogger(__name__)

_BROKER_START_S = 20.0
# A worker that has handed its step back ends within this.
_STOP_GRACE_S = 10.0
_MOST_CPU_PROCESSES = 8
_DELIVERY_PROCESSES = 2
# Whoever asks how far a job is does not wait until a model has computed: the HTTP door and the broker go before.
_WORKER_NICENESS = 15
# On one machine a worker that died is noticed sooner than across a network.
_QUICKER = {"lease_s": 10.0, "heartbeat_s": 2.0, "reap_s": 0.5, "shutdown_s": 5.0}


def stack_settings(settings: Settings) -> Settings:
    """`settings` with shorter leases, unless someone chose their length."""
    chosen = settings.model_fields_set
    quicker = settings.model_copy(update={name: value for name, value in _QUICKER.items() if name not in chosen})
    # A long heartbeat that someone chose needs the long lease.
    return quicker if quicker.heartbeat_s < quicker.lease_s else settings


class Stack:
    """All processes that the settings leave to us: no broker where `broker_url` names one, and so on.

    Processes `beside` them start and end with them. As a context manager it starts and stops them, and is refused while
    another process runs this home's. Nothing outlives this process, even when it is killed.
    """

    def __init__(self, settings: Settings, *, log_to: Path | None = None, beside: Sequence[Child] = ()) -> None:
        self.settings = stack_settings(settings)
        self._beside = beside
        self._lock = HomeLock(self.settings.home_path)
        self._log_to = log_to
        self._log_file: IO[bytes] | None = None
        self._ending = threading.Event()
        self._runtime = make_runtime(self.settings)
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)
        self._supervisor: Supervisor | None = None

    def __enter__(self) -> Self:
        if not self.start():
            raise ConfigurationError(f"VOXQUEUE_HOME={self.settings.home_path} is in use by another voxqueue")
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> bool:
        """Start everything, and return as soon as jobs can be handed in; False when another process runs this home's.

        Raises:
            BrokerAway: the embedded broker did not start.
            DatabaseAway, ConfigurationError: the database can't be used, see `prepare`.
        """
        if self._has_broker and not self._lock.take():
            return False
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return True

    def stop(self) -> None:
        """End every process: workers finish the step in hand if it does not take long."""
        self._ending.set()
        if self._supervisor is not None:
            self._supervisor.stop(self.settings.shutdown_s + _STOP_GRACE_S)
        if self._dispatcher.ident is not None:
            self._dispatcher.join()
        self._runtime.database.dispose()
        if self._log_file is not None:
            self._log_file.close()
        self._lock.release()

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return self._supervisor.pids if self._supervisor is not None else {}

    @property
    def _has_broker(self) -> bool:
        return not self.settings.broker_url

    def _start(self) -> None:
        if self._log_to is not None:
            self._log_to.parent.mkdir(parents=True, exist_ok=True)
            self._log_to.unlink(missing_ok=True)
            self._log_file = self._log_to.open("ab")
        # Workers import their libraries, which takes longest, while the database is made.
        self._supervisor = Supervisor(self._children(), environment_of(self.settings), self._log_file)
        self._supervisor.start()
        prepare(self._runtime.database, is_ours=not self.settings.database_url)
        if self._has_broker:
            wait_for_broker(self.settings, _BROKER_START_S)
        self._dispatcher.start()

    def _children(self) -> list[Child]:
        on_cpu = [step for step in STEPS if step is not Step.INFERENCE]
        processes = min(_MOST_CPU_PROCESSES, os.cpu_count() or 1)
        workers = [_worker("worker", on_cpu, processes), _worker("inference", [Step.INFERENCE], 1)]
        # Receivers that hang must not keep steps waiting, so events have processes of their own.
        workers.append(_worker("deliver", [DELIVER], _DELIVERY_PROCESSES))
        children = [*workers, *self._beside]
        return [broker_child(self.settings), *children] if self._has_broker else children

    def _dispatch(self) -> None:
        Dispatcher(self._runtime).run(self._ending)


def _worker(name: str, queues: Sequence[str], concurrency: int) -> Child:
    command = [sys.executable, "-m", "workers.worker", ",".join(queues), str(concurrency)]
    return Child(name, command, niceness=_WORKER_NICENESS)
