"""Encodes G.729 with bcg729 (GPL-3.0, Debian's libbcg729-0), which is no dependency of the project."""

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FRAME = 80
"""Samples: 10 ms at 8 kHz."""
FRAME_BYTES = 10


def encode(samples: NDArray[np.float32], library: Path) -> bytes:
    """`samples` at 8 kHz, full scale 1.0, as frames of 10 bytes without a header.

    Raises:
        OSError: `library` can't be loaded.
    """
    codec = ctypes.CDLL(str(library))
    codec.initBcg729EncoderChannel.restype = ctypes.c_void_p
    channel = ctypes.c_void_p(codec.initBcg729EncoderChannel(0))
    padded = np.pad(samples, (0, -len(samples) % FRAME))
    pcm = (np.clip(padded, -1, 1) * 32767).astype(np.int16).reshape(-1, FRAME)
    body, size = ctypes.create_string_buffer(FRAME_BYTES), ctypes.c_uint8()
    frames = []
    for frame in pcm:
        codec.bcg729Encoder(
            channel, np.ascontiguousarray(frame).ctypes.data_as(ctypes.c_void_p), body, ctypes.byref(size)
        )
        frames.append(body.raw[: size.value])
    codec.closeBcg729EncoderChannel(channel)
    return b"".join(frames)
