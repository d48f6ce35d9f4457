"""Searches a channel for speech: what the detector hears, without leaks of other channels and sounds of the line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.options import PreprocessOptions
from pipeline.preprocess import loudness
from pipeline.preprocess.coupling import decoupled
from pipeline.preprocess.crosstalk import without_leaks
from pipeline.preprocess.level import gains_so_far
from pipeline.preprocess.listening import UNIT, detect
from pipeline.preprocess.loudness import HOP
from pipeline.preprocess.marks import Listened, listen
from pipeline.preprocess.onsets import goes_on, heard_again
from pipeline.preprocess.segments import Stretch, find_speech, runs
from pipeline.preprocess.spool import Track
from pipeline.preprocess.tones import is_tone
from pipeline.preprocess.vad import WINDOW, SileroVad, find_model

BLOCK = 64 * HOP
"""Samples (6.4 s) that are measured at once."""

GONE = 0.5
"""Of its probability, at most, is left of speech that leaked."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard on a channel.

    `probability` of speech is that of the channel without leaks and tones, `raw` with both. `found` are the stretches
    that sound like speech, `speech` what is left without sounds of the line, `copied` where the channel is little but
    a copy of another one; all in windows.
    """

    raw: NDArray[np.float32]
    probability: NDArray[np.float32]
    found: Sequence[Stretch]
    speech: Sequence[Stretch]
    leaked: Sequence[Stretch]
    listened: Listened
    copied: Sequence[Stretch] = ()

    def speech_samples(self, track: Track) -> list[tuple[int, int]]:
        """`speech` in samples of `track`."""
        return [samples_of(each, track) for each in self.speech]


class Search:
    """All channels of a recording, which are searched one after another."""

    def __init__(self, tracks: Sequence[Track], options: PreprocessOptions) -> None:
        self.levels = [loudness.measure(track.blocks(BLOCK)) for track in tracks]
        self._tracks = tracks
        self.decoupled = decoupled(tracks, self.levels)
        self._options = options
        self._vad = SileroVad(find_model())
        length = len(tracks[0])
        # As a `Listener` knows them when it hears a unit: with the one after it.
        self._gains = gains_so_far(self.levels, [min(start + 2 * UNIT, length) for start in range(0, length, UNIT)])

    def is_silent(self, order: int) -> bool:
        """Whether nothing at all is on channel `order`, so that it need not be searched."""
        return all(gain is None for gain in self._gains[order])

    def hear(self, order: int, watch: Callable[[float], None]) -> Heard:
        """Hear channel `order`."""
        track, levels = self._tracks[order], self.levels[order]
        raw = self._probability(track, order, watch)
        alone = self.decoupled[order]
        freed = raw if alone is track else self._probability(alone, order, lambda _: None)
        own = without_leaks(freed, alone, [*self._tracks[:order], *self._tracks[order + 1 :]])
        listened = listen(track, raw, levels)
        probability = listened.sounds.without(own)
        likely = find_speech(probability, self._options)
        speech = [
            each
            for each in likely
            if self._is_voice(each, track, listened) and not self._is_onset(each, likely, alone, order)
        ]
        leaked = find_speech(np.where(own < GONE * raw, raw, np.float32(0)), self._options)
        return Heard(raw, probability, find_speech(own, self._options), speech, leaked, listened, runs(own < freed))

    def _probability(self, track: Track, order: int, watch: Callable[[float], None]) -> NDArray[np.float32]:
        """Of speech on `track`, window by window, amplified as channel `order` is."""
        gains, detector = self._gains[order], self._vad.listen()
        found = []
        for number, (samples, gain) in enumerate(zip(track.blocks(UNIT), gains, strict=True), start=1):
            found.append(detect(detector, samples, gain))
            watch(number / len(gains))
        return np.concatenate(found)

    def _is_onset(self, stretch: Stretch, speech: Sequence[Stretch], track: Track, order: int) -> bool:
        if not goes_on(stretch, speech, track):
            return False
        gain = self._gains[order][stretch[0] * WINDOW // UNIT]
        return heard_again(stretch, track, gain, self._vad.listen()) < self._options.speech_threshold

    @staticmethod
    def _is_voice(stretch: Stretch, track: Track, listened: Listened) -> bool:
        samples = samples_of(stretch, track)
        return not is_tone(track, *samples) and not listened.sounds.is_note(samples)


def samples_of(stretch: Stretch, track: Track) -> tuple[int, int]:
    """A stretch of windows as a half-open range of samples of `track`."""
    return stretch[0] * WINDOW, min(stretch[1] * WINDOW, len(track))
