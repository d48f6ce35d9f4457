"""Decodes a checked file with libsndfile, block by block."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipeline.audio import flac, mpeg, ogg, wave
from pipeline.audio.header import AudioHeader, Limits, check
from pipeline.audio.magic import HEAD_BYTES, Container, identify
from pipeline.errors import (
    CorruptHeader,
    DecodeError,
    DurationLimit,
    EmptyUpload,
    NoAudioSamples,
    NonFiniteSamples,
    Truncated,
)

BLOCK_SAMPLES = 1 << 18
MISSING_S = 0.1
"""Less than this may be missing at the end, as encoders count their delay differently."""

_CODECS = {
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


class AudioReader:
    """An open recording: `header` at once, its samples by `blocks`, once; a context manager."""

    def __init__(self, header: AudioHeader, source: BinaryIO, limits: Limits, resources: ExitStack) -> None:
        sound = resources.enter_context(_open_sound(source))
        if sound.channels != header.channels:
            raise CorruptHeader("the number of channels is ambiguous")
        self.header = header
        self.codec = "flac" if header.container is Container.FLAC else _CODECS.get(sound.subtype, sound.subtype.lower())
        self.sample_rate_hz: int = sound.samplerate
        self.channels: int = sound.channels
        self.frames_read = 0
        # libsndfile counts the whole of an Ogg stream, and Opus at the rate it was made from.
        self.frames_expected: int = sound.frames if header.container is Container.OGG else header.frames or 0
        self.warnings = header.warnings
        self._source = source
        self._sound = sound
        self._limits = limits
        self._resources = resources

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._resources.close()

    @property
    def progress(self) -> float:
        """The share that has been read, 0 to 1, by the length that the header lets expect."""
        return min(1.0, self.frames_read / self.frames_expected) if self.frames_expected else 0.0

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode: arrays (frames, channels), finite, full scale 1.0, each its own.

        Raises DecodeError, Truncated, NonFiniteSamples, DurationLimit or NoAudioSamples; `warnings` and `frames_read`
        are complete once it ends.
        """
        most_frames = self._limits.max_duration_s * self.sample_rate_hz
        block = np.empty((max(1, BLOCK_SAMPLES // self.channels), self.channels), np.float32)
        while frames := self._read_into(block):
            self.frames_read += frames
            if self.frames_read > most_frames:
                raise DurationLimit(f"the limit is {self._limits.max_duration_s / 3600:.1f} h")
            if not np.isfinite(block[:frames]).all():
                raise NonFiniteSamples
            # A copy, as the next read overwrites the buffer.
            yield block[:frames].copy()
        self._check_end()

    def _read_into(self, block: NDArray[np.float32]) -> int:
        try:
            return int(self._sound.buffer_read_into(block, "float32"))
        except soundfile.LibsndfileError as error:
            if self.header.container is Container.FLAC and not self._end_is_there():
                raise Truncated from error
            raise DecodeError(error.error_string) from error

    def _end_is_there(self) -> bool:
        """Whether the last frame that a FLAC claims can be decoded: if so it is damaged, if not it was cut."""
        try:
            with _open_sound(self._source) as again:
                again.seek(again.frames - 1)
                return len(again.read(1)) == 1
        except soundfile.LibsndfileError:
            return False

    def _check_end(self) -> None:
        if self.frames_read == 0:
            raise NoAudioSamples
        missing = self.frames_expected - self.frames_read
        if missing <= MISSING_S * self.sample_rate_hz or {"truncated", "damaged"} & set(self.warnings):
            return
        if self.header.container is Container.FLAC:
            raise Truncated
        self.warnings = (*self.warnings, "damaged")


def open_audio(path: Path, limits: Limits) -> AudioReader:
    """Recognise, check and open the recording at `path`; use it in a `with` statement.

    Raises an InputError of `pipeline.errors` that says what is wrong, before anything is decoded.
    """
    with ExitStack() as guard:
        resources = guard.enter_context(ExitStack())
        file = resources.enter_context(path.open("rb"))
        header = _examine(file)
        source = file if header.repaired is None else resources.enter_context(header.repaired)
        check(header, limits)
        reader = AudioReader(header, source, limits, resources)
        # From here on the reader closes them.
        guard.pop_all()
        return reader


def _examine(file: BinaryIO) -> AudioHeader:
    if os.fstat(file.fileno()).st_size == 0:
        raise EmptyUpload
    container = identify(file.read(HEAD_BYTES))
    match container:
        case Container.FLAC:
            return flac.examine(file)
        case Container.OGG:
            return ogg.examine(file)
        case Container.MP3:
            return mpeg.examine(file)
        case Container.RIFF | Container.W64:
            return wave.examine(file, container)


def _open_sound(file: BinaryIO) -> _ForwardSoundFile:
    # libsndfile starts where the descriptor stands, which the header checks have moved.
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        return _ForwardSoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        raise CorruptHeader(error.error_string) from error
