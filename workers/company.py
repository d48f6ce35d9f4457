"""Steps of several jobs that one process has open at once, so that the model they share never waits.

Each keeps a lease, a heartbeat, a fence and errors of its own, in a thread of its own. A message still stands for one
step: its task returns when that step has ended, and meanwhile claims whatever else there is room for. So the messages
of the others find their steps done, or under way in this very process.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from pipeline.stages import Step, following
from workers.errors import BrokerAway
from workers.handover import HANDS
from workers.jobs import Lease
from workers.jobs.results import Result
from workers.runtime import Runtime
from workers.task import Hold, Work, run_leased

logger = logging.getLogger(__name__)

_MOST_OPEN = 64
_MOST_REMEMBERED = 256
# How long a ready step may wait for a process that has room; each look is one statement.
_LOOK_EVERY_S = 0.1
_TICK_S = 0.01

HasRoom = Callable[[int], bool]
"""Whether one more step may be opened beside so many."""


class Company:
    """What this process has open of one kind of step.

    A step that was begun before runs alone: it may be what ended its process, and the steps that were open beside it,
    which lost an attempt as well, must not lose the next one by it.
    """

    def __init__(self, runtime: Runtime, step: Step, work: Work, has_room: HasRoom) -> None:
        self._runtime = runtime
        self._step = step
        self._work = work
        self._has_room = has_room
        self._changed = threading.Condition()
        self._open: dict[tuple[str, int], Future[bool]] = {}
        self._alone: Lease | None = None
        self._ended: deque[str] = deque(maxlen=_MOST_REMEMBERED)  # jobs whose own message is still to come
        self._awaited: str | None = None
        self._own: Future[bool] | None = None
        self._own_is_worked = False
        self._look_at = 0.0
        self._threads = ThreadPoolExecutor(_MOST_OPEN, thread_name_prefix="step")

    def serve(self, job_id: str) -> bool:
        """Answer one message: run this job's step, or one that should go first; begin others while there is room.

        Returns when the job's step has ended here, was done before, or can't be run now: whether it was this message
        that saw it done, so that the next step is for its chain. That of all others is announced when they end, since
        their own messages may come much later.
        """
        with self._changed:
            self._awaited = job_id
            self._own_is_worked = False
            self._own = next((running for (each, _), running in self._open.items() if each == job_id), None)
            was_ended = self._was_ended(job_id)
        # A step that is ready now need not wait for the next look.
        self._look_at = 0.0
        is_claimed = self._fill_up(job_id)
        if self._own is None and (was_ended or self._runtime.jobs.is_done(job_id, self._step)):
            return False
        while (own := self._own) is None:
            if not is_claimed and self._is_welcome():
                return False
            time.sleep(_TICK_S)
            is_claimed = self._fill_up(job_id)
        while not wait([own], _TICK_S).done:
            # While its end is written down there is nothing to do but to wait: the next message begins what is ready.
            if not self._own_is_worked:
                self._fill_up(job_id)
        return own.result()

    def end(self) -> None:
        """Wait for what is open; the process begins nothing more."""
        self._threads.shutdown()

    def _fill_up(self, job_id: str) -> bool:
        """Claim while there is room and something is ready; whether anything was claimed, or is not looked for yet."""
        claimed = False
        while self._is_welcome():
            if time.monotonic() < self._look_at:
                return True
            lease = HANDS.take(lambda: self._runtime.jobs.claim(self._step, job_id, self._runtime.worker_name))
            if lease is None:
                self._look_at = time.monotonic() + _LOOK_EVERY_S
                return claimed
            claimed = True
            self._begin(lease)
            if lease.job_id == job_id:
                # Company is for steps that take a while.
                self._look_at = time.monotonic() + _TICK_S
        return claimed

    def _is_welcome(self) -> bool:
        with self._changed:
            count = len(self._open)
            return self._alone is None and count < _MOST_OPEN and (count == 0 or self._has_room(count))

    def _was_ended(self, job_id: str) -> bool:
        """Whether the step of this job was done here before its message came, which it does once."""
        if job_id not in self._ended:
            return False
        self._ended.remove(job_id)
        return True

    def _begin(self, lease: Lease) -> None:
        with self._changed:
            if lease.fence > 1 or self._runtime.settings.max_crashes == 1:
                self._alone = lease
            running = self._threads.submit(self._run, lease)
            self._open[lease.job_id, lease.fence] = running
            if lease.job_id == self._awaited:
                self._own = running

    def _run(self, lease: Lease) -> bool:
        is_done = False
        try:
            is_done = run_leased(self._runtime, lease, self._work_in_turn)
        finally:
            with self._changed:
                del self._open[lease.job_id, lease.fence]
                if self._alone is lease:
                    self._alone = None
                is_awaited = lease.job_id == self._awaited
                if is_done and not is_awaited:
                    self._ended.append(lease.job_id)
                self._changed.notify_all()
        if is_done and not is_awaited:
            self._announce_next(lease)
        return is_done

    def _work_in_turn(self, runtime: Runtime, hold: Hold) -> Result:
        if self._alone is hold.lease:
            with self._changed:
                while len(self._open) > 1:
                    self._changed.wait(_LOOK_EVERY_S)
                    hold.progress(0.0)
        result = self._work(runtime, hold)
        if hold.lease.job_id == self._awaited:
            self._own_is_worked = True
        return result

    def _announce_next(self, lease: Lease) -> None:
        next_step = following(lease.step)
        if next_step is not None:
            # Without a broker, the dispatcher announces it.
            with suppress(BrokerAway):
                self._runtime.announcer.announce(lease.job_id, next_step)
