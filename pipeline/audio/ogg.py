"""Walks the pages of an Ogg file (RFC 3533): which streams it holds, how long they are, whether the end is there.

libsndfile decodes the first link of a chained file and says nothing of the rest, so chains are taken apart here.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import Container
from pipeline.audio.window import Window
from pipeline.errors import ChainedStream, CorruptHeader, NoAudioStream

OPUS_RATE_HZ = 48_000
"""Opus counts its granules at this rate, whatever rate it was made from (RFC 7845)."""

_LIBSNDFILE, _OTHER_AUDIO = (b"OpusHead", b"\x01vorbis"), (b"Speex", b"\x7fFLAC")
_PAGE = struct.Struct("<4sBBqIIIB")
_BEGINS, _ENDS = 2, 4
_RESYNC_BYTES = 64 * 1024
MOST_GAPS = 200
MOST_LINKS = 1000
MOST_PAGES = 2_000_000
"""More pages, or more gaps between them, are no recording: pages of a second last three weeks."""


@dataclass(frozen=True, slots=True)
class _Page:
    start: int
    flags: int
    granule: int
    body: int


@dataclass(slots=True)
class _Link:
    """One link of a chain: where it begins, the first packet of each of its streams, and the granules of its audio."""

    start: int
    packets: list[bytes] = field(default_factory=list)
    first_granule: int | None = None
    last_granule: int = 0
    complete: bool = False

    def add(self, page: _Page) -> None:
        """Account for a page that begins no stream."""
        # -1 marks a page on which no packet ends, 0 the pages of headers.
        if page.granule > 0:
            self.first_granule = page.granule if self.first_granule is None else self.first_granule
            self.last_granule = page.granule
        self.complete = bool(page.flags & _ENDS)


def examine(file: BinaryIO) -> AudioHeader:
    """The header of the audio in `file`, with a part for each link of a chain.

    Speex, FLAC, and audio beside a picture are left to FFmpeg. Raises ChainedStream for links that can't be joined,
    NoAudioStream without audio, CorruptHeader when an identification header is damaged.
    """
    links = _links(file)
    if not links:
        raise CorruptHeader("no first page")
    if any(_is_for_libav(link.packets) for link in links):
        if len(links) > 1:
            raise ChainedStream("only chains of Vorbis or Opus alone are read")
        return AudioHeader(Container.OGG, OPUS_RATE_HZ, 1, libav=True)
    kinds = [_identify(link.packets) for link in links]
    if len(set(kinds)) > 1:
        raise ChainedStream("codec, sample rate or channels change")
    frames = sum(link.last_granule - (link.first_granule or 0) for link in links)
    stops = [*(link.start for link in links[1:]), None]
    parts = tuple(Window(file, link.start, stop) for link, stop in zip(links, stops, strict=True))
    warnings = () if all(link.complete for link in links) else ("truncated",)
    channels, rate_hz, _ = kinds[0]
    return AudioHeader(
        Container.OGG, rate_hz, channels, frames, warnings, parts if len(parts) > 1 or links[0].start else ()
    )


def _links(file: BinaryIO) -> list[_Link]:
    links: list[_Link] = []
    for page in _pages(file):
        if not page.flags & _BEGINS:
            if links:
                links[-1].add(page)
            continue
        # A first page after audio begins another link of a chain; before it, another stream beside this one.
        if not links or links[-1].first_granule is not None:
            links.append(_Link(page.start))
        if len(links) > MOST_LINKS:
            raise CorruptHeader("too many links")
        file.seek(page.body)
        links[-1].packets.append(file.read(19))
    return links


def _is_for_libav(packets: list[bytes]) -> bool:
    """Whether the streams that begin with `packets` are more or other than one of Vorbis or Opus.

    Raises NoAudioStream when none of them is audio.
    """
    if not any(packet.startswith((*_LIBSNDFILE, *_OTHER_AUDIO)) for packet in packets):
        raise NoAudioStream
    return len(packets) > 1 or packets[0].startswith(_OTHER_AUDIO)


def _identify(packets: list[bytes]) -> tuple[int, int, bytes]:
    """Channels, the rate of granules, and what else links must have in common, from the first packet of a stream."""
    packet = packets[0]
    opus = packet.startswith(b"OpusHead")
    if len(packet) < (19 if opus else 16):
        raise CorruptHeader("the identification header is cut")
    channels = packet[9] if opus else packet[11]
    rate_hz = OPUS_RATE_HZ if opus else int.from_bytes(packet[12:16], "little")
    if channels == 0 or rate_hz == 0:
        raise CorruptHeader(f"{channels} channels at {rate_hz} Hz")
    # The rate that Opus was made from is the one that libsndfile decodes it to.
    return channels, rate_hz, packet[12:16]


def _pages(file: BinaryIO) -> Iterator[_Page]:
    position = gaps = 0
    for _ in range(MOST_PAGES):
        file.seek(position)
        head = file.read(_PAGE.size)
        if len(head) < _PAGE.size:
            return
        magic, _, flags, granule, _, _, _, segments = _PAGE.unpack(head)
        if magic != b"OggS":
            gaps += 1
            if gaps > MOST_GAPS:
                break
            found = (head + file.read(_RESYNC_BYTES)).find(b"OggS", 1)
            position += found if found > 0 else _RESYNC_BYTES
            continue
        lacing = file.read(segments)
        body = position + _PAGE.size + segments
        yield _Page(position, flags, granule, body)
        position = body + sum(lacing)
    raise CorruptHeader("too many pages or gaps between them")
