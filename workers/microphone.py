"""The microphone of this machine, as a stream of samples."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from workers.errors import MicrophoneAway

logger = logging.getLogger(__name__)

_BLOCK_S = 0.1
SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Microphone:
    """What to listen to: a device by its number or a part of its name (empty: the default one), and how."""

    device: str = ""
    sample_rate_hz: int = 16_000
    channels: int = 1


Listen = Callable[[Microphone], AbstractContextManager[Iterator[bytes]]]
"""Opens a microphone: 16-bit little-endian samples, channels interleaved, for as long as the context lasts."""


@contextmanager
def listen(microphone: Microphone) -> Iterator[Iterator[bytes]]:
    """What the microphone hears, see `Listen`.

    Raises:
        MicrophoneAway: there is none, or what it takes is not installed.
    """
    try:
        import sounddevice  # noqa: PLC0415  # an extra, which needs a library of the system as well
    except ImportError as error:
        raise MicrophoneAway("pip install 'voxqueue[microphone]'") from error
    except OSError as error:
        raise MicrophoneAway(f"{error}; for example: apt install libportaudio2") from error
    device = int(microphone.device) if microphone.device.isdecimal() else microphone.device or None
    frames = int(_BLOCK_S * microphone.sample_rate_hz)
    try:
        with sounddevice.RawInputStream(
            samplerate=microphone.sample_rate_hz, channels=microphone.channels, dtype="int16", device=device
        ) as stream:
            yield _blocks(stream.read, frames)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise MicrophoneAway(str(error)) from error


def _blocks(read: "Callable[[int], tuple[bytes, bool]]", frames: int) -> Iterator[bytes]:
    while True:
        block, has_overflown = read(frames)
        if has_overflown:
            logger.warning("microphone.overflow")
        yield bytes(block)


def at_most(blocks: Iterator[bytes], microphone: Microphone, seconds: float) -> Iterator[bytes]:
    """The first `seconds` of what is heard, to the frame; all of it when that is 0."""
    frame_bytes = SAMPLE_BYTES * microphone.channels
    left = round(seconds * microphone.sample_rate_hz) * frame_bytes
    if not seconds:
        yield from blocks
        return
    while left > 0:
        block = next(blocks, b"")[:left]
        if not block:
            return
        left -= len(block)
        yield block
