"""Checks the STREAMINFO block of a FLAC file (RFC 9639, section 8.2).

libsndfile stops at the number of samples that STREAMINFO claims. A file that holds more, as its last frame shows, is
decoded with that number mended.
"""

import os
from typing import BinaryIO

from pipeline.audio import flac_frames
from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import Container
from pipeline.audio.window import Window
from pipeline.errors import BadSampleRate, CorruptHeader

STREAMINFO_BYTES = 34
TAIL_BYTES = 128 * 1024
"""More than the longest frame of 8 channels and 16 bits at the block size that encoders use."""
FACTS_OFFSET = 18
MOST_FRAMES_A_BYTE = 65_535 // 11
"""The longest block, in the fewest bytes that a frame header, one constant subframe and its checksums take."""


def examine(file: BinaryIO) -> AudioHeader:
    """The header of `file`; CorruptHeader when it is cut or claims more audio than its bytes could ever hold."""
    file.seek(0)
    head = file.read(8 + STREAMINFO_BYTES)
    if len(head) < 8 + STREAMINFO_BYTES or head[4] & 0x7F != 0:
        raise CorruptHeader("no STREAMINFO")
    facts = int.from_bytes(head[FACTS_OFFSET : FACTS_OFFSET + 8], "big")
    rate_hz, channels, frames = facts >> 44, (facts >> 41 & 7) + 1, facts & (1 << 36) - 1
    if rate_hz == 0:
        raise BadSampleRate("0 Hz")
    most_frames = os.fstat(file.fileno()).st_size * MOST_FRAMES_A_BYTE
    # libsndfile would allocate nothing for the claim, but callers that plan by it would.
    if frames > most_frames:
        raise CorruptHeader("it claims more audio than it can hold")
    held = _held_frames(file, block_frames=int.from_bytes(head[10:12], "big"))
    parts: tuple[Window, ...] = ()
    if frames < held <= most_frames:
        mended = facts >> 36 << 36 | held
        parts = (Window(file, patch=(FACTS_OFFSET, mended.to_bytes(8, "big"))),)
    return AudioHeader(Container.FLAC, rate_hz, channels, frames or None, parts=parts)


def _held_frames(file: BinaryIO, block_frames: int) -> int:
    """Where the last frame of the file ends, in samples a channel; 0 when none is found."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    last = flac_frames.find_last(file.read())
    if last is None:
        return 0
    return (last.number * block_frames if last.fixed else last.number) + last.block_frames
