"""What the main process of a worker does when one of its pool dies: say so at once, with what it died of.

Its step is free within a second, on any host; without this it would wait for a dispatcher on the same host, or for the
end of its lease.
"""

import logging
from typing import Any

from billiard.exceptions import WorkerLostError
from celery.worker.request import Request

from workers.errors import BrokerAway, DatabaseAway
from workers.identity import name_of
from workers.runtime import make_runtime
from workers.settings import settings

logger = logging.getLogger(__name__)


class StepRequest(Request):  # type: ignore[misc]  # Celery carries no types
    """One message in the hands of a worker."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """Celery's answer to a task that failed, after ours to a process that died."""
        # billiard wraps what it raised, to carry the trace along.
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError) and self.worker_pid:
            bury(self.worker_pid, exit_status_in(str(error)))
        super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """Celery's answer to a task that took too long, after ours to the process that is killed for it."""
        if not soft and self.worker_pid:
            bury(self.worker_pid, f"killed after {timeout:g} s")
        super().on_timeout(soft, timeout)


def exit_status_in(message: str) -> str:
    """The exit status in what billiard says: `Worker exited prematurely: signal 9 (SIGKILL) Job: 3`."""
    return message.partition("prematurely: ")[2].partition(" Job:")[0] or message


def bury(process_id: int, exit_status: str) -> None:
    """Take back what a process of this host held, and announce it; what is away now is left to the dispatcher."""
    # The pool forks from this process, and a connection must not be shared across a fork: it is closed again.
    runtime = make_runtime(settings())
    try:
        for ready in runtime.jobs.bury(name_of(process_id), exit_status):
            runtime.announcer.announce(ready.job_id, ready.step)
            runtime.jobs.mark_announced(ready)
    except (DatabaseAway, BrokerAway) as error:
        logger.warning("worker.not_buried", extra={"pid": process_id, "code": error.code})
    finally:
        runtime.announcer.app.close()
        runtime.database.dispose()
    logger.warning("worker.died", extra={"pid": process_id, "exit_status": exit_status})
