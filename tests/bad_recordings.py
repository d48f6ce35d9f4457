"""Builds the damaged, hostile and odd recordings that preprocess must answer with one stable code."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16_000
SILENT_OPUS_PACKET = b"\xf8\xff\xfe"
"""20 ms of full-band CELT, mono, that decode to silence."""
OPUS_PACKET_GRANULES = 960
REFLECTED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def noisy_tone(seconds: float, rate_hz: int = RATE_HZ, channels: int = 1) -> NDArray[np.float32]:
    """Something that every codec has to work for: a tone in noise, (frames, channels), the same at every call."""
    frames = int(seconds * rate_hz)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(frames) / rate_hz)
    noise = np.random.default_rng(1).standard_normal((frames, channels))
    mixed: NDArray[np.float64] = tone[:, None] + 0.02 * noise
    return mixed.astype(np.float32)


def encode(
    samples: NDArray[np.float32], container: str = "WAV", codec: str | None = None, rate_hz: int = RATE_HZ
) -> bytes:
    """`samples` as a file of the format and subtype that libsndfile calls `container` and `codec`."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate_hz, samples.shape[1], codec, format=container) as sound:
        # In one piece, the Vorbis encoder of libsndfile overflows its stack.
        for start in range(0, len(samples), rate_hz):
            sound.write(samples[start : start + rate_hz])
    return file.getvalue()


def chunk(name: bytes, body: bytes, claimed: int | None = None) -> bytes:
    """A RIFF chunk, with a length that may lie."""
    return name + struct.pack("<I", len(body) if claimed is None else claimed) + body + b"\0" * (len(body) % 2)


def wave_format(  # noqa: PLR0917 - the fields of the chunk
    tag: int = 1,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    block_bytes: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """A `fmt ` chunk; `block_bytes` follows from the rest unless it is given."""
    block = channels * bits // 8 if block_bytes is None else block_bytes
    body = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block % 2**32, block % 2**16, bits)
    return chunk(b"fmt ", body + extra)


def wave_file(*chunks: bytes) -> bytes:
    """A WAV file of `chunks`."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pcm(seconds: float = 1.0, channels: int = 1) -> bytes:
    """16-bit samples of `noisy_tone`."""
    return (noisy_tone(seconds, channels=channels) * 32767).astype("<i2").tobytes()


def rf64(seconds: float, claimed_bytes: int) -> bytes:
    """An RF64 file whose 64-bit length says `claimed_bytes`."""
    sizes = chunk(b"ds64", struct.pack("<QQQI", claimed_bytes + 72, claimed_bytes, claimed_bytes // 2, 0))
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + wave_format() + chunk(b"data", pcm(seconds), 0xFFFFFFFF)


def flac_claiming(frames: int, file: bytes) -> bytes:
    """A FLAC file with another number of samples in its STREAMINFO (36 bits)."""
    facts = int.from_bytes(file[18:26], "big") >> 36 << 36 | frames
    return file[:18] + facts.to_bytes(8, "big") + file[26:]


def flipped(file: bytes, share: float) -> bytes:
    """`file` with one bit flipped at `share` of its length."""
    position = int(len(file) * share)
    return file[:position] + bytes([file[position] ^ 4]) + file[position + 1 :]


def mp3_without_length(file: bytes) -> bytes:
    """An MP3 file without its first frame, which told the length."""
    return file[file.index(file[:2], 4) :]


def ogg_page(body: list[bytes], sequence: int, granule: int, flags: int = 0, serial: int = 7) -> bytes:
    """A page of whole packets shorter than 255 bytes, with its checksum."""
    lacing = bytes(len(packet) for packet in body)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, sequence, 0, len(lacing))
    page = head + lacing + b"".join(body)
    return page[:22] + struct.pack("<I", ogg_checksum(page)) + page[26:]


def ogg_checksum(page: bytes) -> int:
    """CRC-32 of RFC 3533: the polynomial of zlib, but the highest bit first and no inversion."""
    register = zlib.crc32(page.translate(REFLECTED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{register:032b}"[::-1], 2)


def opus_head(channels: int = 1) -> bytes:
    """The identification header of RFC 7845."""
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 312, 48_000, 0, 0)


def silent_opus(hours: float) -> bytes:
    """Digital silence as a valid Ogg Opus file of 0.8 MB an hour."""
    return b"".join(_silent_opus_pages(int(hours * 3600 * 48_000 / OPUS_PACKET_GRANULES / 255)))


def _silent_opus_pages(count: int) -> Iterator[bytes]:
    yield ogg_page([opus_head()], 0, 0, flags=2)
    yield ogg_page([b"OpusTags" + struct.pack("<II", 0, 0)], 1, 0)
    for page in range(count):
        granule = (page + 1) * 255 * OPUS_PACKET_GRANULES
        yield ogg_page([SILENT_OPUS_PACKET] * 255, page + 2, granule, flags=4 * (page == count - 1))
