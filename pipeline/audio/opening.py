"""Chooses what decodes a file: by its magic, once its header has been checked."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from pipeline.audio import flac, headerless, mpeg, ogg, plain, wave
from pipeline.audio.decoder import Decoder
from pipeline.audio.header import AudioHeader, Declared, Limits, check
from pipeline.audio.magic import HEAD_BYTES, Container, identify
from pipeline.audio.window import Window
from pipeline.errors import EmptyUpload, UnrecognisedFormat

_EXAMINERS: Final[Mapping[Container, Callable[[BinaryIO], AudioHeader]]] = {
    Container.RIFF: partial(wave.examine, container=Container.RIFF),
    Container.W64: partial(wave.examine, container=Container.W64),
    Container.FLAC: flac.examine,
    Container.OGG: ogg.examine,
    Container.MP3: mpeg.examine,
    Container.AU: plain.examine_au,
    Container.AIFF: plain.examine_aiff,
    Container.CAF: plain.examine_caf,
}

_DEMUXERS: Final[Mapping[Container, str]] = {
    Container.AMR: "amr",
    Container.ADTS: "aac",
    Container.MP4: "mp4",
    Container.WEBM: "matroska",
    Container.ASF: "asf",
    Container.RIFF: "wav",
    Container.W64: "w64",
    Container.OGG: "ogg",
    Container.CAF: "caf",
    Container.AIFF: "aiff",
    Container.AVI: "avi",
    Container.MPEG_TS: "mpegts",
    Container.MPEG_PS: "mpeg",
    Container.FLV: "flv",
    Container.G722: "g722",
    Container.G729: "g729",
}
"""The one that FFmpeg is held to."""


def free() -> None:
    """No confinement: what is decoded is trusted, or this process is confined already."""


@dataclass(frozen=True, slots=True)
class Request:
    """A file to decode, within what limits, and what the caller says of it if it has no header."""

    file: BinaryIO
    limits: Limits
    declared: Declared | None = None


def open_decoder(request: Request, resources: ExitStack, confine: Callable[[], None] = free) -> Decoder:
    """Recognise, check and open a recording; what is to be closed afterwards is added to `resources`.

    `confine` is called once the library that decodes is loaded and before it sees a byte: until then only Python
    has read the file. Raises an InputError of `pipeline.errors`.
    """
    file = request.file
    if os.fstat(file.fileno()).st_size == 0:
        raise EmptyUpload
    container, header = _examine(request)
    if header is not None:
        check(header, request.limits)
        for part in header.parts:
            resources.enter_context(part)
    # Each library takes a good part of a second to load, and most recordings need one.
    if header is None or header.libav:
        from pipeline.audio.libav import Demuxing, LibavDecoder  # noqa: PLC0415

        confine()
        return LibavDecoder(Window(file), container, Demuxing(_DEMUXERS[container]))
    from pipeline.audio.sndfile import SndfileDecoder  # noqa: PLC0415

    confine()
    return SndfileDecoder(header, file)


def _examine(request: Request) -> tuple[Container, AudioHeader | None]:
    """The container, and its header unless FFmpeg is to read it."""
    file = request.file
    if request.declared is not None:
        header = headerless.describe(file, request.declared)
        return header.container, header
    try:
        container = identify(file.read(HEAD_BYTES))
    except UnrecognisedFormat:
        recognised = headerless.recognise(file)
        if recognised is None:
            raise
        return recognised.container, recognised
    return container, _EXAMINERS[container](file) if container in _EXAMINERS else None
