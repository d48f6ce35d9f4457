"""Tells by its statistics how a file without a header stores speech.

Decoded as what it is, speech can be predicted from the samples before; decoded as anything else, it is noise. The
measure is the prediction gain of a linear predictor of order 2, in decibels. It can't tell the sample rate: that of
telephones is assumed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

WINDOWS, WINDOW_BYTES = 32, 16 * 1024
"""What is looked at: so many stretches, spread over the file."""
FEWEST_BYTES = 8000
FRAME = 160
LOUD = 0.01
"""Of the energy of the loudest frames: speech, and not the line between the words."""
LEAST_GAIN_DB = 4.0
LEAST_DYNAMICS_DB = 10.0
"""Between the 10th and the 90th percentile of frames: speech has pauses, tables of numbers have none."""
LEAST_MARGIN_DB = 3.0
"""Over the next best way to decode it; it also makes up half of the confidence."""
MOST_BIAS = 0.25
"""Mean over standard deviation, as a sound swings both ways and text does not."""
GSM_FRAME_BYTES = 33
GSM_SIGNATURE = 0xD
"""The upper half of the first byte of each frame (RFC 3551, section 4.5.8)."""
FEWEST_GSM_FRAMES, MOST_GSM_FRAMES = 25, 1000

_FOREIGN: Final = (
    *(b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"),
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"%PDF", b"\x7fELF", b"MZ", b"SQLite"),
    *(b"RIFF", b"RF64", b"FORM", b"OggS", b"fLaC", b"ID3"),
)
_TAR_OFFSET, _TAR_MAGIC = 257, b"ustar"


@dataclass(frozen=True, slots=True)
class Guess:
    """The encoding by FFmpeg's name, the number of channels, and how sure that is, 0 to 1."""

    encoding: str
    channels: int
    confidence: float


def mu_law_table() -> NDArray[np.float64]:
    """The 256 values of G.711 mu-law, full scale 32124."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float64)


def a_law_table() -> NDArray[np.float64]:
    """The 256 values of G.711 A-law, full scale 32256."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 0x0F
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 0x108 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float64)


def recognise(file: BinaryIO) -> Guess | None:
    """The encoding that fits `file` clearly better than all others; None when it is no speech or no sound at all."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(512)
    if head.startswith(_FOREIGN) or head[_TAR_OFFSET:].startswith(_TAR_MAGIC):
        return None
    if _is_gsm(file, size):
        return Guess("gsm", 1, 1.0)
    return _compare(file, size) if size >= FEWEST_BYTES else None


def _compare(file: BinaryIO, size: int) -> Guess | None:
    stretches = list(_stretches(file, size))
    gains = {
        (encoding, channels): _gain_db([each[first::channels] for each in decoded for first in range(channels)])
        for encoding, decoded in _decodings(stretches)
        for channels in (1, 2)
    }
    (encoding, channels), best_db = max(gains.items(), key=lambda item: item[1])
    # The same samples taken for one channel or two are no rivals.
    rival_db = max(gain_db for (other, _), gain_db in gains.items() if other != encoding)
    margin_db = best_db - max(rival_db, 0.0)
    if best_db < LEAST_GAIN_DB or margin_db < LEAST_MARGIN_DB:
        return None
    return Guess(encoding, channels, 1 - 0.5 ** (margin_db / LEAST_MARGIN_DB))


def _is_gsm(file: BinaryIO, size: int) -> bool:
    """Whether all frames carry the signature, which one in sixteen would by accident."""
    frames = size // GSM_FRAME_BYTES
    if frames < FEWEST_GSM_FRAMES:
        return False
    positions = np.linspace(0, frames - 1, min(frames, MOST_GSM_FRAMES), dtype=np.int64) * GSM_FRAME_BYTES
    return all(os.pread(file.fileno(), 1, int(position))[0] >> 4 == GSM_SIGNATURE for position in positions)


def _stretches(file: BinaryIO, size: int) -> Iterator[bytes]:
    count = min(WINDOWS, max(1, size // WINDOW_BYTES))
    for start in np.linspace(0, max(0, size - WINDOW_BYTES), count, dtype=np.int64):
        # Whole frames of two channels of 16 bits.
        file.seek(int(start) & ~3)
        data = file.read(WINDOW_BYTES)
        yield data[: len(data) & ~3]


def _decodings(stretches: list[bytes]) -> Iterator[tuple[str, list[NDArray[np.float64]]]]:
    for encoding, table in (("pcm_mulaw", mu_law_table()), ("pcm_alaw", a_law_table())):
        yield encoding, [table[np.frombuffer(data, np.uint8)] for data in stretches]
    for encoding, kind in (("pcm_s16le", "<i2"), ("pcm_s16be", ">i2")):
        yield encoding, [np.frombuffer(data, kind).astype(np.float64) for data in stretches]


def _gain_db(stretches: list[NDArray[np.float64]]) -> float:
    """The median prediction gain of the loud frames; -inf for what does not swing and pause as a voice does."""
    frames = np.concatenate([each[: len(each) // FRAME * FRAME].reshape(-1, FRAME) for each in stretches])
    if abs(frames.mean()) > MOST_BIAS * frames.std():
        return -np.inf
    frames = frames - frames.mean(axis=1, keepdims=True)
    energy = (frames * frames).sum(axis=1)
    soft, strong = np.percentile(energy, (10, 90))
    if strong < soft * 10 ** (LEAST_DYNAMICS_DB / 10):
        return -np.inf
    loud = frames[(energy >= LOUD * np.percentile(energy, 99)) & (energy > 0)]
    if not len(loud):
        return -np.inf
    return float(np.median(10 * np.log10(_prediction_gain(loud))))


def _prediction_gain(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy over that of the residual of order 2, by the Levinson recursion, for each row."""
    r0, r1, r2 = ((frames[:, lag:] * frames[:, : FRAME - lag]).sum(axis=1) for lag in range(3))
    first = r1 / r0
    left = 1 - first * first
    second = (r2 / r0 - first * first) / left
    gain: NDArray[np.float64] = 1 / (left * (1 - second * second))
    return gain
