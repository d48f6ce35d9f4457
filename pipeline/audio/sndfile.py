"""Decodes with libsndfile, block by block: WAV and its relatives, FLAC, MP3, Ogg, and raw samples."""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipeline.audio.decoder import Format
from pipeline.audio.header import AudioHeader
from pipeline.audio.magic import Container
from pipeline.audio.window import Window
from pipeline.errors import ChainedStream, CorruptHeader, DecodeError, Truncated

BLOCK_SAMPLES = 1 << 17
MISSING_S = 0.1
"""Less than this may be missing at the end, as encoders count their delay differently."""

_CODECS: Final = {
    "PCM_S8": "pcm_s8",
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16le",
    "PCM_24": "pcm_s24le",
    "PCM_32": "pcm_s32le",
    "FLOAT": "pcm_f32le",
    "DOUBLE": "pcm_f64le",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
    "GSM610": "gsm_ms",
    "IMA_ADPCM": "adpcm_ima_wav",
    "MS_ADPCM": "adpcm_ms",
    "VOX_ADPCM": "vox",
    "VORBIS": "vorbis",
    "OPUS": "opus",
    "MPEG_LAYER_III": "mp3",
}


class _ForwardSoundFile(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read once from start to end.

    `SoundFile` seeks to where it already is after each read of a seekable file, which corrupts MP3 at every block.
    """

    def seekable(self) -> bool:
        """Never: see the class."""
        return False


class SndfileDecoder:
    """A recording that libsndfile decodes; its parts one after another when it has several."""

    def __init__(self, header: AudioHeader, file: BinaryIO) -> None:
        self.warnings = header.warnings
        self._header = header
        self._file = file
        self._parts = header.parts or (file,)
        self._sound = _open(self._parts[0], header)
        self.format = self._describe()

    def _describe(self) -> Format:
        header, sound = self._header, self._sound
        if sound.channels != header.channels:
            raise CorruptHeader("the number of channels is ambiguous")
        # libsndfile counts the whole of an Ogg stream, and Opus at the rate it was made from.
        frames: int = sound.frames if header.container is Container.OGG else header.frames or 0
        if len(self._parts) > 1:
            frames = (header.frames or 0) * sound.samplerate // header.sample_rate_hz
        return Format(_codec(sound, header), sound.samplerate, sound.channels, frames, header.container)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """See `Decoder`; raises DecodeError, Truncated or ChainedStream."""
        with closing(self._sound):
            yield from self._read_part(self._sound)
        for part in self._parts[1:]:
            with closing(_open(part, self._header)) as sound:
                if (sound.samplerate, sound.channels) != (self.format.sample_rate_hz, self.format.channels):
                    raise ChainedStream
                yield from self._read_part(sound)

    def _read_part(self, sound: _ForwardSoundFile) -> Iterator[NDArray[np.float32]]:
        expected = sound.frames if self._header.container is Container.OGG else self.format.frames
        block = np.empty((max(1, BLOCK_SAMPLES // sound.channels), sound.channels), np.float32)
        read = 0
        while frames := self._read_into(block, sound):
            read += frames
            # A copy, as the next read overwrites the buffer.
            yield block[:frames].copy()
        self._check_end(expected - read, read)

    def _read_into(self, block: NDArray[np.float32], sound: _ForwardSoundFile) -> int:
        try:
            return int(sound.buffer_read_into(block, "float32"))
        except soundfile.LibsndfileError as error:
            if self._header.container is Container.FLAC and not self._end_is_there():
                raise Truncated from error
            raise DecodeError(error.error_string) from error

    def _end_is_there(self) -> bool:
        """Whether the last frame that a FLAC claims can be decoded: if so it is damaged, if not it was cut."""
        try:
            with closing(_open(self._file, self._header)) as again:
                again.seek(again.frames - 1)
                return len(again.read(1)) == 1
        except soundfile.LibsndfileError:
            return False

    def _check_end(self, missing: int, read: int) -> None:
        if not read or missing <= MISSING_S * self.format.sample_rate_hz:
            return
        if self._header.container is Container.FLAC:
            raise Truncated
        if not {"truncated", "damaged"} & set(self.warnings):
            self.warnings = (*self.warnings, "damaged")


def _open(source: BinaryIO | Window, header: AudioHeader) -> _ForwardSoundFile:
    raw = header.raw
    layout = (
        {}
        if raw is None
        else {
            "format": "RAW",
            "subtype": raw.subtype,
            "endian": raw.endian,
            "samplerate": header.sample_rate_hz,
            "channels": header.channels,
        }
    )
    try:
        source.seek(0)
        if isinstance(source, Window):
            return _ForwardSoundFile(source, **layout)
        # libsndfile starts where the descriptor stands, which the header checks have moved.
        os.lseek(source.fileno(), 0, os.SEEK_SET)
        return _ForwardSoundFile(source.fileno(), closefd=False, **layout)
    except soundfile.LibsndfileError as error:
        raise CorruptHeader(error.error_string) from error


def _codec(sound: _ForwardSoundFile, header: AudioHeader) -> str:
    subtype: str = sound.subtype
    name = "flac" if header.container is Container.FLAC else _CODECS.get(subtype, subtype.lower())
    if header.raw is None:
        return name
    return "gsm" if name == "gsm_ms" else name.replace("le", "be") if header.raw.endian == "BIG" else name
