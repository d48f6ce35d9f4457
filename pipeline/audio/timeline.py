"""Where the sound of a container stands in time: it may begin after the picture, and pause without a sample of silence.

A browser that records a call writes nothing while nothing arrives, and a video's sound may be set off by an edit list.
Played one after another, the samples would come ever earlier than they were spoken.
"""

from typing import Final

LEAST_GAP_S: Final = 0.2
"""Less is the rounding of time stamps and the delay of encoders."""
MOST_GAP_S: Final = 600.0
"""More is a clock that was set anew, as where broadcasts were joined; what follows goes on from there."""


class Timeline:
    """Follows the time stamps of the frames of one stream, in seconds from `origin_s`, the start of the container."""

    def __init__(self, origin_s: float) -> None:
        self._origin_s = origin_s
        self._frames = 0

    def silence_before(self, stamp_s: float | None, frames: int, sample_rate_hz: int) -> int:
        """How many samples of silence belong before `frames` that carry the time `stamp_s`; None for no stamp."""
        missing = 0
        if stamp_s is not None:
            gap_s = stamp_s - self._origin_s - self._frames / sample_rate_hz
            if gap_s > MOST_GAP_S:
                self._origin_s += gap_s
            elif gap_s > LEAST_GAP_S:
                missing = round(gap_s * sample_rate_hz)
        self._frames += missing + frames
        return missing
