"""A Celery worker for some of the queues, in this process and its pool, until SIGTERM.

`python -m workers.worker QUEUES PROCESSES` is what the embedded stack starts: `voxqueue worker`, without loading the
rest of the command line, in each process of the pool as well.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from celery.bootsteps import StartStopStep
from celery.platforms import SecurityWarning
from celery.utils.nodenames import default_nodename

from pipeline.stages import Step
from workers import log
from workers.app import make_app
from workers.handover import Patience
from workers.pool import EagerConsumer, WatchfulPool
from workers.requests import StepRequest
from workers.settings import Settings
from workers.settings import settings as environment_settings


class Exit(StartStopStep):  # type: ignore[misc]  # Celery carries no types
    """Lets a worker that meets an error it can't go on after end, so that it is started again.

    Celery would wait without end for processes of its pool that nobody tells to end. What they hold is handed back.
    """

    requires = ("celery.worker.components:Pool",)

    def close(self, parent: Any) -> None:
        """The worker begins to stop."""
        if parent.exitcode:
            Patience(0.0, int(parent.exitcode)).begin()

    def terminate(self, _parent: Any) -> None:
        """The worker stops at once."""
        Patience(0.0, os.EX_SOFTWARE).begin()


def serve(settings: Settings, queues: Sequence[str], concurrency: int) -> int:
    """Work until told to stop; the exit status.

    SIGTERM finishes the steps in hand, or hands them back after `shutdown_s`; SIGQUIT hands them back at once.

    `settings` must be those of the environment, since tasks read them there, also in processes that are spawned.
    `concurrency` counts processes, 0: one a core, or one alone where the acoustic model is run.
    """
    log.configure(settings)
    # Celery warns root of pickled messages; ours are JSON, and anything else is refused.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app = make_app(settings)
    app.Task.Request = StepRequest
    app.steps["worker"].add(Exit)
    # Only what is served is imported, so that CPU workers never load the libraries of acoustic models.
    app.conf.imports = ("workers.signals", "workers.tasks.ping", *(f"workers.tasks.{queue}" for queue in queues))
    infers = Step.INFERENCE in queues
    if infers:
        # CUDA does not survive a fork.
        app.conf.worker_pool_start_method = "spawn"
    worker = app.Worker(
        queues=[str(queue) for queue in queues],
        pool=WatchfulPool,
        consumer_cls=EagerConsumer,
        concurrency=concurrency or (1 if infers else os.cpu_count() or 1),
        hostname=default_nodename(f"{'-'.join(queues)}-{os.getpid()}@"),
        loglevel=settings.log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(serve(environment_settings(), sys.argv[1].split(","), int(sys.argv[2])))
