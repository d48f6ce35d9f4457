"""Whether the work of every queue gets done, from one look now and then: who asks does not wait for workers."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from workers import health
from workers.errors import BrokerAway, DatabaseAway
from workers.runtime import Runtime

logger = logging.getLogger(__name__)

# Anyone may ask as often as they like, and each look sends a message to every queue.
_FRESH_FOR_S = 15.0
_FIRST_WAIT_S = 2.5


class Readiness:
    """What `workers.health` found at the last look; nobody looks while nobody asks."""

    def __init__(self, runtime: Runtime, read: Callable[..., Awaitable[Any]]) -> None:
        self._runtime = runtime
        self._read = read
        self._told: dict[str, Any] | None = None
        self._looked_at = -math.inf
        self._looking: asyncio.Task[None] | None = None

    async def told(self) -> dict[str, Any]:
        """`status`: ok, degraded, or unknown until the first look has ended; `queues`: how each answered.

        Says nothing of how much waits: that is for those who have a key.
        """
        if self._looking is None and time.monotonic() - self._looked_at > _FRESH_FOR_S:
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None and self._told is None:
            await asyncio.wait([self._looking], timeout=_FIRST_WAIT_S)
        return self._told or {"status": "unknown"}

    async def _look(self) -> None:
        try:
            found: health.Health = await self._read(health.examine, self._runtime, timeout_s=1.0)
            queues = {each.queue: "stalled" if each.is_stalled else str(each.answer) for each in found.queues}
            self._told = {"status": found.document["status"], "queues": queues}
        except (BrokerAway, DatabaseAway) as error:
            logger.warning("readiness.away", extra={"code": error.code, "detail": error.detail})
            self._told = {"status": "degraded", "code": error.code}
        finally:
            self._looked_at = time.monotonic()
            self._looking = None
