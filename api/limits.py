"""How many requests a caller may make: a bucket of tokens for each, refilled steadily."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from api.errors import TooManyRequests

_MOST_CALLERS = 10_000
_WINDOW_S = 60


@dataclass
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Rate:
    """What a caller has left: `limit` in a window of 60 s, and when the bucket is full again."""

    limit: int
    remaining: int
    reset_s: int

    @property
    def headers(self) -> dict[str, str]:
        """As of draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={_WINDOW_S}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset_s}',
        }


class RateLimiter:
    """Token buckets by caller, in this process. A limit of 0 limits nothing."""

    def __init__(self, per_min: int) -> None:
        self.per_min = per_min
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count a request of this caller.

        Raises:
            TooManyRequests: nothing is left.
        """
        if not self.per_min:
            return
        bucket = self._bucket(caller)
        if bucket.tokens < 1:
            wait_s = (1 - bucket.tokens) * _WINDOW_S / self.per_min
            raise TooManyRequests(f"{self.per_min} in a minute", retry_after_s=wait_s)
        bucket.tokens -= 1

    def left(self, caller: str) -> dict[str, str]:
        """What this caller has left, as headers; none without a limit."""
        if not self.per_min:
            return {}
        bucket = self._bucket(caller)
        reset_s = round((self.per_min - bucket.tokens) * _WINDOW_S / self.per_min)
        return Rate(self.per_min, int(bucket.tokens), reset_s).headers

    def _bucket(self, caller: str) -> _Bucket:
        now = time.monotonic()
        bucket = self._buckets.setdefault(caller, _Bucket(self.per_min, now))
        bucket.tokens = min(self.per_min, bucket.tokens + (now - bucket.at) * self.per_min / _WINDOW_S)
        bucket.at = now
        self._buckets.move_to_end(caller)
        # Whoever was longest away has a full bucket again, or nearly.
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return bucket
