"""What a file says of itself, and what is refused on the strength of that before anything is decoded."""

from dataclasses import dataclass
from typing import BinaryIO

from pipeline.audio.magic import Container
from pipeline.audio.window import Window
from pipeline.errors import BadChannels, BadSampleRate, DurationLimit, NoAudioSamples, TooManyChannels

MIN_SAMPLE_RATE_HZ = 4_000
MAX_SAMPLE_RATE_HZ = 384_000
MOST_SENSIBLE_CHANNELS = 1024
"""libsndfile reads no more; a header that says more is nonsense rather than a big recording."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The longest recording and the most channels that are decoded."""

    max_duration_s: float
    max_channels: int


@dataclass(frozen=True, slots=True)
class Declared:
    """What a caller says of a file without a header; the rate and channels of a telephone unless told."""

    encoding: str
    sample_rate_hz: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class RawEncoding:
    """Samples without a header of their own, by libsndfile's names; `block_bytes` a channel hold `block_frames`."""

    subtype: str
    endian: str
    block_bytes: int
    block_frames: int = 1


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """The facts of a header.

    `frames` is the number of samples a channel that the file can really hold by its size, None when only decoding
    tells. `warnings` are stable tokens. `parts` is what to decode instead of the file, one after another, when it was
    mended or is a chain; `raw` says that they hold nothing but samples, `libav` that libsndfile can't decode it.
    """

    container: Container
    sample_rate_hz: int
    channels: int
    frames: int | None = None
    warnings: tuple[str, ...] = ()
    parts: tuple[BinaryIO | Window, ...] = ()
    raw: RawEncoding | None = None
    libav: bool = False


def check(header: AudioHeader, limits: Limits) -> None:
    """Raise BadSampleRate, BadChannels, TooManyChannels or DurationLimit when `header` is outside what is decoded."""
    check_stream(header.sample_rate_hz, header.channels, limits)
    if header.frames is not None and header.frames > limits.max_duration_s * header.sample_rate_hz:
        hours = header.frames / header.sample_rate_hz / 3600
        raise DurationLimit(f"{hours:.1f} h, the limit is {limits.max_duration_s / 3600:.1f} h")


def check_stream(sample_rate_hz: int, channels: int, limits: Limits) -> None:
    """Raise BadSampleRate, BadChannels or TooManyChannels."""
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise BadSampleRate(f"{sample_rate_hz} Hz")
    if not 1 <= channels <= MOST_SENSIBLE_CHANNELS:
        raise BadChannels(f"{channels} channels")
    if channels > limits.max_channels:
        raise TooManyChannels(f"{channels}, the limit is {limits.max_channels}")


def describe_raw(header: AudioHeader, file: BinaryIO, start: int, claimed_bytes: int | None) -> AudioHeader:
    """`header` with the raw samples from `start` on: as many as it claims (None: all) and `file` holds.

    Raises NoAudioSamples when there is not one.
    """
    assert header.raw is not None
    everything = Window(file, start)
    held_bytes = everything.seek(0, 2)
    data_bytes = held_bytes if claimed_bytes is None else min(claimed_bytes, held_bytes)
    block_bytes = header.raw.block_bytes * header.channels
    blocks = data_bytes // block_bytes if block_bytes else 0
    if blocks == 0:
        raise NoAudioSamples
    warnings: tuple[str, ...] = ()
    if claimed_bytes is not None and claimed_bytes > held_bytes:
        warnings = ("truncated",)
    elif data_bytes % block_bytes:
        warnings = ("partial_frame",)
    part = Window(file, start, start + blocks * block_bytes)
    frames = blocks * header.raw.block_frames
    return AudioHeader(header.container, header.sample_rate_hz, header.channels, frames, warnings, (part,), header.raw)
