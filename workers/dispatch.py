"""The dispatcher: takes back lost steps and announces again what no worker was told of. Any number may run at once."""

import logging
import threading

from pipeline.stages import STEPS, Step
from workers.errors import BrokerAway, DatabaseAway
from workers.runtime import Runtime

logger = logging.getLogger(__name__)


class Dispatcher:
    """One round is `sweep`; `run` repeats it until it is told to stop."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def run(self, stop: threading.Event) -> None:
        """Sweep every `reap_s` until `stop` is set. An absent broker or database is waited for."""
        while not stop.wait(self.runtime.settings.reap_s):
            try:
                self.sweep()
            except (BrokerAway, DatabaseAway) as error:
                logger.warning("dispatch.waiting", extra={"code": error.code, "detail": error.detail})

    def sweep(self) -> int:
        """One round; how many steps were announced.

        Raises:
            BrokerAway, DatabaseAway: the rest of the round is left to the next one.
        """
        lost = self.runtime.jobs.reap()
        if lost:
            logger.warning("dispatch.reaped", extra={"steps": lost})
        return self._announce(self.runtime.settings.republish_s)

    def _announce(self, after_s: float) -> int:
        ready = self.runtime.jobs.unannounced(after_s, self._idle_queues())
        for each in ready:
            self.runtime.announcer.announce(each.job_id, each.step)
            self.runtime.jobs.mark_announced(each)
        if ready:
            logger.info("dispatch.announced", extra={"steps": len(ready)})
        return len(ready)

    def _idle_queues(self) -> tuple[Step, ...]:
        return tuple(step for step in STEPS if self.runtime.announcer.queue_length(step) == 0)
