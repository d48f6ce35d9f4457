"""Encodes recordings with FFmpeg, for the formats that libsndfile does not write."""

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

AMR_WB_MAGIC = b"#!AMR-WB\n"
AMR_WB_FRAMES_A_SECOND = 50
AMR_WB_HIGHEST_MODE = 8
"""23.85 kbit/s: 60 bytes a frame behind the byte that names the mode."""

STAMPED_FRAME = 1024
"""Samples to a time stamp: a frame of AAC."""


@dataclass(frozen=True)
class Track:
    """Samples (frames, channels) and what FFmpeg calls the encoder for them."""

    encoder: str
    samples: NDArray[np.float32]
    rate_hz: int
    bit_rate: int = 32_000


def encode(
    path: Path,
    container: str,
    *tracks: Track,
    picture: tuple[int, int] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """The bytes of a file with `tracks` and, if a size is given, two seconds of video, made at `path`."""
    with av.open(str(path), "w", format=container, container_options=options or {}) as file:
        streams = [_add_audio(file, track) for track in tracks]
        if picture is not None:
            _write_video(file, *picture)
        for stream, track in zip(streams, tracks, strict=True):
            file.mux(stream.encode(_frame(track)))
            file.mux(stream.encode(None))
    return path.read_bytes()


def encode_stamped(path: Path, container: str, encoder: str, parts: list[tuple[float, NDArray[np.float32]]]) -> bytes:
    """Two seconds of picture, and mono sound at 16 kHz in parts that begin at given seconds, made at `path`."""
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(encoder, rate=16_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        _write_video(file, 320, 240)
        for start_s, samples in parts:
            for first in range(0, len(samples) - STAMPED_FRAME, STAMPED_FRAME):
                frame = _frame(Track(encoder, samples[first : first + STAMPED_FRAME], 16_000))
                frame.time_base, frame.pts = Fraction(1, 16_000), round(start_s * 16_000) + first
                file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path.read_bytes()


def remux(path: Path, container: str, content: bytes) -> bytes:
    """The packets of the recording `content`, as they are, in another container, made at `path`."""
    with av.open(io.BytesIO(content), "r") as source, av.open(str(path), "w", format=container) as file:
        stream = file.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                file.mux(packet)
    return path.read_bytes()


def amr_wb(seconds: float) -> bytes:
    """Noise as the highest mode of AMR-WB would carry it; FFmpeg can't encode it."""
    random = np.random.default_rng(8)
    frames = [random.integers(0, 256, 60, np.uint8).tobytes() for _ in range(int(seconds * AMR_WB_FRAMES_A_SECOND))]
    return AMR_WB_MAGIC + b"".join(bytes([AMR_WB_HIGHEST_MODE << 3 | 4]) + frame for frame in frames)


def likeness(heard: NDArray[np.float32], original: NDArray[np.float32], most_delay: int = 4000) -> float:
    """The highest correlation coefficient of two signals over all delays up to `most_delay` samples."""
    length = min(len(heard), len(original)) - most_delay
    reference = original[:length] - original[:length].mean()
    windows = (heard[delay : delay + length] for delay in range(most_delay))
    found = [float(np.vdot(reference, window) / np.linalg.norm(window)) for window in windows if window.any()]
    return max(found) / float(np.linalg.norm(reference))


def _add_audio(file: av.container.OutputContainer, track: Track) -> av.AudioStream:
    layout = "stereo" if track.samples.shape[1] == 2 else "mono"
    stream = file.add_stream(track.encoder, rate=track.rate_hz, layout=layout)
    assert isinstance(stream, av.AudioStream)
    stream.bit_rate = track.bit_rate
    return stream


def _frame(track: Track) -> av.AudioFrame:
    channels = track.samples.shape[1]
    samples = (track.samples * 32767).astype(np.int16).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo" if channels == 2 else "mono")
    frame.sample_rate = track.rate_hz
    return frame


def _write_video(file: av.container.OutputContainer, width: int, height: int) -> None:
    stream = file.add_stream("mpeg4", rate=5)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    for number in range(10):
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.pts = number
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
