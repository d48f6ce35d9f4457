"""Queue position and time to go of every job that waits, from one look at the backlog now and then."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from workers.errors import DatabaseAway
from workers.jobs import Jobs, JobStatus
from workers.jobs.forecast import Outlook

logger = logging.getLogger(__name__)

Outlooks = dict[str, Outlook]

_LOOK_EVERY_S = 1.0
_ASKED_WITHIN_S = 60.0
# A long backlog takes a while to read, which must stay a small part of the time.
_PAUSE_PER_READ = 20.0
# Before, it says little.
_LEAST_DONE = 0.1


class Forecasts:
    """The outlook of each job as of the last look; nobody looks while nobody asks."""

    def __init__(self, jobs: Jobs, read: Callable[..., Awaitable[Any]]) -> None:
        self._jobs = jobs
        self._read = read
        self._outlooks: Outlooks = {}
        self._at = self._asked_at = time.monotonic()

    def of(self, job: JobStatus) -> tuple[int | None, float | None]:
        """Queue position and seconds to go; None where that is not known yet, or the job has ended."""
        self._asked_at = time.monotonic()
        outlook = self._outlooks.get(job.id)
        if job.is_final or outlook is None:
            return None, None
        position = None if job.started_at is not None else outlook.position
        if outlook.eta_s is None:
            return position, _by_its_own_pace(job, time.time())
        return position, round(max(0.0, outlook.eta_s - (self._asked_at - self._at)), 1)

    async def run(self) -> None:
        """Look again and again until it is canceled."""
        while True:
            took_s = await self._look() if time.monotonic() - self._asked_at < _ASKED_WITHIN_S else 0.0
            await asyncio.sleep(max(_LOOK_EVERY_S, _PAUSE_PER_READ * took_s))

    async def _look(self) -> float:
        started_at = time.monotonic()
        try:
            self._outlooks = await self._read(self._jobs.forecast)
        except DatabaseAway as error:
            logger.warning("forecast.away", extra={"detail": error.detail})
        self._at = time.monotonic()
        return self._at - started_at


def _by_its_own_pace(job: JobStatus, now: float) -> float | None:
    """What is left of the very first job, of whose last steps nothing is known yet, as if it went on as it began."""
    if job.started_at is None or job.progress < _LEAST_DONE:
        return None
    return round(max(0.0, now - job.started_at) * (1 / job.progress - 1), 1)
