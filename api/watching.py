"""One look at the database a moment, for however many listeners: what happens to jobs, told in order."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline.stages import Step
from workers.errors import DatabaseAway
from workers.jobs import Jobs
from workers.jobs.queries import Event
from workers.states import FINAL_JOB_STATES

logger = logging.getLogger(__name__)

FINAL_KINDS = frozenset(f"job.{state}" for state in FINAL_JOB_STATES)
"""Kinds of the event with which a job ends."""
Progress = dict[Step, float]

_LOOK_EVERY_S = 0.1
_IDLE_LOOK_EVERY_S = 1.0
_PROGRESS_EVERY_S = 0.5
_LOOK_BACK = 1000
# A number that was given out and is not seen belongs to a transaction that has not ended, or to none at all.
_GAP_S = 2.0
_MOST_UNHEARD = 10_000


class Settling:
    """Passes events on in the order of their numbers, and holds those behind a gap that may still be filled.

    PostgreSQL numbers a row when it is written and shows it when its transaction ends, which may be in another order.
    """

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self._first_seen: dict[int, float] = {}

    def settled(self, ids: list[int], now: float) -> int:
        """The highest of `ids` (ascending, above the cursor) up to which nothing is missing any more; moves there."""
        self._first_seen = {each: self._first_seen.get(each, now) for each in ids}
        for each in ids:
            if each > self.cursor + 1 and now - self._first_seen[each] < _GAP_S:
                break
            self.cursor = each
        return self.cursor


class Listener:
    """Hears of one job, or of all jobs of a tenant, from the moment at which it was made."""

    def __init__(self, tenant: str, job_id: str | None, since: int) -> None:
        self.tenant = tenant
        self.job_id = job_id
        self.since = since
        self.progress: Progress = {}
        self._events: deque[Event] = deque(maxlen=_MOST_UNHEARD)
        self._news = asyncio.Event()

    def tell(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)
        self._news.set()

    def tell_progress(self, progress: Progress) -> None:
        """Say how far the steps are now."""
        if progress != self.progress:
            self.progress = progress
            self._news.set()

    def end(self) -> None:
        """Say that nobody will tell anything more."""
        self._events.clear()
        self._news.set()

    async def news(self, timeout_s: float) -> list[Event] | None:
        """What happened since the last call, as soon as something did (perhaps only progress); None after the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        if not self._news.is_set():
            return None
        self._news.clear()
        found = list(self._events)
        self._events.clear()
        return found


class Watcher:
    """Looks for events with one query for all listeners, and tells each what is its own."""

    def __init__(self, jobs: Jobs, read: Callable[..., Awaitable[Any]]) -> None:
        self.is_ending = False
        self._jobs = jobs
        self._read = read
        self._listeners: set[Listener] = set()
        self._settling: Settling | None = None
        self._is_wanted = asyncio.Event()
        self._progress_at = 0.0

    async def run(self) -> None:
        """Look and tell until it is canceled."""
        while True:
            try:
                await self._look()
            except DatabaseAway as error:
                logger.warning("watcher.away", extra={"detail": error.detail})
            self._is_wanted.clear()
            if self._listeners:
                await asyncio.sleep(_LOOK_EVERY_S)
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._is_wanted.wait(), _IDLE_LOOK_EVERY_S)

    def end(self) -> None:
        """Send every listener home: the process is being stopped."""
        self.is_ending = True
        for listener in self._listeners:
            listener.end()

    @contextmanager
    def listen(self, tenant: str, job_id: str | None = None) -> Iterator[Listener]:
        """A listener, as long as it is needed; what happened before is in the database, up to its `since`."""
        listener = Listener(tenant, job_id, self._settling.cursor if self._settling else 0)
        self._listeners.add(listener)
        self._is_wanted.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def ready(self) -> None:
        """Return once the watcher knows where the events are."""
        while self._settling is None:
            self._is_wanted.set()
            await asyncio.sleep(_LOOK_EVERY_S / 10)

    async def _look(self) -> None:
        if self._settling is None:
            newest = await self._read(self._jobs.newest_event)
            self._settling = Settling(max(0, newest - _LOOK_BACK))
        found: list[tuple[str, Event]] = await self._read(self._jobs.all_events_after, self._settling.cursor)
        until = self._settling.settled([event.id for _, event in found], time.monotonic())
        for tenant, event in found:
            if event.id <= until:
                self._tell(tenant, event)
        await self._look_at_progress()

    def _tell(self, tenant: str, event: Event) -> None:
        for listener in self._listeners:
            if listener.tenant == tenant and listener.job_id in {None, event.job_id} and event.id > listener.since:
                listener.tell(event)

    async def _look_at_progress(self) -> None:
        heard = {listener.job_id for listener in self._listeners if listener.job_id is not None}
        if not heard or time.monotonic() - self._progress_at < _PROGRESS_EVERY_S:
            return
        self._progress_at = time.monotonic()
        found: dict[str, Progress] = await self._read(self._jobs.progress_of, heard)
        for listener in self._listeners:
            if listener.job_id in found:
                listener.tell_progress(found[listener.job_id])


async def until_final(listener: Listener, timeout_s: float) -> None:
    """Return when the job that is listened to ends, or after the time."""
    until = time.monotonic() + timeout_s
    while (left_s := until - time.monotonic()) > 0:
        events = await listener.news(left_s)
        if events is None or any(event.kind in FINAL_KINDS for event in events):
            return


async def happenings(listener: Listener, heartbeat_s: float, watcher: Watcher) -> AsyncIterator[list[Event] | None]:
    """What the listener hears, None when it heard nothing for `heartbeat_s`; ends when the process does."""
    while not watcher.is_ending:
        yield await listener.news(heartbeat_s)
