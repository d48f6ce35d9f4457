"""Walks the pages of an Ogg file (RFC 3533): which streams it holds, how long they are, whether the end is there.

libsndfile decodes the first link of a chained file and says nothing of the rest, so chains are found here.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import Container
from pipeline.errors import ChainedStream, CorruptHeader, NoAudioStream, UnsupportedEncoding

OPUS_RATE_HZ = 48_000
"""Opus counts its granules at this rate, whatever rate it was made from (RFC 7845)."""

_OTHER_AUDIO = (b"Speex", b"\x7fFLAC", b"CELT")
_PAGE = struct.Struct("<4sBBqIIIB")
_BEGINS, _ENDS = 2, 4
_RESYNC_BYTES = 64 * 1024
MOST_GAPS = 200
MOST_PAGES = 2_000_000
"""More pages, or more gaps between them, are no recording: pages of a second last three weeks."""


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    body: int


def examine(file: BinaryIO) -> AudioHeader:
    """The header of the one audio stream in `file`.

    Raises ChainedStream for a second link, NoAudioStream without audio, UnsupportedEncoding for several streams or
    other codecs, CorruptHeader when the identification header is damaged.
    """
    first: list[bytes] = []
    granules: list[int] = [0, 0]
    complete = data_seen = False
    for page in _pages(file):
        if page.flags & _BEGINS:
            # A first page after audio begins another link of a chain; before it, another stream beside this one.
            if data_seen:
                raise ChainedStream
            file.seek(page.body)
            first.append(file.read(19))
            continue
        # -1 marks a page on which no packet ends, 0 the pages of headers.
        if page.granule > 0:
            granules = [granules[0] if data_seen else page.granule, page.granule]
            data_seen = True
        complete = bool(page.flags & _ENDS)
    if not first:
        raise CorruptHeader("no first page")
    channels, rate_hz, granule_rate_hz = _identify(first)
    frames = (granules[1] - granules[0]) * rate_hz // granule_rate_hz
    return AudioHeader(Container.OGG, rate_hz, channels, frames, () if complete else ("truncated",))


def _identify(packets: list[bytes]) -> tuple[int, int, int]:
    """Channels, the rate that libsndfile decodes to, and the rate of granules, from the first packet of each stream."""
    audio = [each for each in packets if each.startswith((b"OpusHead", b"\x01vorbis", *_OTHER_AUDIO))]
    if not audio:
        raise NoAudioStream
    if len(packets) > 1 or audio[0].startswith(_OTHER_AUDIO):
        raise UnsupportedEncoding("only one stream of Vorbis or Opus is decoded")
    packet = audio[0]
    opus = packet.startswith(b"OpusHead")
    if len(packet) < (19 if opus else 16):
        raise CorruptHeader("the identification header is cut")
    channels = packet[9] if opus else packet[11]
    rate_hz = OPUS_RATE_HZ if opus else int.from_bytes(packet[12:16], "little")
    if channels == 0 or rate_hz == 0:
        raise CorruptHeader(f"{channels} channels at {rate_hz} Hz")
    return channels, rate_hz, rate_hz


def _pages(file: BinaryIO) -> Iterator[_Page]:
    position = gaps = 0
    for _ in range(MOST_PAGES):
        file.seek(position)
        head = file.read(_PAGE.size)
        if len(head) < _PAGE.size:
            return
        magic, _, flags, granule, serial, _, _, segments = _PAGE.unpack(head)
        if magic != b"OggS":
            gaps += 1
            if gaps > MOST_GAPS:
                break
            found = (head + file.read(_RESYNC_BYTES)).find(b"OggS", 1)
            position += found if found > 0 else _RESYNC_BYTES
            continue
        lacing = file.read(segments)
        body = position + _PAGE.size + segments
        yield _Page(flags, granule, serial, body)
        position = body + sum(lacing)
    raise CorruptHeader("too many pages or gaps between them")
