"""Decodes a recording onto disk: 16 kHz a channel, without DC, with what the channels have to do with each other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt, sosfilt_zi

from pipeline.audio import AudioReader, Declared, Limits, open_audio
from pipeline.errors import DecoderCrash, InputError, TooShort
from pipeline.options import PreprocessOptions
from pipeline.preprocess.meter import Meter, Reading
from pipeline.preprocess.spool import Spool
from pipeline.preprocess.unusable import unusable
from pipeline.values import SAMPLE_RATE_HZ

MIN_DURATION_S = 0.1
CUTOFF_HZ = 40.0
"""Below the lowest voice: takes away DC and rumble."""
LOUDEST = 1e9
"""Samples beyond are cut off, so that no filter or square of them leaves the range of a float."""
SAME_WITHIN = 1e-4
"""Channels that differ by less than this share of their energy (-40 dB) are copies; a lossy codec differs by less."""


class Relation(StrEnum):
    """What the channels have to do with each other."""

    INDEPENDENT = "independent"
    IDENTICAL = "identical"
    INVERTED = "inverted"


@dataclass(frozen=True, slots=True)
class Ingested:
    """A recording on disk, and what is known of it once it has been decoded to the end."""

    spools: tuple[Spool, ...]
    readings: tuple[Reading, ...]
    sample_rate_hz: int
    container: str
    codec: str
    duration_s: float
    relation: Relation
    warnings: tuple[str, ...]


class _Comparison:
    """Adds up how much the other channels differ from the first one, and from its mirror image."""

    def __init__(self) -> None:
        self._energy = self._difference = self._sum = 0.0

    def add(self, block: NDArray[np.float32]) -> None:
        """Account for `block`, shape (frames, channels)."""
        first, others = block[:, :1], block[:, 1:]
        self._energy += float(np.vdot(first, first)) * others.shape[1]
        difference, total = others - first, others + first
        self._difference += float(np.vdot(difference, difference))
        self._sum += float(np.vdot(total, total))

    @property
    def relation(self) -> Relation:
        """The verdict on all blocks so far."""
        if self._energy > 0 and self._difference <= SAME_WITHIN * self._energy:
            return Relation.IDENTICAL
        if self._energy > 0 and self._sum <= SAME_WITHIN * self._energy:
            return Relation.INVERTED
        return Relation.INDEPENDENT


def ingest(source: Path, options: PreprocessOptions, on_progress: Callable[[float], None]) -> Ingested:
    """Decode the recording at `source`.

    Raises what `open_audio` and `AudioReader.blocks` raise, and TooShort, with the `report` of what is known of it.
    """
    try:
        return _ingest(source, options, on_progress)
    except DecoderCrash:
        # Once more, as it may have been killed for the memory that others took.
        return _ingest(source, options, on_progress)


def _ingest(source: Path, options: PreprocessOptions, on_progress: Callable[[float], None]) -> Ingested:
    reader: AudioReader | None = None
    try:
        with opened(source, options) as reader:
            return _read(reader, on_progress)
    except InputError as error:
        error.report = unusable(source, reader, error)
        raise


def _read(reader: AudioReader, on_progress: Callable[[float], None]) -> Ingested:
    spools = tuple(Spool() for _ in range(reader.channels))
    meters = tuple(Meter() for _ in range(reader.channels))
    comparison = _Comparison()
    for block in resampled(_metered(reader, meters), reader.sample_rate_hz, reader.channels):
        comparison.add(block)
        for channel, spool in enumerate(spools):
            spool.append(block[:, channel])
        on_progress(reader.progress)
    duration_s = reader.frames_read / reader.sample_rate_hz
    if duration_s < MIN_DURATION_S:
        raise TooShort(f"{duration_s * 1000:.0f} ms")
    relation = comparison.relation if reader.channels > 1 else Relation.INDEPENDENT
    return Ingested(
        spools=spools,
        readings=tuple(meter.reading for meter in meters),
        sample_rate_hz=reader.sample_rate_hz,
        container=reader.container,
        codec=reader.codec,
        duration_s=duration_s,
        relation=relation,
        warnings=reader.warnings,
    )


def _metered(reader: AudioReader, meters: Sequence[Meter]) -> Iterator[NDArray[np.float32]]:
    for block in reader.blocks():
        for channel, meter in enumerate(meters):
            meter.add(block[:, channel])
        yield block


def opened(source: Path, options: PreprocessOptions) -> AudioReader:
    """The recording at `source`, open as the options declare and limit it; raises what `open_audio` raises."""
    limits = Limits(options.max_duration_s, options.max_channels)
    declared = options.encoding and Declared(options.encoding, options.sample_rate_hz, options.channel_count)
    return open_audio(source, limits, declared or None)


def resampled(
    blocks: Iterable[NDArray[np.float32]], sample_rate_hz: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    """Blocks at 16 kHz (soxr VHQ, 28 bits), high-passed at 40 Hz by a Butterworth filter of order 2.

    `blocks` of shape (frames, channels) are clipped in place. At 28 bits soxr reckons in double precision, for no more
    time: a part of a recording then becomes the same samples, bit for bit, as it does within the whole.
    """
    resampler = soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, channels, dtype="float32", quality="VHQ")
    # Filtered at the lower rate: half the work for a telephone call.
    before, after = _HighPass(sample_rate_hz), _HighPass(SAMPLE_RATE_HZ)
    is_upsampled = sample_rate_hz < SAMPLE_RATE_HZ
    # The last, empty block makes the resampler give out what its filter still holds.
    for block in chain(blocks, [np.empty((0, channels), np.float32)]):
        clipped = np.clip(block, -LOUDEST, LOUDEST, out=block)
        converted = resampler.resample_chunk(before(clipped) if is_upsampled else clipped, last=not len(block))
        if len(converted):
            yield converted if is_upsampled else after(converted)


class _HighPass:
    """Takes away what is below 40 Hz, block after block."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sections = butter(2, CUTOFF_HZ, "highpass", fs=sample_rate_hz, output="sos")
        self._state: NDArray[np.float64] | None = None

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(block):
            return block
        if self._state is None:
            # Settled on the first sample, so that a constant offset makes no click at the start.
            self._state = sosfilt_zi(self._sections)[:, :, None] * block[0]
        filtered, self._state = sosfilt(self._sections, block, axis=0, zi=self._state)
        return np.asarray(filtered, np.float32)
