"""From the bytes of a stream to pieces that are transcribed while it goes on."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.audio import AudioReader, Declared, Limits, open_stream
from pipeline.options import PreprocessOptions
from pipeline.preprocess.cutter import Piece, StreamFormat, cut, to_int16


@dataclass(frozen=True, slots=True)
class Samples:
    """A decoded stream: blocks of 16-bit little-endian samples, channels interleaved."""

    sample_rate_hz: int
    channels: int
    blocks: Iterator[bytes]


def cut_stream(chunks: Iterable[bytes], options: PreprocessOptions) -> Iterator[Piece]:
    """The pieces of a stream whose bytes arrive in `chunks`, none of them empty; it may go on for ever.

    `options` are those of the pieces, and say what the stream is when it has no header.

    Raises:
        InputError: the stream can't be decoded; the pieces up to then have been given.
        ModelNotFound, ModelMismatch: the speech detector can't be used.
    """
    with _opened(chunks, options) as reader:
        yield from cut(reader.blocks(), StreamFormat(reader.sample_rate_hz, reader.channels), options)


@contextmanager
def open_samples(chunks: Iterable[bytes], options: PreprocessOptions) -> Iterator[Samples]:
    """The samples of a stream, as they arrive, for somebody else to cut; `chunks` and `options` as for `cut_stream`.

    Raises:
        InputError: the stream can't be decoded.
    """
    with _opened(chunks, options) as reader:
        blocks = (to_int16(block).astype("<i2").tobytes() for block in reader.blocks())
        yield Samples(reader.sample_rate_hz, reader.channels, blocks)


def _opened(chunks: Iterable[bytes], options: PreprocessOptions) -> AudioReader:
    declared = options.encoding and Declared(options.encoding, options.sample_rate_hz, options.channel_count)
    return open_stream(chunks, Limits(math.inf, options.max_channels), declared or None)
