"""Recognises a container by its first bytes, from a list of those that may reach the decoder.

libsndfile itself reads some thirty formats, several with a history of memory errors (CVE-2022-33065), so it never
gets to choose: what is not on the list is refused here.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

from pipeline.audio import mpeg_frames
from pipeline.errors import FormatNotAllowed, UnrecognisedFormat

HEAD_BYTES = 64 * 1024
"""How much of a file `identify` wants to see."""

TS_SYNC, TS_PACKETS = 0x47, 5
_TS_LAYOUTS = ((0, 188), (4, 192), (0, 204))
"""Where the first packet of a transport stream begins and how long each is: bare, with times, with error correction."""
ADTS_RUN, ADTS_HEADER_BYTES = 3, 7
ADTS_SYNC = 0xFFF0
"""Twelve bits set, any version, layer 0."""


class Container(StrEnum):
    """A container that is decoded."""

    RIFF = "wav"
    W64 = "w64"
    FLAC = "flac"
    MP3 = "mp3"
    OGG = "ogg"
    AU = "au"
    AIFF = "aiff"
    CAF = "caf"
    AMR = "amr"
    ADTS = "aac"
    MP4 = "mp4"
    WEBM = "webm"
    ASF = "asf"
    AVI = "avi"
    MPEG_TS = "ts"
    MPEG_PS = "mpg"
    FLV = "flv"
    RAW = "raw"
    G722 = "g722"
    G729 = "g729"


ASF_MAGIC = bytes.fromhex("3026b275 8e66cf11 a6d900aa 0062ce6c")
W64_MAGIC = bytes.fromhex("72696666 2e91cf11 a5d628db 04c10000")

_FORMS: Final = {
    **{(name, b"WAVE"): Container.RIFF for name in (b"RIFF", b"RF64")},
    **{(name, b""): Container.RIFF for name in (b"RIFF", b"RF64")},
    (b"RIFF", b"AVI "): Container.AVI,
    (b"FORM", b"AIFF"): Container.AIFF,
    (b"FORM", b"AIFC"): Container.AIFF,
}
"""By the first four bytes, and those behind the length; a file that is cut before them is one of its name."""
_FIRST_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide")
"""Of an MP4 or QuickTime file, behind its length."""
_ALLOWED: tuple[tuple[bytes, Container], ...] = (
    (W64_MAGIC, Container.W64),
    (b"fLaC", Container.FLAC),
    (b"OggS", Container.OGG),
    (b"ID3", Container.MP3),
    (b".snd", Container.AU),
    (b"caff", Container.CAF),
    (b"#!AMR\n", Container.AMR),
    (b"#!AMR-WB\n", Container.AMR),
    (b"\x1a\x45\xdf\xa3", Container.WEBM),
    (ASF_MAGIC, Container.ASF),
    (b"FLV\x01", Container.FLV),
    (b"\0\0\x01\xba", Container.MPEG_PS),
)

# Audio that libsndfile would read, and playlists that other decoders would follow to files and hosts of their choice.
_REFUSED = {
    b"MATLAB 5.0": "MAT5",
    b"dns.": "AU",
    b" paf": "PAF",
    b"fap ": "PAF",
    b"Extended Instrument": "XI",
    b"Creative Voice File": "VOC",
    b"NIST_1A": "NIST SPHERE",
    b"FORM": "IFF",
    b"2BIT": "AVR",
    b"PVF1": "PVF",
    b"ALawSoundFile": "WVE",
    b"\x64\xa3": "IRCAM",
    b"\xf0\x7e": "SDS",
    b"\x01\x04": "MPC2K",
    b"\x00\x00\x00\x00\x01\x00\x00\x00": "MAT4",
    b"\x00\x00\x03\xe8": "MAT4",
    b"RIFX": "RIFX",
    b"#EXTM3U": "playlist",
    b"ffconcat": "playlist",
    b"v=0": "SDP",
    b"rtsp:": "address",
    b"http:": "address",
    b"https:": "address",
    b"concat:": "address",
    b"data:": "address",
    b"file:": "address",
}


def identify(head: bytes) -> Container:
    """The container of a file that starts with `head` (up to HEAD_BYTES).

    Raises FormatNotAllowed for formats and playlists that are refused, UnrecognisedFormat for anything else.
    """
    named = _by_name(head)
    if named is not None:
        return named
    text = head[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n") or head
    for magic, name in _REFUSED.items():
        if head.startswith(magic) or text.startswith(magic):
            raise FormatNotAllowed(name)
    if _is_transport_stream(head):
        return Container.MPEG_TS
    if _is_adts(head):
        return Container.ADTS
    # An archive's MP3 may start in the middle of a frame; three frames in a row are no accident.
    if mpeg_frames.find_run(head) is not None:
        return Container.MP3
    raise UnrecognisedFormat


def _by_name(head: bytes) -> Container | None:
    """The container that says its own name in its first bytes."""
    form = _FORMS.get((head[:4], head[8:12]))
    if form is not None:
        return form
    if head[4:8] in _FIRST_BOXES:
        return Container.MP4
    return next((container for magic, container in _ALLOWED if head.startswith(magic)), None)


def _is_transport_stream(head: bytes) -> bool:
    """Whether TS_PACKETS packets of a transport stream (ISO/IEC 13818-1, 2.4.3.2) follow one another."""
    syncs = (head[start : start + TS_PACKETS * size : size] for start, size in _TS_LAYOUTS)
    return bytes([TS_SYNC]) * TS_PACKETS in syncs


def _is_adts(head: bytes) -> bool:
    """Whether three ADTS frames (ISO/IEC 13818-7, 6.2) follow one another, or fewer that end exactly with `head`."""
    position = 0
    for _ in range(ADTS_RUN):
        frame = head[position : position + ADTS_HEADER_BYTES]
        if len(frame) < ADTS_HEADER_BYTES or int.from_bytes(frame[:2], "big") & 0xFFF6 != ADTS_SYNC:
            return False
        length = int.from_bytes(frame[3:6], "big") >> 5 & 0x1FFF
        if length < ADTS_HEADER_BYTES:
            return False
        position += length
        if position == len(head):
            return True
    return True


def container_of(path: Path) -> Container | None:
    """The container of the file at `path`; None when it is none of these."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        return identify(head)
    except (FormatNotAllowed, UnrecognisedFormat):
        return None
