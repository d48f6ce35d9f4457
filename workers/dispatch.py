"""The dispatcher: takes back lost steps and announces again what no worker was told of. Any number may run at once."""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pipeline.errors import ResourceBusy
from pipeline.stages import STEPS, Step
from workers.celeryconfig import DELIVER
from workers.collect import Collector
from workers.errors import BrokerAway, DatabaseAway
from workers.health import stalled
from workers.identity import is_gone
from workers.jobs.reap import Ready
from workers.runtime import Runtime

logger = logging.getLogger(__name__)


_LOOK_FOR_CHORES_S = 10.0


@contextmanager
def _waiting(event: str) -> Iterator[None]:
    try:
        yield
    except (BrokerAway, DatabaseAway, ResourceBusy) as error:
        logger.warning(event, extra={"code": error.code, "detail": error.detail})


class Dispatcher:
    """One round is `sweep`; `run` repeats it until it is told to stop."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def run(self, stop: threading.Event) -> None:
        """Sweep every `reap_s` until `stop` is set, and collect beside it. What is away is waited for."""
        # A store may take minutes to look through, and lost steps should not wait for that.
        collecting = threading.Thread(target=self._collect, args=(stop,), name="collector", daemon=True)
        collecting.start()
        while not stop.wait(self.runtime.settings.reap_s):
            with _waiting("dispatch.waiting"):
                self.sweep()

    def _collect(self, stop: threading.Event) -> None:
        collector = Collector(self.runtime)
        while not stop.wait(min(_LOOK_FOR_CHORES_S, self.runtime.settings.collect_s)):
            with _waiting("collect.waiting"):
                self._settle_clock()
                self._sound_alarms()
                collector.collect_when_due()

    def _settle_clock(self) -> None:
        if ahead := self.runtime.jobs.settle_clock():
            logger.error("clock.put_back", extra={"steps": ahead})

    def _sound_alarms(self) -> None:
        for each in stalled(self.runtime):
            told = {"queue": each.queue, "ready": each.ready, "oldest_s": each.oldest_s}
            logger.error("queue.stalled", extra=told)

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
