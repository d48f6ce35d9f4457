"""Reads the headers of AU, AIFF and CAF: mostly uncompressed samples behind a header that says how they are stored.

Each is parsed here and its samples are decoded as headerless ones, so libsndfile's own parsers of these formats, with
their history of memory errors (CVE-2022-33065), never see a byte of them. What is compressed goes to FFmpeg.
"""

import math
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from pipeline.audio.header import AudioHeader, RawEncoding, describe_raw
from pipeline.audio.magic import Container
from pipeline.errors import BadChannels, BadSampleRate, CorruptHeader, UnsupportedEncoding

MOST_CHUNKS = 1000
COMM_BYTES = 18
"""Without the compression type, which AIFF-C adds."""
UNKNOWN_LENGTH = 0xFFFF_FFFF
BIG, LITTLE = "BIG", "LITTLE"
"""libsndfile's names."""

_PCM: Final = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
_FLOAT: Final = {32: "FLOAT", 64: "DOUBLE"}
_AU: Final = {
    1: RawEncoding("ULAW", BIG, 1),
    27: RawEncoding("ALAW", BIG, 1),
    **{code: RawEncoding(_PCM[8 * size], BIG, size) for code, size in ((2, 1), (3, 2), (4, 3), (5, 4))},
    **{code: RawEncoding(_FLOAT[8 * size], BIG, size) for code, size in ((6, 4), (7, 8))},
}
_AIFC_PCM: Final = {b"NONE": BIG, b"twos": BIG, b"sowt": LITTLE, b"in24": BIG, b"in32": BIG}
_AIFC_OTHER: Final = {
    b"ulaw": RawEncoding("ULAW", BIG, 1),
    b"ULAW": RawEncoding("ULAW", BIG, 1),
    b"alaw": RawEncoding("ALAW", BIG, 1),
    b"ALAW": RawEncoding("ALAW", BIG, 1),
    b"fl32": RawEncoding("FLOAT", BIG, 4),
    b"FL32": RawEncoding("FLOAT", BIG, 4),
    b"fl64": RawEncoding("DOUBLE", BIG, 8),
    b"FL64": RawEncoding("DOUBLE", BIG, 8),
}
_CAF_FLOAT, _CAF_LITTLE = 1, 2
_LIBAV: Final = frozenset({b"ima4", b"aac ", b"alac", b"opus", b"samr", b".mp3"})
"""Compressed kinds of AIFF-C and CAF, which FFmpeg decodes."""


def examine_au(file: BinaryIO) -> AudioHeader:
    """The header of a Sun AU file, and its samples."""
    head = _read(file, 0, 24)
    start, claimed, code, rate_hz, channels = struct.unpack(">IIIII", head[4:])
    if code not in _AU:
        raise UnsupportedEncoding(f"AU encoding {code}")
    if start < len(head):
        raise CorruptHeader("the samples begin inside the header")
    header = _header(Container.AU, rate_hz, channels, _AU[code])
    return describe_raw(header, file, start, None if claimed == UNKNOWN_LENGTH else claimed)


def examine_aiff(file: BinaryIO) -> AudioHeader:
    """The header of an AIFF or AIFF-C file, and its samples; its two chunks may come in any order."""
    layout: AudioHeader | None = None
    data: tuple[int, int] | None = None
    for name, start, size in _chunks(file, 12, ">4sI", 2):
        if name == b"COMM":
            layout = _read_comm(_read(file, start, min(size, 22)))
        elif name == b"SSND":
            offset = int.from_bytes(_read(file, start, 8)[:4], "big")
            data = start + 8 + offset, max(0, size - 8 - offset)
        if layout is not None and data is not None:
            return layout if layout.libav else describe_raw(layout, file, *data)
    raise CorruptHeader("no COMM and SSND chunks")


def _read_comm(body: bytes) -> AudioHeader:
    if len(body) < COMM_BYTES:
        raise CorruptHeader("the COMM chunk is cut")
    channels, _, bits = struct.unpack(">HIH", body[:8])
    # An 80-bit float of the 68881: sign and exponent in 16 bits, then 64 bits of mantissa.
    exponent, mantissa = struct.unpack(">HQ", body[8:18])
    rate_hz = math.ldexp(mantissa, (exponent & 0x7FFF) - 16383 - 63) if exponent < 16383 + 63 else math.inf
    kind = body[18:22] or b"NONE"
    encoding = _AIFC_OTHER.get(kind)
    if kind in _AIFC_PCM and bits in _PCM:
        encoding = RawEncoding(_PCM[bits], _AIFC_PCM[kind], bits // 8)
    if encoding is None and kind not in _LIBAV:
        raise UnsupportedEncoding(f"AIFF {kind.decode('ascii', 'replace')}, {bits} bits")
    return _header(Container.AIFF, rate_hz, channels, encoding)


def examine_caf(file: BinaryIO) -> AudioHeader:
    """The header of a Core Audio Format file, and its samples."""
    layout: AudioHeader | None = None
    for name, start, size in _chunks(file, 8, ">4sq", 1):
        if name == b"desc":
            layout = _read_desc(_read(file, start, 32))
        elif name == b"data":
            if layout is None:
                raise CorruptHeader("data before its description")
            if layout.libav:
                return layout
            # The edit count stands before the samples; a length of -1 means up to the end.
            return describe_raw(layout, file, start + 4, None if size < 0 else max(0, size - 4))
    raise CorruptHeader("no desc and data chunks")


def _read_desc(body: bytes) -> AudioHeader:
    rate_hz, kind, flags, block_bytes, block_frames, channels, bits = struct.unpack(">d4sIIIII", body)
    encoding = None
    if kind == b"lpcm":
        subtype = (_FLOAT if flags & _CAF_FLOAT else _PCM).get(bits)
        endian = LITTLE if flags & _CAF_LITTLE else BIG
        encoding = RawEncoding(subtype, endian, bits // 8) if subtype else None
    elif kind in (b"ulaw", b"alaw"):
        encoding = RawEncoding(kind.decode().upper(), BIG, 1)
    if kind in _LIBAV:
        return _header(Container.CAF, rate_hz, channels, None)
    if encoding is None or block_frames != 1 or block_bytes != encoding.block_bytes * channels:
        raise UnsupportedEncoding(f"CAF {kind.decode('ascii', 'replace')}, {bits} bits")
    return _header(Container.CAF, rate_hz, channels, encoding)


def _header(container: Container, rate_hz: float, channels: int, encoding: RawEncoding | None) -> AudioHeader:
    if not math.isfinite(rate_hz) or round(rate_hz) < 1:
        raise BadSampleRate(f"{rate_hz} Hz")
    if channels == 0:
        raise BadChannels("0 channels")
    return AudioHeader(container, round(rate_hz), channels, raw=encoding, libav=encoding is None)


def _chunks(file: BinaryIO, position: int, layout: str, alignment: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk; only a negative size, which runs to the end, is passed on unchanged."""
    head_bytes = struct.calcsize(layout)
    end = os.fstat(file.fileno()).st_size
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(head_bytes)
        if len(head) < head_bytes:
            return
        name, size = struct.unpack(layout, head)
        yield name, position + head_bytes, size
        if size < 0 or position + head_bytes + size >= end:
            return
        position += head_bytes + size + size % alignment
    raise CorruptHeader("too many chunks")


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = file.read(size)
    if len(data) < size:
        raise CorruptHeader("it is cut")
    return data
