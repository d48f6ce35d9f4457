"""The header of a FLAC frame (RFC 9639, section 9.1), read to learn where in the recording the last frame stands."""

from dataclasses import dataclass
from typing import Final

CRC8_POLYNOMIAL: Final = 0x07
SYNC, SYNC_MASK = 0xFFF8, 0xFFFE
"""Fourteen bits set, one clear; the last bit tells blocks of fixed from blocks of variable length."""
SHORTEST_HEADER_BYTES, LONGEST_HEADER_BYTES = 6, 16
_BLOCK_8_BITS, _BLOCK_16_BITS = 6, 7
_RATE_INVALID = 15
_RATE_EXTRA_BYTES: Final = {12: 1, 13: 2, 14: 2}
_CODED_BYTES: Final = ((0x80, 0x00, 1), (0xE0, 0xC0, 2), (0xF0, 0xE0, 3), (0xF8, 0xF0, 4), (0xFC, 0xF8, 5))
_MORE_CODED_BYTES: Final = ((0xFE, 0xFC, 6), (0xFF, 0xFE, 7))


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The number that a frame carries (of its first sample, or of the frame if `fixed`), and its length in samples."""

    fixed: bool
    number: int
    block_frames: int


def find_last(data: bytes) -> FrameHeader | None:
    """The last frame header in `data` whose checksum is right; None without one."""
    position = data.rfind(b"\xff")
    while position >= 0:
        found = parse(data[position : position + LONGEST_HEADER_BYTES])
        if found is not None:
            return found
        position = data.rfind(b"\xff", 0, position)
    return None


def parse(head: bytes) -> FrameHeader | None:
    """The frame header that `head` starts with; None when it is none or its checksum is wrong."""
    if len(head) < SHORTEST_HEADER_BYTES or int.from_bytes(head[:2], "big") & SYNC_MASK != SYNC or head[3] & 1:
        return None
    block_code, rate_code = head[2] >> 4, head[2] & 15
    size = next((size for mask, bits, size in (*_CODED_BYTES, *_MORE_CODED_BYTES) if head[4] & mask == bits), 0)
    block_bytes = {_BLOCK_8_BITS: 1, _BLOCK_16_BITS: 2}.get(block_code, 0)
    end = 4 + size + block_bytes + _RATE_EXTRA_BYTES.get(rate_code, 0)
    if not size or not block_code or rate_code == _RATE_INVALID or len(head) <= end or head[end] != crc8(head[:end]):
        return None
    extra = head[4 + size : 4 + size + block_bytes]
    number = head[4] & (0x7F if size == 1 else (1 << max(0, 7 - size)) - 1)
    for byte in head[5 : 4 + size]:
        number = number << 6 | byte & 0x3F
    return FrameHeader(not head[1] & 1, number, _block_frames(block_code, extra))


def crc8(data: bytes) -> int:
    """The checksum of a frame header: polynomial x^8 + x^2 + x + 1, from 0."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register << 1 & 0xFF ^ (CRC8_POLYNOMIAL if register & 0x80 else 0)
    return register


def _block_frames(code: int, extra: bytes) -> int:
    if extra:
        return int.from_bytes(extra, "big") + 1
    if code == 1:
        return 192
    return 576 << code - 2 if code < _BLOCK_8_BITS else 256 << code - 8
