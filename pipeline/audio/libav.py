"""Decodes with FFmpeg's libraries, through PyAV, what libsndfile does not read.

FFmpeg opens hundreds of formats, some of which name other files and hosts. Here it gets bytes and no name, the one
demuxer that the magic of the file asked for, and a list of decoders; no picture is ever decoded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from pipeline.audio.decoder import Format
from pipeline.audio.magic import Container
from pipeline.audio.timeline import Timeline
from pipeline.errors import (
    CorruptHeader,
    DecodeError,
    NoAudioSamples,
    NoAudioStream,
    UnsupportedEncoding,
    UnsupportedEncrypted,
)

BLOCK_SAMPLES = 1 << 18
MISSING_S = 0.25
"""Less than this may be missing at the end: containers count in milliseconds, encoders round up to their frames."""
FEWEST_PACKETS = 20
"""From this many on, a recording more than half of whose packets can't be decoded is given up."""

_TIMED: Final = frozenset({Container.MP4, Container.WEBM, Container.ASF, Container.AVI})
"""These say how long they are; elsewhere FFmpeg guesses from the bit rate."""
_STAMPED: Final = _TIMED | {Container.MPEG_TS, Container.MPEG_PS, Container.FLV}
"""Each packet says when it is to be heard."""
_ENCRYPTED: Final = frozenset({"enca", "drms"})
_BETTER: Final = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
"""FFmpeg's own decoders of AMR take the pauses that a phone does not send (DTX) for damage."""
_DECODERS: Final = (
    "aac,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,alac,amrnb,amrwb,eac3,flac,g722,g723_1,g726,g729,"
    "gsm,gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,libvorbis,mp2,mp2float,mp3,mp3float,nellymoser,opus,"
    "pcm_alaw,pcm_f32le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24le,pcm_s32le,pcm_u8,speex,"
    "truespeech,vorbis,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)


class Readable(Protocol):
    """What FFmpeg reads; it also seeks where there is a `seek`."""

    def read(self, size: int, /) -> bytes | None:
        """The next bytes, fewer than `size` if those are all for now; none at the end."""


@dataclass(frozen=True, slots=True)
class Demuxing:
    """The one demuxer that FFmpeg is held to, its options, and how many samples are decoded at once."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    block_samples: int = BLOCK_SAMPLES


class LibavDecoder:
    """The audio stream of `file` that its author marked as default, else its first."""

    def __init__(self, file: Readable, container: Container, demuxing: Demuxing) -> None:
        self.warnings: tuple[str, ...] = ()
        self._packets = self._damaged = self._frames_read = 0
        self._span: tuple[int, int] | None = None
        self._last_damaged = False
        self._block_samples = demuxing.block_samples
        self._input = _open(file, demuxing)
        self._stream = self._choose(self._input)
        self._timeline = Timeline((self._input.start_time or 0) / av.time_base) if container in _STAMPED else None
        self._codec = _choose_decoder(self._stream)
        self._frames = self._decode()
        first = next(self._frames, None)
        if first is None:
            raise DecodeError if self._damaged else NoAudioSamples
        self._frames = chain([first], self._frames)
        self._kind = (first.sample_rate, first.layout.nb_channels)
        codec = self._codec.codec.canonical_name
        duration = self._stream.duration if container in _TIMED else None
        seconds = float(duration * self._stream.time_base) if duration and self._stream.time_base else 0.0
        frames = max(0, int(seconds * first.sample_rate))
        self.format = Format(codec, first.sample_rate, first.layout.nb_channels, frames, container)

    def _choose(self, opened: InputContainer) -> AudioStream:
        streams = opened.streams.audio
        if not streams:
            raise NoAudioStream
        if len(streams) > 1:
            self.warnings = (*self.warnings, "several_tracks")
        return next((each for each in streams if each.disposition & Disposition.default), streams[0])

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """See `Decoder`; raises DecodeError."""
        most_frames = max(1, self._block_samples // self.format.channels)
        gathered: list[NDArray[np.float32]] = []
        count = 0
        for part in self._parts(most_frames):
            gathered.append(part)
            count += len(part)
            if count >= most_frames:
                yield np.concatenate(gathered)
                self._frames_read += count
                gathered, count = [], 0
        if gathered:
            yield np.concatenate(gathered)
        self._frames_read += count
        self._input.close()
        self._check_end()

    def _parts(self, most_frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples of each frame, and the silence where the stream has none."""
        for frame in self._frames:
            if (frame.sample_rate, frame.layout.nb_channels) != self._kind:
                raise DecodeError("sample rate or channels change")
            missing = (
                self._timeline.silence_before(frame.time, frame.samples, frame.sample_rate) if self._timeline else 0
            )
            if missing:
                self._warn("gaps_filled")
            for done in range(0, missing, most_frames):
                yield np.zeros((min(most_frames, missing - done), self.format.channels), np.float32)
            yield to_float(frame)

    def _decode(self) -> Iterator[AudioFrame]:
        with av.logging.Capture() as log:
            for packet in self._demux():
                self._packets += 1
                try:
                    frames = self._codec.decode(packet)
                except av.error.FFmpegError:
                    self._count_damage()
                    continue
                # The packet at the end is empty: it fetches what the decoder still holds.
                self._last_damaged = self._last_damaged and not packet.size
                yield from frames
        if any("prematurely" in message for _, _, message in log):
            self._warn("truncated")

    def _demux(self) -> Iterator["av.Packet[AudioStream]"]:
        try:
            for packet in self._input.demux(self._stream):
                if packet.pts is not None:
                    first, last = self._span or (packet.pts, packet.pts)
                    self._span = min(first, packet.pts), max(last, packet.pts + (packet.duration or 0))
                yield packet
        except av.error.FFmpegError:
            self._warn("truncated")

    def _count_damage(self) -> None:
        self._damaged += 1
        self._last_damaged = True
        if self._packets >= FEWEST_PACKETS and 2 * self._damaged > self._packets:
            raise DecodeError

    def _check_end(self) -> None:
        # What an edit list cuts away is there all the same.
        first, last = self._span or (0, 0)
        there_s = float((last - first) * (self._stream.time_base or 0))
        missing_s = (self.format.frames - self._frames_read) / self.format.sample_rate_hz
        claimed_s = self.format.frames / self.format.sample_rate_hz
        if self._last_damaged or min(missing_s, claimed_s - there_s) > MISSING_S:
            self._warn("truncated")
        if self._damaged > self._last_damaged:
            self._warn("damaged")

    def _warn(self, token: str) -> None:
        if token not in self.warnings:
            self.warnings = (*self.warnings, token)


def to_float(frame: AudioFrame) -> NDArray[np.float32]:
    """The samples of `frame`, shape (frames, channels), full scale 1.0, whatever format they are in."""
    samples = frame.to_ndarray()
    by_time = samples.T if frame.format.is_planar else samples.reshape(frame.samples, -1)
    if by_time.dtype.kind == "f":
        return by_time.astype(np.float32)
    half = 2.0 ** (8 * by_time.dtype.itemsize - 1)
    middle = half if by_time.dtype.kind == "u" else 0.0
    return ((by_time.astype(np.float64) - middle) / half).astype(np.float32)


def _open(file: Readable, demuxing: Demuxing) -> InputContainer:
    # Also while streams are probed, nothing but these decoders is run, and no other demuxer (AVI holds subtitles).
    held = {"codec_whitelist": _DECODERS, "format_whitelist": demuxing.name, "protocol_whitelist": "none"}
    options = {**held, **demuxing.options}
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture():
            return av.open(file, "r", format=demuxing.name, container_options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise CorruptHeader(error.strerror or demuxing.name) from error


def _choose_decoder(stream: AudioStream) -> AudioCodecContext:
    # A stream of unknown codec has no context.
    if stream.codec_context is None:
        raise UnsupportedEncoding("unknown codec")
    try:
        tag = stream.codec_context.codec_tag
    except UnicodeDecodeError:
        tag = ""
    if tag in _ENCRYPTED:
        raise UnsupportedEncrypted
    name = stream.codec_context.name
    if name not in _DECODERS.split(","):
        raise UnsupportedEncoding(name)
    if name in _BETTER:
        context = CodecContext.create(_BETTER[name], "r")
        assert isinstance(context, AudioCodecContext)
        return context
    stream.codec_context.thread_count = 1
    return stream.codec_context
