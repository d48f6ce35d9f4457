"""A stream that is still coming in is decoded to the same samples as the file that it would become."""

import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from pipeline.audio import Declared, Limits, open_audio, open_stream
from pipeline.errors import (
    EmptyUpload,
    FormatNotAllowed,
    InputError,
    TooManyChannels,
    UnrecognisedFormat,
    UnsupportedEncoding,
)
from pipeline.options import PreprocessOptions
from pipeline.preprocess.live import cut_stream

DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
LIMITS = Limits(math.inf, 8)
RATE_HZ = 8000


def speech(seconds: float = 5.0) -> NDArray[np.float32]:
    samples, _ = soundfile.read(DEMO_CALL, dtype="float32", always_2d=True)
    return np.asarray(samples[: int(seconds * RATE_HZ)], np.float32)


def encoded(kind: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, speech(), RATE_HZ, format=kind, subtype=subtype)
    return file.getvalue()


def in_chunks(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def heard(content: bytes, size: int = 1000, declared: Declared | None = None) -> NDArray[np.float32]:
    with open_stream(in_chunks(content, size), LIMITS, declared) as reader:
        return np.concatenate(list(reader.blocks()))


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("WAV", "ULAW"), ("FLAC", None), ("OGG", "VORBIS"), ("AU", "ALAW")]
)
def test_a_stream_holds_every_sample_of_its_file(tmp_path: Path, kind: str, subtype: str | None) -> None:
    content = encoded(kind, subtype)
    (tmp_path / "file").write_bytes(content)
    with open_audio(tmp_path / "file", LIMITS) as reader:
        expected = np.concatenate(list(reader.blocks()))
    found = heard(content)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 1e-4


def test_an_mp3_stream_is_decoded(tmp_path: Path) -> None:
    assert len(heard(encoded("MP3"), 417)) == pytest.approx(5 * RATE_HZ, abs=1200)


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF])
def test_a_wave_stream_that_does_not_know_its_length_is_read_to_its_end(length: int) -> None:
    content = bytearray(encoded("WAV", "PCM_16"))
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = struct.pack("<I", length)
    assert len(heard(bytes(content))) == 5 * RATE_HZ


@pytest.mark.parametrize(("encoding", "dtype"), [("pcm_s16le", "<i2"), ("pcm_s16be", ">i2")])
@pytest.mark.parametrize("size", [1, 3, 4096])
def test_samples_without_a_header_are_what_was_declared(encoding: str, dtype: str, size: int) -> None:
    samples = np.rint(speech(0.5) * 32768).astype(dtype)
    found = heard(samples.tobytes(), size, Declared(encoding, 16_000, 2))
    assert np.array_equal(found, samples.astype(np.float32) / 32768)


def test_declared_mu_law_is_read_at_the_rate_of_a_telephone() -> None:
    content = DEMO_CALL.read_bytes()
    at = content.index(b"data") + 8
    with open_stream(in_chunks(content[at : at + 16_000], 100), LIMITS, Declared("pcm_mulaw", channels=2)) as reader:
        assert (reader.sample_rate_hz, reader.channels, reader.codec) == (RATE_HZ, 2, "pcm_mulaw")
        assert np.allclose(np.concatenate(list(reader.blocks())), speech(1.0), atol=1e-6)


@pytest.mark.parametrize("size", [3_200, 65_536])
def test_all_that_came_is_heard_before_more_is_waited_for(size: int) -> None:
    content = (speech(12.0) * 32768).astype("<i2").tobytes()
    came = heard_bytes = 0
    held_bytes: list[int] = []

    def chunks() -> Iterator[bytes]:
        nonlocal came
        for chunk in in_chunks(content, size):
            held_bytes.append(came - heard_bytes)
            came += len(chunk)
            yield chunk

    with open_stream(chunks(), LIMITS, Declared("pcm_s16le", RATE_HZ, 2)) as reader:
        for block in reader.blocks():
            heard_bytes += block.size * 2
    # FFmpeg looks at the first half second before it gives any, and reads packets of a tenth.
    assert max(held_bytes) <= 20_000
    assert max(held_bytes[-3:]) <= 6_400


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", EmptyUpload),
        (b"This is a letter." * 900, UnrecognisedFormat),
        (b"#EXTM3U\n" * 2000, FormatNotAllowed),
        (b"ffconcat version 1.0\nfile /etc/passwd\n" * 300, FormatNotAllowed),
        (b"\0\0\0\x20ftypisom" + bytes(9000), UnsupportedEncoding),
    ],
    ids=["nothing", "text", "playlist", "concat", "mp4"],
)
def test_what_can_not_be_heard_live_is_refused_by_its_first_bytes(content: bytes, error: type[InputError]) -> None:
    with pytest.raises(error):
        heard(content)


def test_an_encoding_that_must_be_searched_is_refused() -> None:
    with pytest.raises(UnsupportedEncoding, match="vox"):
        heard(bytes(9000), 1000, Declared("vox"))


def test_a_stream_of_too_many_channels_is_refused() -> None:
    with pytest.raises(TooManyChannels):
        heard(bytes(40_000), 1000, Declared("pcm_s16le", RATE_HZ, 9))


def test_nonsense_in_the_middle_of_a_stream_ends_in_an_error_of_its_own_or_in_what_can_be_decoded() -> None:
    content = bytearray(encoded("FLAC"))
    content[len(content) // 2 :] = np.random.default_rng(1).bytes(len(content) - len(content) // 2)
    try:
        assert len(heard(bytes(content))) <= 5 * RATE_HZ + 4096
    except InputError:
        return


def test_an_error_of_the_source_is_the_callers() -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(1000)
        raise ConnectionResetError

    with (
        pytest.raises(ConnectionResetError),
        open_stream(chunks(), LIMITS, Declared("pcm_s16le", RATE_HZ, 1)) as reader,
    ):
        list(reader.blocks())


def test_a_stream_is_cut_into_pieces_while_it_is_decoded() -> None:
    content = DEMO_CALL.read_bytes()[: 16_000 * 13]
    pieces = list(cut_stream(in_chunks(content, 999), PreprocessOptions()))
    assert len(pieces) >= 2
    assert sum(len(piece.stretches) for piece in pieces) >= 3
    assert {piece.samples.shape[1] for piece in pieces} == {2}
