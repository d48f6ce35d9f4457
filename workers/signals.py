"""What Celery should do our way; a worker imports this module among its tasks, in spawned children too."""

import os
import signal
from functools import cache
from typing import Any

from celery.signals import setup_logging, worker_process_init, worker_ready, worker_shutting_down
from threadpoolctl import threadpool_limits

from workers import log
from workers.handover import Patience, listen
from workers.runtime import runtime
from workers.settings import settings


@setup_logging.connect
def configure_logging(**_signal: Any) -> None:
    """Log as the rest of the program does; that someone answers this signal keeps Celery from its own set-up."""
    log.configure(settings())


@cache
def _patience() -> Patience:
    return Patience(settings().shutdown_s)


@worker_process_init.connect
def compute_on_one_core(**_signal: Any) -> None:
    """There is a process a core; threads of each on all cores, as BLAS starts them, would stand in each other's way."""
    threadpool_limits(1, user_api="blas")


@worker_process_init.connect
def hand_back_when_told(**_signal: Any) -> None:
    """In each process of the pool."""
    listen(runtime)


@worker_shutting_down.connect
def wait_no_longer_than_stated(**_signal: Any) -> None:
    """In the main process, which Celery would let wait for the steps in hand without end."""
    _patience().begin()


@worker_ready.connect
def quit_quickly(**_signal: Any) -> None:
    """SIGQUIT hands everything back at once; Celery's own would kill the pool with what it holds."""
    signal.signal(signal.SIGQUIT, _quit)


def _quit(*_signal: object) -> None:
    _patience().end()
    os.kill(os.getpid(), signal.SIGTERM)
