"""Every container and encoding is decoded to the samples that went in, as an independent decoder hears them."""

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from pipeline import errors
from pipeline.audio import Limits
from tests import bad_recordings as bad
from tests.reading import open_here

LIMITS = Limits(max_duration_s=8 * 3600, max_channels=8)
PHONE = bad.noisy_tone(1.2, 8000, channels=2)
FLAC = bad.encode(bad.noisy_tone(5.0), "FLAC")

Samples = NDArray[np.float32]
Decoded = tuple[Samples, str, tuple[str, ...]]
Decode = Callable[[bytes], Decoded]


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    def read(content: bytes) -> Decoded:
        path = tmp_path / "recording"
        path.write_bytes(content)
        with open_here(path, LIMITS) as reader:
            return np.concatenate(list(reader.blocks())), reader.codec, reader.warnings

    return read


def _by_libsndfile(content: bytes) -> Samples:
    return np.asarray(soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0])


@pytest.mark.parametrize(
    ("container", "subtype", "codec"),
    [
        ("AU", "ULAW", "pcm_mulaw"),
        ("AU", "ALAW", "pcm_alaw"),
        ("AU", "PCM_S8", "pcm_s8"),
        ("AU", "PCM_16", "pcm_s16be"),
        ("AU", "PCM_24", "pcm_s24be"),
        ("AU", "PCM_32", "pcm_s32be"),
        ("AU", "FLOAT", "pcm_f32be"),
        ("AU", "DOUBLE", "pcm_f64be"),
        ("AIFF", "PCM_S8", "pcm_s8"),
        ("AIFF", "PCM_16", "pcm_s16be"),
        ("AIFF", "PCM_24", "pcm_s24be"),
        ("AIFF", "FLOAT", "pcm_f32be"),
        ("AIFF", "DOUBLE", "pcm_f64be"),
        ("AIFF", "ULAW", "pcm_mulaw"),
        ("AIFF", "ALAW", "pcm_alaw"),
        ("CAF", "PCM_S8", "pcm_s8"),
        ("CAF", "PCM_16", "pcm_s16be"),
        ("CAF", "PCM_24", "pcm_s24be"),
        ("CAF", "FLOAT", "pcm_f32be"),
        ("CAF", "ULAW", "pcm_mulaw"),
        ("CAF", "ALAW", "pcm_alaw"),
    ],
)
def test_headers_that_are_read_here_give_the_samples_that_libsndfile_reads(
    container: str, subtype: str, codec: str, decode: Decode
) -> None:
    content = bad.encode(PHONE, container, subtype, 8000)
    samples, heard, warnings = decode(content)
    np.testing.assert_array_equal(samples, _by_libsndfile(content))
    assert (heard, warnings) == (codec, ())


@pytest.mark.parametrize(("container", "codec"), [("AIFF", "pcm_s16le"), ("CAF", "pcm_s16le")])
def test_little_endian_samples_are_read_as_such(container: str, codec: str, decode: Decode) -> None:
    file = io.BytesIO()
    soundfile.write(file, PHONE, 8000, "PCM_16", "LITTLE", container)
    samples, heard, _ = decode(file.getvalue())
    np.testing.assert_allclose(samples, PHONE, atol=1 / 32768)
    assert heard == codec


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_compressed_wav_gives_the_samples_that_libsndfile_reads(subtype: str, decode: Decode) -> None:
    content = bad.encode(PHONE[:, :1], codec=subtype, rate_hz=8000)
    np.testing.assert_array_equal(decode(content)[0], _by_libsndfile(content))


def test_adpcm_of_more_samples_than_32_bits_count_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "sparse.wav"
    block_bytes = 1024
    form = bad.wave_format(
        0x11, bits=4, block_bytes=block_bytes, extra=struct.pack("<HH", 2, (block_bytes - 4) * 2 + 1)
    )
    path.write_bytes(bad.wave_file(form, bad.chunk(b"data", b"", 0x7FFE_0000)))
    with path.open("r+b") as file:
        file.truncate(0x7FFF_0000)
    with pytest.raises(errors.UnsupportedEncoding), open_here(path, LIMITS):
        pass


@pytest.mark.parametrize("codec", ["OPUS", "VORBIS"])
def test_chained_ogg_is_read_to_the_end_of_its_last_link(codec: str, decode: Decode) -> None:
    quiet = bad.encode(np.float32(0.1) * bad.noisy_tone(2.0), "OGG", codec)
    loud = bad.encode(bad.noisy_tone(3.0), "OGG", codec)
    samples, _, warnings = decode(quiet + loud)
    np.testing.assert_array_equal(samples, np.concatenate((_by_libsndfile(quiet), _by_libsndfile(loud))))
    assert warnings == ()


def test_chain_whose_first_link_was_cut_is_read_whole_with_a_warning(decode: Decode) -> None:
    link = bad.encode(bad.noisy_tone(3.0), "OGG", "VORBIS")
    last_page = link.rindex(b"OggS")
    samples, _, warnings = decode(link[:last_page] + link)
    assert 48_000 < len(samples) <= 96_000
    assert warnings == ("truncated",)


@pytest.mark.parametrize("claimed", [0, 1, 30_000, 79_999])
def test_flac_that_claims_too_few_samples_is_read_whole(claimed: int, decode: Decode) -> None:
    samples, _, warnings = decode(bad.flac_claiming(claimed, FLAC))
    np.testing.assert_array_equal(samples, _by_libsndfile(FLAC))
    assert warnings == ()


