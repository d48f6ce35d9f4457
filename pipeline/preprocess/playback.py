"""A recording of any codec as a WAV file that every player reads, and its outline, to be drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from pipeline.audio import AudioReader
from pipeline.options import PreprocessOptions
from pipeline.preprocess.ingest import opened
from pipeline.values import SAMPLE_RATE_HZ

_COLUMNS = 2000
"""As many as a wide screen shows."""
_PEAK_S = 0.05
"""Outlines are gathered in steps of this length, since the length of a recording is known at its end."""
FULL = 127
TONE_HZ = 1000
TONE_PEAK = 0.1
"""As loud as quiet speech: a whole card number of it is not to hurt."""
Stretch = tuple[float, float]
"""Seconds from the start of the recording: from, up to."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Lowest and highest sample of each column of one channel, shape (columns, 2), int8 with full scale 127."""

    peaks: NDArray[np.int8]


class _Peaks:
    """Gathers the extremes of one channel, a step of `frames` samples at a time."""

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._rest = np.empty(0, np.float32)
        self._extremes: list[NDArray[np.float32]] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        joined = np.concatenate((self._rest, samples))
        steps = joined[: len(joined) // self._frames * self._frames].reshape(-1, self._frames)
        self._extremes.append(np.stack((steps.min(1), steps.max(1)), 1) if len(steps) else np.empty((0, 2), np.float32))
        self._rest = joined[steps.size :].copy()

    @property
    def outline(self) -> Outline:
        rest = [np.array([[self._rest.min(), self._rest.max()]], np.float32)] if len(self._rest) else []
        extremes = np.concatenate([*self._extremes, *rest]) if self._extremes or rest else np.zeros((1, 2), np.float32)
        edges = np.linspace(0, len(extremes), min(len(extremes), _COLUMNS), endpoint=False).astype(np.intp)
        low, high = np.minimum.reduceat(extremes[:, 0], edges), np.maximum.reduceat(extremes[:, 1], edges)
        return Outline(np.round(np.clip(np.stack((low, high), 1), -1, 1) * FULL).astype(np.int8))


def write_playable(
    source: Path, options: PreprocessOptions, target: Path, silenced: Sequence[Stretch] = ()
) -> tuple[Outline, ...]:
    """Decode `source` into the 16-bit WAV file `target`, block by block; the outline of each channel.

    The rate stays, or becomes 16 kHz where it is higher: what is heard is what was transcribed. On every channel a tone
    stands in place of the stretches `silenced`, (start, end) in seconds.

    Raises an InputError of `pipeline.errors`, as preprocess does.
    """
    with opened(source, options) as reader:
        rate_hz = min(reader.sample_rate_hz, SAMPLE_RATE_HZ)
        peaks = [_Peaks(max(1, round(_PEAK_S * rate_hz))) for _ in range(reader.channels)]
        with soundfile.SoundFile(target, "w", rate_hz, reader.channels, "PCM_16", format="WAV") as playable:
            for block in _bleeped(_converted(reader, rate_hz), rate_hz, silenced):
                playable.write(block)
                _gather(peaks, block)
    return tuple(gathered.outline for gathered in peaks)


def _converted(reader: AudioReader, rate_hz: int) -> Iterator[NDArray[np.float32]]:
    resampler = soxr.ResampleStream(reader.sample_rate_hz, rate_hz, reader.channels, dtype="float32")
    # The last, empty block makes the resampler give out what its filter still holds.
    for block in chain(reader.blocks(), [np.empty((0, reader.channels), np.float32)]):
        converted = resampler.resample_chunk(np.clip(block, -1, 1), last=not len(block))
        yield converted.reshape(-1, reader.channels)


def _bleeped(
    blocks: Iterator[NDArray[np.float32]], rate_hz: int, silenced: Sequence[Stretch]
) -> Iterator[NDArray[np.float32]]:
    edges = [(int(start_s * rate_hz), int(np.ceil(end_s * rate_hz))) for start_s, end_s in silenced]
    first = 0
    for block in blocks:
        end = first + len(block)
        for start, stop in edges:
            if start < end and stop > first:
                at = np.arange(max(start, first), min(stop, end))
                tone = TONE_PEAK * np.sin(2 * np.pi * TONE_HZ / rate_hz * (at % rate_hz))
                block[at - first] = tone[:, None]
        first = end
        yield block


def _gather(peaks: Sequence[_Peaks], block: NDArray[np.float32]) -> None:
    for channel, gathered in enumerate(peaks):
        gathered.add(block[:, channel])
