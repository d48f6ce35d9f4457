"""The spectra of a channel, block by block, and the steady tones in them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from pipeline.preprocess.spool import Track
from pipeline.preprocess.vad import WINDOW
from pipeline.values import SAMPLE_RATE_HZ

FRAME = 2048
"""Samples (128 ms): tones 40 Hz apart, as in American ringing, are two peaks."""
HOP = 2 * WINDOW
BIN_HZ = SAMPLE_RATE_HZ / FRAME
FRAMES_A_BLOCK = 100
LOWEST_BIN = round(200 / BIN_HZ)
"""Below are hum and rumble, which hide a tone and are none."""
LOBE = 3
"""Bins on each side of a peak that hold all of a steady tone under the Hann window."""
SECOND = 0.02
"""Of the power of the first tone: a weaker second one is none."""

Power = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tones:
    """The two strongest tones of each frame: `low_hz` <= `high_hz`, equal where there is but one.

    `share` is that of the power above 200 Hz that they hold, `level` the mean square there.
    """

    low_hz: NDArray[np.float32]
    high_hz: NDArray[np.float32]
    share: NDArray[np.float32]
    level: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.share)


def spectra(track: Track) -> Iterator[Power]:
    """Power spectra (frames, bins) of consecutive frames every HOP samples, block by block.

    Scaled so that the bins of a frame sum to its mean square. There is one frame for each two begun windows of the
    detector; the last ones are filled up with silence.
    """
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    scale = np.float32(2 / (FRAME * float(window @ window)))
    for start in range(0, len(track), FRAMES_A_BLOCK * HOP):
        samples = track.read(start, start + (FRAMES_A_BLOCK - 1) * HOP + FRAME)
        frames = min(FRAMES_A_BLOCK, -(-(len(track) - start) // HOP))
        padded = np.pad(samples, (0, (frames - 1) * HOP + FRAME - len(samples)))
        framed = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
        spectrum = rfft(framed * window, axis=1)
        yield (spectrum.real**2 + spectrum.imag**2) * scale


def find_tones(power: Power) -> Tones:
    """The two strongest tones of each frame of `power`."""
    heard = power.copy()
    heard[:, :LOWEST_BIN] = 0
    total = heard.sum(axis=1)
    first_hz, first = _take_peak(heard)
    second_hz, second = _take_peak(heard)
    is_pair = second > SECOND * first
    second_hz = np.where(is_pair, second_hz, first_hz)
    share = (first + np.where(is_pair, second, 0)) / np.maximum(total, np.finfo(np.float32).tiny)
    return Tones(np.minimum(first_hz, second_hz), np.maximum(first_hz, second_hz), share, total)


def joined(parts: list[Tones]) -> Tones:
    """The tones of consecutive blocks as one."""
    if not parts:
        return Tones(*(np.empty(0, np.float32) for _ in range(4)))
    return Tones(*(np.concatenate(each) for each in zip(*map(_fields, parts), strict=True)))


def _fields(tones: Tones) -> tuple[NDArray[np.float32], ...]:
    return tones.low_hz, tones.high_hz, tones.share, tones.level


def _take_peak(power: Power) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frequency and power of the strongest peak of each frame, which is taken out of `power`.

    The frequency is the centre of the power of the lobe, exact to a fraction of a bin for a steady tone.
    """
    rows = np.arange(len(power))[:, None]
    columns = np.clip(power.argmax(axis=1)[:, None] + np.arange(-LOBE, LOBE + 1), 0, power.shape[1] - 1)
    lobe = power[rows, columns]
    held = lobe.sum(axis=1)
    centre = (lobe * columns).sum(axis=1) / np.maximum(held, np.finfo(np.float32).tiny)
    power[rows, columns] = 0
    return (centre * BIN_HZ).astype(np.float32), held
