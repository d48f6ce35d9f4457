"""Celery's pool of processes, which looks for those that died twice a second instead of every five."""

from collections.abc import Callable

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool

_LOOK_EVERY_S = 0.5


class _WatchfulProcesses(AsynPool):  # type: ignore[misc]  # Celery carries no types
    @property
    def timers(self) -> dict[Callable[[], None], float]:
        """What the event loop calls again and again."""
        return dict.fromkeys(super().timers, _LOOK_EVERY_S)


class WatchfulPool(TaskPool):  # type: ignore[misc]
    """The pool that a worker is started with."""

    Pool = _WatchfulProcesses
