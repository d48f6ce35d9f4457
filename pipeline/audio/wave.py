"""Checks the header of WAV, RF64 and Sony Wave64 before libsndfile sees it.

The data length of a header is a claim: streaming writers leave it at its maximum, cut files fall short of it. What
counts is the size of the file.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import Container
from pipeline.errors import BadChannels, BadSampleRate, CorruptHeader, NoAudioSamples, UnsupportedEncoding

PCM, MS_ADPCM, FLOAT, A_LAW, MU_LAW, IMA_ADPCM, GSM_610, EXTENSIBLE = 1, 2, 3, 6, 7, 0x11, 0x31, 0xFFFE
_BITS = {PCM: {8, 16, 24, 32}, FLOAT: {32, 64}, A_LAW: {8}, MU_LAW: {8}, MS_ADPCM: {4}, IMA_ADPCM: {4}}
GSM_BLOCK_BYTES, GSM_BLOCK_FRAMES = 65, 320

LIBAV_TAGS = frozenset({0x14, 0x22, 0x38, 0x42, 0x45, 0x50, 0x55, 0x57, 0x58, 0x64, 0x83, 0x111, 0x28F})
"""G.723.1, TrueSpeech, AMR, G.723.1, G.726, MPEG layers II and III, AMR (two), G.726, G.729, G.723.1 and G.722."""

FORMAT_BYTES = 16
MOST_CHUNKS = 1000
MOST_ADPCM_FRAMES = (1 << 31) - 1
"""libsndfile multiplies blocks and their samples in 32 bits (CVE-2026-37555)."""
PLACEHOLDER_BYTES = 0x7FFF_0000
"""Writers that could not seek back leave a length from here up, meaning unknown."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class _Format:
    """The `fmt ` chunk, with the tag of an extensible format resolved."""

    tag: int
    channels: int
    sample_rate_hz: int
    block_bytes: int
    bits: int
    block_frames: int


def examine(file: BinaryIO, container: Container) -> AudioHeader:
    """The header of `file`, or the error that says what is wrong with it.

    Raises CorruptHeader, BadSampleRate, BadChannels, UnsupportedEncoding or NoAudioSamples.
    """
    size = os.fstat(file.fileno()).st_size
    layout: _Format | None = None
    for chunk in _chunks(file, container):
        if chunk.name == b"data":
            if layout is None:
                raise CorruptHeader("data before its format")
            return _describe(container, layout, chunk.size, size - chunk.start)
        # Only audio data may be cut: any other chunk that runs past the end hides where the data begins.
        if chunk.start + chunk.size > size:
            raise CorruptHeader("a chunk is longer than the file")
        if chunk.name == b"fmt ":
            layout = _read_format(file, chunk)
    raise CorruptHeader("no audio data")


def _chunks(file: BinaryIO, container: Container) -> Iterator[_Chunk]:
    """Walk the chunks; the size of RF64's data is the one its ds64 chunk says."""
    wide = container is Container.W64
    head_bytes, alignment, position = (24, 8, 40) if wide else (8, 2, 12)
    data_bytes = None
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(head_bytes)
        if len(head) < head_bytes:
            return
        size = struct.unpack("<Q", head[16:])[0] - head_bytes if wide else struct.unpack("<I", head[4:])[0]
        if size < 0:
            raise CorruptHeader("a chunk of negative length")
        if head[:4] == b"ds64":
            data_bytes = int.from_bytes(file.read(16)[8:], "little")
        elif head[:4] == b"data" and data_bytes is not None:
            size = data_bytes
        yield _Chunk(head[:4], position + head_bytes, size)
        position += head_bytes + size + -size % alignment
    raise CorruptHeader("too many chunks")


def _read_format(file: BinaryIO, chunk: _Chunk) -> _Format:
    file.seek(chunk.start)
    body = file.read(min(chunk.size, 40))
    if len(body) < FORMAT_BYTES or len(body) < min(chunk.size, 40):
        raise CorruptHeader("the format chunk is cut")
    tag, channels, rate_hz, _, block_bytes, bits = struct.unpack("<HHIIHH", body[:FORMAT_BYTES])
    if tag == EXTENSIBLE:
        tag = int.from_bytes(body[24:26], "little")
    layout = _Format(tag, channels, rate_hz, block_bytes, bits, _block_frames(tag, body))
    if rate_hz == 0:
        raise BadSampleRate("0 Hz")
    if channels == 0:
        raise BadChannels("0 channels")
    if tag not in LIBAV_TAGS:
        _check_encoding(layout)
    return layout


def _block_frames(tag: int, body: bytes) -> int:
    if tag == GSM_610:
        return GSM_BLOCK_FRAMES
    return int.from_bytes(body[18:20], "little") if tag in (MS_ADPCM, IMA_ADPCM) else 1


def _check_encoding(layout: _Format) -> None:
    """Refuse unknown encodings and blocks whose size does not follow from their encoding."""
    tag, bits, channels = layout.tag, layout.bits, layout.channels
    if tag != GSM_610 and bits not in _BITS.get(tag, ()):
        raise UnsupportedEncoding(f"format {tag:#06x}, {bits} bits")
    if tag == GSM_610:
        fits = channels == 1 and layout.block_bytes == GSM_BLOCK_BYTES
    elif tag == IMA_ADPCM:
        fits = layout.block_frames == (layout.block_bytes - 4 * channels) * 2 // channels + 1
    elif tag == MS_ADPCM:
        fits = layout.block_frames == (layout.block_bytes - 7 * channels) * 2 // channels + 2
    else:
        fits = layout.block_bytes == channels * (bits // 8)
    if not fits or layout.block_frames < 1:
        raise UnsupportedEncoding(f"format {tag:#06x}, blocks of {layout.block_bytes} bytes")


def _describe(container: Container, layout: _Format, claimed_bytes: int, held_bytes: int) -> AudioHeader:
    if layout.tag in LIBAV_TAGS:
        return AudioHeader(container, layout.sample_rate_hz, layout.channels, libav=True)
    data_bytes = min(claimed_bytes, held_bytes)
    if data_bytes < layout.block_bytes:
        raise NoAudioSamples
    warnings: tuple[str, ...] = ()
    if held_bytes < claimed_bytes < PLACEHOLDER_BYTES:
        warnings = ("truncated",)
    elif data_bytes % layout.block_bytes and layout.block_frames == 1:
        warnings = ("partial_frame",)
    frames = data_bytes // layout.block_bytes * layout.block_frames
    if layout.tag in (IMA_ADPCM, MS_ADPCM) and frames > MOST_ADPCM_FRAMES:
        raise UnsupportedEncoding("more samples than ADPCM is decoded to")
    return AudioHeader(container, layout.sample_rate_hz, layout.channels, frames, warnings)
