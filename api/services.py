"""What the routes work with: the client, threads for what blocks, and the watcher that listeners share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from api.feeds import Feeds
from api.forecasts import Forecasts
from api.limits import RateLimiter
from api.looks import Looks
from api.readiness import Readiness
from api.uploads import UploadLimits
from api.watching import Watcher
from workers.client import Client
from workers.db.session import CONNECTIONS
from workers.jobs import Jobs
from workers.jobs.keys import ApiKeys

Given = ParamSpec("Given")
Result = TypeVar("Result")

# A connection for each. Reading has threads of its own, so that uploads which wait for a disk do not make those wait
# who only ask.
_READERS = CONNECTIONS // 2
_WRITERS = CONNECTIONS - _READERS
_ADDRESS_FAILURES_PER_MIN = 30


class Services:
    """The parts that requests share; `is_open` says that who comes from this machine needs no key while none exists."""

    def __init__(self, client: Client, *, is_open: bool) -> None:
        self.client = client
        self.is_open = is_open
        self.settings = client.settings
        self.keys = ApiKeys(client.runtime.database)
        self.looks = Looks(self.read)
        self.watcher = Watcher(self.jobs, self.read)
        self.forecast = Forecasts(self.jobs, self.read)
        self.readiness = Readiness(client.runtime, self.read)
        self.upload_limits = UploadLimits(self.settings.max_upload_bytes, self.settings.upload_stall_s)
        self.rates = RateLimiter(self.settings.api_rate_per_min)
        self.failures = RateLimiter(_ADDRESS_FAILURES_PER_MIN if self.settings.api_rate_per_min else 0)
        self.feeds = Feeds(client)
        self.handing_in: set[tuple[str, str]] = set()
        self._readers = ThreadPoolExecutor(_READERS, "read")
        self._writers = ThreadPoolExecutor(_WRITERS, "write")

    @property
    def jobs(self) -> Jobs:
        """The jobs of all tenants: for the watcher, never for a route."""
        return self.client.runtime.jobs

    async def read(self, act: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Run a short read where it may block."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, partial(act, *args, **kwargs))

    async def write(self, act: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Run what writes to a disk or the database where it may block."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, partial(act, *args, **kwargs))

    async def is_ready(self) -> None:
        """Return if the database answers; DatabaseAway if it does not."""
        await self.read(self.keys.exist)

    def close(self) -> None:
        """Let go of threads and connections."""
        self.feeds.close()
        for threads in (self._readers, self._writers):
            threads.shutdown(wait=True, cancel_futures=True)
        self.client.close()
