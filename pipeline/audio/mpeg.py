"""Walks the frames of an MP3 file, so that its length is known and not estimated.

Without a Xing frame libsndfile estimates the length from the first frame and stops there: of a variable-rate file
it can lose more than half. Such a file is decoded from a copy that begins with a Xing frame made here.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.audio import mpeg_frames
from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import HEAD_BYTES, Container
from pipeline.audio.mpeg_frames import HEADER_BYTES, FrameHeader
from pipeline.errors import CorruptHeader

ID3_HEAD_BYTES = 10
MOST_GAPS = 200
"""A file with more breaks between its frames is no recording, and each costs a search."""
MOST_FRAMES = 10_000_000
"""Frames are not counted further; these last 60 hours and more."""
_FRAME_COUNT_FLAG = b"\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class _Walk:
    """How many frames follow `start`, and whether they were found without a gap and to the end."""

    frames: int
    cut: bool
    damaged: bool


def examine(file: BinaryIO) -> AudioHeader:
    """The header of `file`, with a mended copy when its own length can't be relied on.

    Raises CorruptHeader when no run of frames follows, or when an ID3 tag is longer than the file.
    """
    size = os.fstat(file.fileno()).st_size
    tag_bytes = _id3_bytes(file, size)
    start = _find_frames(file, tag_bytes)
    if start is None:
        raise CorruptHeader("no MPEG frames")
    file.seek(start)
    word = file.read(HEADER_BYTES)
    first = mpeg_frames.parse(word)
    assert first is not None
    claimed = _xing_frames(file.read(first.length - HEADER_BYTES), first)
    audio_start = start if claimed is None else start + first.length
    walk = _walk(file, audio_start, size)
    warnings = [
        token
        for token, holds in (
            ("leading_garbage", start > tag_bytes),
            ("truncated", walk.cut or (claimed or 0) > walk.frames + 1),
            ("damaged", walk.damaged),
        )
        if holds
    ]
    # Two files joined into one begin with the length of the first.
    reliable = claimed is not None and claimed + 1 >= walk.frames and start == tag_bytes
    parts = () if reliable else (_with_length(file, audio_start, word, walk.frames),)
    frames = walk.frames * first.samples
    return AudioHeader(Container.MP3, first.sample_rate_hz, first.channels, frames, tuple(warnings), parts)


def _id3_bytes(file: BinaryIO, size: int) -> int:
    file.seek(0)
    head = file.read(ID3_HEAD_BYTES)
    if not head.startswith(b"ID3"):
        return 0
    length = ID3_HEAD_BYTES
    # Seven bits a byte ("synchsafe"), ID3v2 section 3.1.
    for shift, byte in zip((21, 14, 7, 0), head[6:], strict=False):
        length += (byte & 0x7F) << shift
    if length > size:
        raise CorruptHeader("the ID3 tag is longer than the file")
    return length


def _find_frames(file: BinaryIO, start: int) -> int | None:
    file.seek(start)
    found = mpeg_frames.find_run(file.read(HEAD_BYTES))
    return None if found is None else start + found


def _xing_frames(body: bytes, frame: FrameHeader) -> int | None:
    """The number of frames that a Xing or Info frame announces; None when `body` is audio."""
    tag = body[frame.side_info_bytes :]
    if tag[:4] not in (b"Xing", b"Info") or not tag[7:8] or not tag[7] & 1:
        return None
    return int.from_bytes(tag[8:12], "big")


def _walk(file: BinaryIO, start: int, size: int) -> _Walk:
    frames, gaps, position = 0, 0, start
    while position + HEADER_BYTES <= size and frames < MOST_FRAMES:
        file.seek(position)
        word = file.read(HEADER_BYTES)
        frame = mpeg_frames.parse(word)
        if frame is not None:
            position += frame.length
            frames += position <= size
            continue
        # ID3v1 and APE tags stand behind the last frame.
        if word.startswith((b"TAG", b"APE")):
            return _Walk(frames, cut=False, damaged=gaps > 0)
        found = _find_frames(file, position)
        gaps += 1
        if gaps > MOST_GAPS:
            raise CorruptHeader("too many gaps between frames")
        if found is None:
            break
        position = found
    return _Walk(frames, cut=position > size, damaged=gaps > 0)


def _with_length(file: BinaryIO, start: int, word: bytes, frames: int) -> BinaryIO:
    """A temporary copy from `start` on, behind a frame that tells its length."""
    frame = mpeg_frames.parse(word)
    assert frame is not None
    body = bytes(frame.side_info_bytes) + b"Info" + _FRAME_COUNT_FLAG + frames.to_bytes(4, "big")
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
    copy.write((word + body).ljust(frame.length, b"\0")[: frame.length])
    file.seek(start)
    shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy
