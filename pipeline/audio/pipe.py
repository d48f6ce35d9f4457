"""Opens, in the confined process, a stream that is still coming in: FFmpeg reads from a pipe, and can't look twice."""

import os
import select
from collections.abc import Callable
from typing import Final

from pipeline.audio.decoder import Decoder
from pipeline.audio.header import Declared
from pipeline.audio.headerless import PHONE_RATE_HZ
from pipeline.audio.magic import Container, identify
from pipeline.audio.opening import Request, free
from pipeline.errors import EmptyUpload, UnsupportedEncoding

HEAD_BYTES: Final = 8192
"""Looked at to tell what a stream is: several frames of any format, and a second of a slow one."""
BLOCK_SAMPLES: Final = 1600
"""Decoded at once: a tenth of a second, or what the codec's frames make of it."""

_DEMUXERS: Final = {
    Container.RIFF: "wav",
    Container.FLAC: "flac",
    Container.MP3: "mp3",
    Container.OGG: "ogg",
    Container.AU: "au",
    Container.AMR: "amr",
    Container.ADTS: "aac",
    Container.WEBM: "matroska",
}
"""Those whose header comes first, and that do not have to be searched."""
_RAW: Final = {"pcm_mulaw": "mulaw", "pcm_alaw": "alaw", "pcm_s16le": "s16le", "pcm_s16be": "s16be"}
_OWN: Final = frozenset({"gsm", "g722", "g729"})
"""These have one channel and a rate of their own."""
# Little is looked ahead at, since it is waited for.
_HASTE: Final = {"probesize": "16384", "analyzeduration": "500000"}


class Pipe:
    """A descriptor that can only be read on; `hungry` is told how much was read whenever more has to be waited for."""

    def __init__(self, descriptor: int, hungry: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._hungry = hungry
        self._read_bytes = 0
        self._head = b""
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def read(self, size: int, /) -> bytes:
        """What there is, up to `size` bytes; waits for the first."""
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        if not self._poll.poll(0):
            self._hungry(self._read_bytes)
        part = os.read(self._descriptor, size)
        self._read_bytes += len(part)
        return part

    def peek(self, size: int) -> bytes:
        """The first `size` bytes, or all there are, which are read once more afterwards."""
        head = b""
        while len(head) < size and (part := self.read(size - len(head))):
            head += part
        self._head = head
        return head


def open_live(request: Request, hungry: Callable[[int], None], confine: Callable[[], None] = free) -> Decoder:
    """Recognise and open the stream that comes in on `request.file`; see `Pipe` and `opening.open_decoder`.

    Raises an InputError: EmptyUpload, UnrecognisedFormat or FormatNotAllowed by its first bytes, UnsupportedEncoding
    for what can't be read before its end is known.
    """
    pipe = Pipe(request.file.fileno(), hungry)
    declared = request.declared
    if declared is None:
        head = pipe.peek(HEAD_BYTES)
        if not head:
            raise EmptyUpload
        container = identify(head)
        if container not in _DEMUXERS:
            raise UnsupportedEncoding(f"{container} can't be read while it comes in")
        name, options = _DEMUXERS[container], _HASTE
    else:
        container, name, options = Container.RAW, *_raw(declared)
    from pipeline.audio.libav import Demuxing, LibavDecoder  # noqa: PLC0415  # as in `opening`

    confine()
    return LibavDecoder(pipe, container, Demuxing(name, options, BLOCK_SAMPLES))


def _raw(declared: Declared) -> tuple[str, dict[str, str]]:
    if declared.encoding in _OWN:
        return declared.encoding, _HASTE
    if declared.encoding not in _RAW:
        raise UnsupportedEncoding(f"{declared.encoding} can't be read while it comes in")
    rate = str(declared.sample_rate_hz or PHONE_RATE_HZ)
    # So many channels, wherever their loudspeakers stand.
    layout = f"{declared.channels or 1}C"
    return _RAW[declared.encoding], {**_HASTE, "sample_rate": rate, "ch_layout": layout}
