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
# As long as a look takes, and the time of a busy machine.
_PATIENCE_S = 2.5


class Readiness:
    """What `workers.health` found at the last look; nobody looks while nobody asks."""

    def __init__(self, runtime: Runtime, read: Callable[..., Awaitable[Any]]) -> None:
        self._runtime = runtime
        self._read = read
        self._told: dict[str, Any] | None = None
        self._looked_at = -math.inf
        self._looking: asyncio.Task[None] | None = None

    async def told(self) -> dict[str, Any]:
        """`status`: ok, degraded, or unknown where a look takes too long; `queues`: how each answered.

        Says nothing of how much waits: that is for those who have a key.
        """
        if self._is_old():
            self._looking = self._looking or asyncio.create_task(self._look())
            # What was true when somebody last asked, perhaps hours ago, is no answer.
            await asyncio.wait([self._looking], timeout=_PATIENCE_S)
        return {"status": "unknown"} if self._told is None or self._is_old() else self._told

    def _is_old(self) -> bool:
        return time.monotonic() - self._looked_at > _FRESH_FOR_S

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
