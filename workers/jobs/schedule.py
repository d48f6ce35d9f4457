"""When an event that could not be delivered is sent again: after seconds at first, for the last time after a day."""

import random
from dataclasses import dataclass

# In units of the base, which is 5 s: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 6 h and 10 h later.
_WAITS = (1, 6, 24, 120, 360, 720, 1440, 2880, 4320, 7200)
_JITTER = 0.2
_LONGEST_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Waits between the attempts at a delivery; with the usual base of 5 s they come to 23.7 hours."""

    base_s: float = 5.0

    @property
    def most_attempts(self) -> int:
        """After this many attempts a delivery is given up."""
        return len(_WAITS) + 1

    def wait_s(self, attempts: int, asked_s: float | None = None) -> float | None:
        """Seconds until the attempt after this many, or None when there is none.

        Never less than the receiver asked for with Retry-After, up to a day, and with a fifth of jitter on top or off:
        receivers that went down are not run over by all at once when they come back.
        """
        if attempts >= self.most_attempts:
            return None
        planned_s = self.base_s * _WAITS[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return max(planned_s, min(asked_s or 0.0, _LONGEST_S))
