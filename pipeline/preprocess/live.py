"""From the bytes of a stream to pieces that are transcribed while it goes on."""

import math
from collections.abc import Iterable, Iterator

from pipeline.audio import Declared, Limits, open_stream
from pipeline.options import PreprocessOptions
from pipeline.preprocess.cutter import Piece, StreamFormat, cut


def cut_stream(chunks: Iterable[bytes], options: PreprocessOptions) -> Iterator[Piece]:
    """The pieces of a stream whose bytes arrive in `chunks`, none of them empty; it may go on for ever.

    `options` are those of the pieces, and say what the stream is when it has no header.

    Raises:
        InputError: the stream can't be decoded; the pieces up to then have been given.
        ModelNotFound, ModelMismatch: the speech detector can't be used.
    """
    declared = options.encoding and Declared(options.encoding, options.sample_rate_hz, options.channel_count)
    with open_stream(chunks, Limits(math.inf, options.max_channels), declared or None) as reader:
        yield from cut(reader.blocks(), StreamFormat(reader.sample_rate_hz, reader.channels), options)
