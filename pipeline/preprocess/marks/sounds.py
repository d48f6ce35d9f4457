"""The sounds of a channel, what they leave of the speech that was found, and how they are reported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.preflight import MarkKind, SoundMark
from pipeline.preprocess.vad import WINDOW
from pipeline.values import SAMPLE_RATE_HZ

Range = tuple[int, int]
"""Half-open, in samples at 16 kHz."""

PAUSE_S = {MarkKind.DTMF: 3.0}
LONGEST_PAUSE_S = 6.5
"""Pulses of one kind that are not further apart, with no speech between them, are one mark."""
SERIES_S, AFTER = 0.4, 2
"""Between tones that are so near nobody speaks; the detector needs some windows to forget a tone."""
BLIP_S = 1.5
"""Speech within music that is not longer is a note: the detector mistakes few, and announcements are longer."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One tone; `key` where it is that of a telephone key."""

    kind: MarkKind
    start: int
    stop: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Sounds:
    """What was heard on a channel: tones in order, and stretches of music."""

    pulses: tuple[Pulse, ...] = ()
    music: tuple[Range, ...] = ()

    def without(self, probability: NDArray[np.float32]) -> NDArray[np.float32]:
        """`probability` of speech, window by window, with 0 where a tone is heard."""
        kept = probability.copy()
        stop = -SAMPLE_RATE_HZ
        for pulse in self.pulses:
            is_series = pulse.start - stop <= SERIES_S * SAMPLE_RATE_HZ
            start, stop = stop if is_series else pulse.start, max(stop, pulse.stop)
            kept[start // WINDOW : -(-stop // WINDOW) + AFTER] = 0
        return kept

    def is_note(self, speech: Range) -> bool:
        """Whether a stretch of speech is too short to be any within music."""
        start, stop = speech
        if stop - start > BLIP_S * SAMPLE_RATE_HZ:
            return False
        return any(first <= start and stop <= last for first, last in self.music)

    def marks(self, speech: Sequence[Range]) -> tuple[SoundMark, ...]:
        """All sounds in order of time; pulses are joined where no one of `speech` is between them."""
        music = (SoundMark(MarkKind.MUSIC, _seconds(start), _seconds(stop)) for start, stop in self.music)
        kinds = dict.fromkeys(pulse.kind for pulse in self.pulses)
        tones = (mark for kind in kinds for mark in self._joined(kind, speech))
        return tuple(sorted((*music, *tones), key=lambda mark: (mark.start_s, mark.kind)))

    def _joined(self, kind: MarkKind, speech: Sequence[Range]) -> Iterator[SoundMark]:
        pulses = [pulse for pulse in self.pulses if pulse.kind is kind]
        longest = PAUSE_S.get(kind, LONGEST_PAUSE_S) * SAMPLE_RATE_HZ
        begin = 0
        for at in range(1, len(pulses) + 1):
            if at < len(pulses) and _is_one(pulses[at - 1], pulses[at], longest, speech):
                continue
            digits = "".join(pulse.key or "" for pulse in pulses[begin:at])
            yield SoundMark(kind, _seconds(pulses[begin].start), _seconds(pulses[at - 1].stop), digits or None)
            begin = at


def _is_one(before: Pulse, after: Pulse, longest: float, speech: Sequence[Range]) -> bool:
    is_near = after.start - before.stop <= longest
    return is_near and not any(start < after.start and stop > before.stop for start, stop in speech)


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE_HZ, 3)
