"""Checks the STREAMINFO block of a FLAC file (RFC 9639, section 8.2)."""

import os
from typing import BinaryIO

from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import Container
from pipeline.errors import BadSampleRate, CorruptHeader

STREAMINFO_BYTES = 34
MOST_FRAMES_A_BYTE = 65_535 // 11
"""The longest block, in the fewest bytes that a frame header, one constant subframe and its checksums take."""


def examine(file: BinaryIO) -> AudioHeader:
    """The header of `file`; CorruptHeader when it is cut or claims more audio than its bytes could ever hold."""
    file.seek(0)
    head = file.read(8 + STREAMINFO_BYTES)
    if len(head) < 8 + STREAMINFO_BYTES or head[4] & 0x7F != 0:
        raise CorruptHeader("no STREAMINFO")
    facts = int.from_bytes(head[18:26], "big")
    rate_hz, channels, frames = facts >> 44, (facts >> 41 & 7) + 1, facts & (1 << 36) - 1
    if rate_hz == 0:
        raise BadSampleRate("0 Hz")
    # libsndfile would allocate nothing for the claim, but callers that plan by it would.
    if frames > os.fstat(file.fileno()).st_size * MOST_FRAMES_A_BYTE:
        raise CorruptHeader("it claims more audio than it can hold")
    return AudioHeader(Container.FLAC, rate_hz, channels, frames or None)
