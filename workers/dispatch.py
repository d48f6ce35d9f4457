"""The dispatcher: takes back lost steps and announces again what no worker was told of. Any number may run at once."""

import logging
import threading
from collections.abc import Iterable

from pipeline.stages import STEPS, Step
from workers.celeryconfig import DELIVER
from workers.errors import BrokerAway, DatabaseAway
from workers.identity import is_gone
from workers.jobs.reap import Ready
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
        jobs = self.runtime.jobs
        gone = [worker for worker in jobs.holders() if is_gone(worker)]
        lost = jobs.reap(gone)
        if lost:
            logger.warning("dispatch.reaped", extra={"steps": len(lost)})
        jobs.expire()
        # The next worker should not wait for the message of a step that has waited already.
        self._announce(lost)
        missed = jobs.unannounced(self.runtime.settings.republish_s, self._idle_queues())
        self._announce(missed)
        self._sweep_deliveries()
        return len(lost) + len(missed)

    def _sweep_deliveries(self) -> None:
        webhooks, announcer = self.runtime.webhooks, self.runtime.announcer
        holders = webhooks.holders()
        # Without a delivery under way there is nothing to take back, and nothing to write.
        if holders and (lost := webhooks.reap([worker for worker in holders if is_gone(worker)])):
            logger.warning("dispatch.reaped", extra={"deliveries": lost})
        is_idle = announcer.queue_length(DELIVER) == 0
        for delivery_id in webhooks.unannounced(self.runtime.settings.republish_s, is_idle=is_idle):
            announcer.announce_delivery(delivery_id)
            webhooks.mark_announced(delivery_id)

    def _announce(self, ready: Iterable[Ready]) -> None:
        for each in ready:
            self.runtime.reach("publish.before", each.step)
            self.runtime.announcer.announce(each.job_id, each.step)
            self.runtime.reach("publish.after", each.step)
            self.runtime.jobs.mark_announced(each)
            logger.info("dispatch.announced", extra={"job": each.job_id, "step": str(each.step)})

    def _idle_queues(self) -> tuple[Step, ...]:
        return tuple(step for step in STEPS if self.runtime.announcer.queue_length(step) == 0)
