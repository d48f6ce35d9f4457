"""Short recordings of speech, as many as are wanted, no two alike."""

import io
import wave
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DEMO_CALL = Path(__file__).parents[2] / "workers" / "demo" / "call.wav"
RATE_HZ = 8000
DURATION_S = 1.2
POISONOUS_S = 2.6
# Where the demo call's agent has spoken for a while, without a pause.
_SPOKEN_S = (0.6, 3.6)


def recording(number: int) -> bytes:
    """The `number`th: a WAV file of a second of real speech, cut at a place, at a level and with a noise of its own."""
    random = np.random.default_rng(number)
    return _cut(random, DURATION_S)


def poisonous() -> bytes:
    """One that is longer than all others, by which the stub knows it."""
    return _cut(np.random.default_rng(0), POISONOUS_S)


def _cut(random: np.random.Generator, duration_s: float) -> bytes:
    spoken = _speech()
    length = round(duration_s * RATE_HZ)
    start = int(random.integers(0, len(spoken) - length))
    samples = spoken[start : start + length] * random.uniform(0.5, 1.0) + random.normal(0.0, 20.0, length)
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE_HZ)
        written.writeframes(samples.clip(-32_768, 32_767).astype("<i2").tobytes())
    return file.getvalue()


@cache
def _speech() -> NDArray[np.float64]:
    """A stretch of the demo call's first channel, mu-law decoded by the formula of G.711."""
    content = DEMO_CALL.read_bytes()
    coded = np.frombuffer(content[content.index(b"data") + 8 :], np.uint8)[0::2]
    inverted = ~coded
    magnitude = (((inverted & 0x0F).astype(np.int32) << 3) + 0x84) << ((inverted & 0x70) >> 4)
    samples = np.where(inverted & 0x80, 0x84 - magnitude, magnitude - 0x84)
    first, last = (round(at * RATE_HZ) for at in _SPOKEN_S)
    return samples[first:last].astype(np.float64)
