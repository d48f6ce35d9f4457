"""Two parts of Celery's worker that would let steps wait: for a process that died, and for a broker that is back."""

from collections.abc import Callable
from functools import partial
from typing import Any

from celery.concurrency.asynpool import AsynPool
from celery.concurrency.prefork import TaskPool
from celery.worker.consumer import Consumer

_LOOK_EVERY_S = 0.5
_CONNECT_EVERY_S = 1.0


class _WatchfulProcesses(AsynPool):  # type: ignore[misc]  # Celery carries no types
    @property
    def timers(self) -> dict[Callable[[], None], float]:
        """What the event loop calls again and again."""
        return dict.fromkeys(super().timers, _LOOK_EVERY_S)


class WatchfulPool(TaskPool):  # type: ignore[misc]
    """The pool that a worker is started with: it looks for processes that died twice a second, not every five."""

    Pool = _WatchfulProcesses


class EagerConsumer(Consumer):  # type: ignore[misc]
    """What takes messages: it looks for a broker that is away once a second, however long it has been away.

    Celery would wait for longer and longer, up to half a minute, and look after no process meanwhile.
    """

    def ensure_connected(self, conn: Any) -> Any:
        """The connection, once there is one."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=_CONNECT_EVERY_S)
        return super().ensure_connected(conn)