def test_flac_in_blocks_of_unusual_length_is_read_whole(decode: Decode) -> None:
    # libsndfile encodes in 4096 samples; a tail of one block and one sample ends in a frame of length 1.
    file = bad.encode(bad.noisy_tone(2.0)[: 4 * 4096 + 1], "FLAC")
    assert len(decode(bad.flac_claiming(5, file))[0]) == 4 * 4096 + 1


def _au(start: int = 24, size: int = 400, code: int = 3, rate_hz: int = 8000, channels: int = 1) -> bytes:
    return b".snd" + struct.pack(">IIIII", start, size, code, rate_hz, channels) + bytes(4000)


def _aiff(comm: bytes, kind: bytes = b"AIFF") -> bytes:
    sound = b"SSND" + struct.pack(">III", 408, 0, 0) + bytes(400)
    return b"FORM" + struct.pack(">I", 0) + kind + b"COMM" + struct.pack(">I", len(comm)) + comm + sound


def _comm(channels: int = 1, bits: int = 16, rate: bytes = struct.pack(">HQ", 16383 + 12, 8000 << 51)) -> bytes:
    return struct.pack(">HIH", channels, 200, bits) + rate


def _caf(kind: bytes = b"lpcm", rate_hz: float = 8000.0, size: int = 404, channels: int = 1) -> bytes:
    desc = struct.pack(">d4sIIIII", rate_hz, kind, 0, 2 * channels, 1, channels, 16)
    head = b"caff\0\1\0\0" + b"desc" + struct.pack(">q", len(desc)) + desc
    return head + b"data" + struct.pack(">q", size) + bytes(404)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (_au(code=23), errors.UnsupportedEncoding),
        (_au(start=4), errors.CorruptHeader),
        (_au(start=2**32 - 1), errors.NoAudioSamples),
        (_au(rate_hz=0), errors.BadSampleRate),
        (_au(channels=0), errors.BadChannels),
        (_au(channels=2**32 - 1), errors.NoAudioSamples),
        (_au(channels=32), errors.TooManyChannels),
        (_au()[:20], errors.CorruptHeader),
        (_aiff(_comm()[:10]), errors.CorruptHeader),
        (_aiff(_comm(bits=12)), errors.UnsupportedEncoding),
        (_aiff(_comm() + b"MAC6", b"AIFC"), errors.UnsupportedEncoding),
        (_aiff(_comm(rate=struct.pack(">HQ", 0x7FFF, 1 << 63))), errors.BadSampleRate),
        (_aiff(_comm(rate=bytes(10))), errors.BadSampleRate),
        (_aiff(_comm())[:40], errors.CorruptHeader),
        (_caf(kind=b"alac"), errors.DecodeError),
        (_caf(kind=b"Qclp"), errors.UnsupportedEncoding),
        (_caf(rate_hz=float("nan")), errors.BadSampleRate),
        (_caf(rate_hz=1e300), errors.BadSampleRate),
        (_caf(size=4), errors.NoAudioSamples),
        (_caf()[:60], errors.CorruptHeader),
        (_caf()[:8] + _caf()[52:], errors.CorruptHeader),
        (b"caff\0\1\0\0free" + struct.pack(">q", 2**63 - 1) + bytes(100), errors.CorruptHeader),
        (b"caff\0\1\0\0" + (b"free" + bytes(8)) * 2000, errors.CorruptHeader),
    ],
)
def test_hostile_header_of_plain_samples_is_refused(
    content: bytes, error: type[errors.InputError], decode: Decode
) -> None:
    with pytest.raises(errors.InputError) as caught:
        decode(content)
    assert caught.type is error


@pytest.mark.parametrize(
    ("content", "frames", "warnings"),
    [
        (_au(), 200, ()),
        (_au(size=2**32 - 1), 2000, ()),
        (_au(size=2**31), 2000, ("truncated",)),
        (_au(size=401), 200, ("partial_frame",)),
        (_aiff(_comm()), 200, ()),
        (_aiff(_comm() + b"sowt", b"AIFC"), 200, ()),
        (_aiff(_comm())[:-100], 150, ("truncated",)),
        (_caf(), 200, ()),
        (_caf(size=-1), 200, ()),
        (_caf(size=2**61), 200, ("truncated",)),
    ],
)
def test_length_of_plain_samples_is_what_the_file_holds(
    content: bytes, frames: int, warnings: tuple[str, ...], decode: Decode
) -> None:
    samples, _, heard = decode(content)
    assert (len(samples), heard) == (frames, warnings)


def test_mutated_files_give_audio_or_a_known_error(decode: Decode) -> None:
    random = np.random.default_rng(11)
    made = [bad.encode(PHONE, name, "ALAW", 8000) for name in ("AU", "AIFF", "CAF")]
    made += [bad.encode(PHONE[:, :1], codec=name, rate_hz=8000) for name in ("GSM610", "IMA_ADPCM", "MS_ADPCM")]
    for original in made:
        for _ in range(30):
            content = np.frombuffer(original, np.uint8).copy()
            content[random.integers(0, 100, 4)] = random.integers(0, 256, 4)
            with contextlib.suppress(errors.InputError):
                assert len(decode(content.tobytes())[0]) > 0
