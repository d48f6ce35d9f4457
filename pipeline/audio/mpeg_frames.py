"""The header of an MPEG audio Layer III frame (ISO/IEC 11172-3 and 13818-3, and the MPEG-2.5 extension)."""

from dataclasses import dataclass
from typing import Final

HEADER_BYTES = 4
SYNC = 0xFFE2
"""Eleven bits set, any version, layer III; the bits of SYNC_MASK."""
SYNC_MASK = 0xFFE6
MPEG_1 = 3
MPEG_RESERVED = 1
MONO = 3
RUN = 3
"""So many frames in a row that agree are taken for MP3."""

_KBPS: Final = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """One frame: its length in bytes with the header, and what it decodes to."""

    length: int
    sample_rate_hz: int
    channels: int
    samples: int
    side_info_bytes: int


def parse(word: bytes) -> FrameHeader | None:
    """The frame that starts with the four bytes `word`, None when they are no Layer III header."""
    if len(word) < HEADER_BYTES or int.from_bytes(word[:2], "big") & SYNC_MASK != SYNC:
        return None
    version, rate_index, bitrate_index = word[1] >> 3 & 3, word[2] >> 2 & 3, word[2] >> 4
    if version == MPEG_RESERVED or rate_index == len(_RATES_HZ[version]) or bitrate_index in (0, 15):
        return None
    generation = 1 if version == MPEG_1 else 2
    rate_hz = _RATES_HZ[version][rate_index]
    channels = 1 if word[3] >> 6 == MONO else 2
    samples = 1152 if generation == 1 else 576
    length = samples // 8 * _KBPS[generation][bitrate_index] * 1000 // rate_hz + (word[2] >> 1 & 1)
    side_info_bytes = {(1, 1): 17, (1, 2): 32, (2, 1): 9, (2, 2): 17}[generation, channels]
    return FrameHeader(length, rate_hz, channels, samples, side_info_bytes)


def find_run(data: bytes, start: int = 0) -> int | None:
    """Where in `data` the first run of RUN agreeing frames begins, at `start` or later; None without one.

    A shorter run counts when it ends exactly with `data`.
    """
    position = data.find(b"\xff", start)
    while position >= 0:
        if _is_run(data, position):
            return position
        position = data.find(b"\xff", position + 1)
    return None


def _is_run(data: bytes, position: int) -> bool:
    rate_hz = None
    for _ in range(RUN):
        frame = parse(data[position : position + HEADER_BYTES])
        if frame is None or rate_hz not in (None, frame.sample_rate_hz):
            return False
        rate_hz = frame.sample_rate_hz
        position += frame.length
        if position == len(data):
            return True
    return True
