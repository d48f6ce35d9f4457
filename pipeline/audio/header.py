"""What a file says of itself, and what is refused on the strength of that before anything is decoded."""

from dataclasses import dataclass
from typing import BinaryIO

from pipeline.audio.magic import Container
from pipeline.errors import BadChannels, BadSampleRate, DurationLimit, TooManyChannels

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
class AudioHeader:
    """The facts of a header.

    `frames` is the number of samples a channel that the file can really hold by its size, None when only decoding
    tells. `warnings` are stable tokens. `repaired` is what to decode instead of the file, when it needed mending.
    """

    container: Container
    sample_rate_hz: int
    channels: int
    frames: int | None = None
    warnings: tuple[str, ...] = ()
    repaired: BinaryIO | None = None


def check(header: AudioHeader, limits: Limits) -> None:
    """Raise BadSampleRate, BadChannels, TooManyChannels or DurationLimit when `header` is outside what is decoded."""
    if not MIN_SAMPLE_RATE_HZ <= header.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise BadSampleRate(f"{header.sample_rate_hz} Hz")
    if not 1 <= header.channels <= MOST_SENSIBLE_CHANNELS:
        raise BadChannels(f"{header.channels} channels")
    if header.channels > limits.max_channels:
        raise TooManyChannels(f"{header.channels}, the limit is {limits.max_channels}")
    if header.frames is not None and header.frames > limits.max_duration_s * header.sample_rate_hz:
        hours = header.frames / header.sample_rate_hz / 3600
        raise DurationLimit(f"{hours:.1f} h, the limit is {limits.max_duration_s / 3600:.1f} h")
