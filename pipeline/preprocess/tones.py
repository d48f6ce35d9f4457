"""Tells tones (dialling, ringing, beeps) from speech by how few frequencies hold all of their power."""

import numpy as np
from numpy.typing import NDArray

from pipeline.preprocess.spool import Track

FRAME = 1024
STRONGEST_BINS = 8
"""Two steady tones with the main lobes of the Hann window."""
TONE_SHARE = 0.95
"""Of the power. Stretches of speech of 0.2 s and more, telephone band, were at most 0.88; dialling tones 0.97."""
MAX_FRAMES = 470
"""Half a minute: enough to judge a stretch of any length."""


def is_tone(track: Track, start: int, stop: int) -> bool:
    """Whether samples `start` to `stop` of `track` are one or two steady tones and nothing else."""
    samples = track.read(start, min(stop, start + MAX_FRAMES * FRAME))
    return tonal_share(samples) >= TONE_SHARE


def tonal_share(samples: NDArray[np.float32]) -> float:
    """The share (0 to 1) of the power that lies in the STRONGEST_BINS of the mean spectrum; 0 when too short."""
    frames = len(samples) // FRAME
    if frames == 0:
        return 0.0
    # The window keeps a tone between two bins from leaking over all of them.
    spectrum = np.fft.rfft(samples[: frames * FRAME].reshape(frames, FRAME) * np.hanning(FRAME))
    power = np.sort((spectrum.real**2 + spectrum.imag**2).mean(axis=0))
    total = float(power.sum())
    return float(power[-STRONGEST_BINS:].sum()) / total if total else 0.0
