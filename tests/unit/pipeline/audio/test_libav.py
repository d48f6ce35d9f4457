"""What FFmpeg decodes: phone and mobile codecs and the sound of videos, whole, cut, encrypted or hostile."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import errors
from pipeline.audio import Limits
from pipeline.audio.libav import to_float
from tests import bad_recordings as bad
from tests.av_recordings import AMR_WB_MAGIC, Track, amr_wb, encode, likeness
from tests.reading import open_here

LIMITS = Limits(max_duration_s=8 * 3600, max_channels=8)
PHONE = bad.noisy_tone(2.0, 8000)
WIDE = bad.noisy_tone(2.0)
STEREO = bad.noisy_tone(2.0, 48_000, channels=2)
AAC = Track("aac", WIDE, 16_000)
AMR = Track("libopencore_amrnb", PHONE, 8000, 12_200)
OPUS = Track("libopus", STEREO, 48_000)
WMA = Track("wmav2", WIDE, 16_000)

Decoded = tuple[NDArray[np.float32], str, int, tuple[str, ...]]
Decode = Callable[[bytes], Decoded]
DecodeMade = Callable[[str, Track], Decoded]


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    def read(content: bytes) -> Decoded:
        path = tmp_path / "recording"
        path.write_bytes(content)
        with open_here(path, LIMITS) as reader:
            return np.concatenate(list(reader.blocks())), reader.codec, reader.sample_rate_hz, reader.warnings

    return read


@pytest.fixture
def decode_made(decode: Decode, tmp_path: Path) -> DecodeMade:
    return lambda container, track: decode(encode(tmp_path / "made", container, track))


@pytest.mark.parametrize(
    ("container", "track", "codec", "least_likeness"),
    [
        ("amr", AMR, "amr_nb", 0.95),
        ("3gp", AMR, "amr_nb", 0.95),
        ("adts", AAC, "aac", 0.99),
        ("mp4", AAC, "aac", 0.99),
        ("ipod", Track("alac", WIDE, 16_000), "alac", 0.999),
        ("mov", Track("pcm_mulaw", PHONE, 8000), "pcm_mulaw", 0.999),
        ("webm", OPUS, "opus", 0.97),
        ("matroska", Track("libmp3lame", WIDE, 16_000), "mp3", 0.99),
        ("asf", WMA, "wmav2", 0.99),
        ("wav", Track("g722", WIDE, 16_000), "adpcm_g722", 0.99),
        ("wav", Track("g726", PHONE, 8000), "adpcm_g726", 0.99),
        ("wav", Track("libmp3lame", WIDE, 16_000), "mp3", 0.99),
    ],
)
def test_recording_is_decoded_to_what_was_encoded(
    container: str, track: Track, codec: str, least_likeness: float, decode_made: DecodeMade
) -> None:
    samples, heard, rate_hz, warnings = decode_made(container, track)
    assert (heard, rate_hz, warnings) == (codec, track.rate_hz, ())
    assert samples.shape[1] == track.samples.shape[1]
    # Encoders add their delay and fill their last frame; WMA loses half of it.
    assert -600 < len(samples) - len(track.samples) < 3000
    assert likeness(samples[:, 0], track.samples[:, 0]) > least_likeness


def test_wide_band_amr_is_decoded_at_16_khz(decode: Decode) -> None:
    samples, codec, rate_hz, _ = decode(amr_wb(seconds=1.0))
    assert (len(samples), codec, rate_hz) == (16_000, "amr_wb", 16_000)


@pytest.mark.parametrize("name", ["u8", "u8p", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"])
def test_samples_of_each_format_become_what_ffmpeg_makes_of_them(name: str) -> None:
    source = av.AudioFrame.from_ndarray((STEREO[:1000] * 32767).astype(np.int16).reshape(1, -1), layout="stereo")
    source.sample_rate = 48_000
    (frame,) = av.AudioResampler(format=name, layout="stereo", rate=48_000).resample(source)
    (expected,) = av.AudioResampler(format="flt", layout="stereo", rate=48_000).resample(frame)
    np.testing.assert_allclose(to_float(frame), expected.to_ndarray().reshape(-1, 2), atol=1e-7)


def test_sound_of_a_large_video_costs_no_more_than_its_sound(tmp_path: Path, decode: Decode) -> None:
    samples, codec, *_ = decode(encode(tmp_path / "made", "mp4", AAC, picture=(3840, 2160)))
    assert codec == "aac"
    assert likeness(samples[:, 0], WIDE[:, 0]) > 0.99


def test_first_of_several_tracks_is_read_and_the_choice_is_told(tmp_path: Path, decode: Decode) -> None:
    content = encode(tmp_path / "made", "mp4", AAC, Track("aac", STEREO, 48_000))
    samples, _, rate_hz, warnings = decode(content)
    assert (rate_hz, samples.shape[1], warnings) == (16_000, 1, ("several_tracks",))


def test_browser_recording_without_a_length_is_read_to_its_end(tmp_path: Path, decode: Decode) -> None:
    content = encode(tmp_path / "made", "webm", OPUS, options={"live": "1"})
    samples, *_, warnings = decode(content)
    assert (len(samples), warnings) == (96_000, ())
    samples, *_, warnings = decode(content[: len(content) * 2 // 3])
    assert 48_000 < len(samples) < 72_000
    assert warnings == ("truncated",)


@pytest.mark.parametrize(
    ("container", "track", "options"),
    [
        ("amr", AMR, {}),
        ("adts", AAC, {}),
        ("asf", WMA, {}),
        ("mp4", AAC, {"movflags": "faststart"}),
        ("mp4", AAC, {"movflags": "frag_keyframe+empty_moov", "frag_duration": "200000"}),
    ],
)
def test_recording_that_was_cut_gives_what_is_there_and_a_warning(
    container: str, track: Track, options: dict[str, str], tmp_path: Path, decode: Decode
) -> None:
    content = encode(tmp_path / "made", container, track, options=options)
    samples, *_, warnings = decode(content[: len(content) * 2 // 3 + 5])
    assert 0.4 < len(samples) / len(track.samples) < 0.8
    assert "truncated" in warnings


def test_damage_in_the_middle_is_stepped_over_and_told(tmp_path: Path, decode: Decode) -> None:
    content = bytearray(encode(tmp_path / "made", "mp4", AAC))
    content[len(content) // 2 : len(content) // 2 + 8] = b"\xff" * 8
    samples, *_, warnings = decode(bytes(content))
    assert len(samples) > 24_000
    assert "damaged" in warnings


@pytest.mark.parametrize("entry", [b"enca", b"drms"])
def test_encrypted_recording_is_told_from_a_damaged_one(entry: bytes, tmp_path: Path, decode: Decode) -> None:
    content = encode(tmp_path / "made", "ipod", AAC)
    with pytest.raises(errors.UnsupportedEncrypted):
        decode(content.replace(b"mp4a\0\0\0\0", entry + bytes(4)))


def test_video_without_sound_is_told_from_a_damaged_one(tmp_path: Path, decode: Decode) -> None:
    with pytest.raises(errors.NoAudioStream):
        decode(encode(tmp_path / "made", "mp4", picture=(320, 240)))


@pytest.mark.parametrize("magic", [b"#!AMR\n", AMR_WB_MAGIC])
def test_pauses_that_a_phone_did_not_send_last_as_long_as_they_did(magic: bytes, decode: Decode) -> None:
    samples, _, rate_hz, warnings = decode(magic + b"\x7c" * 100)
    assert (len(samples) / rate_hz, warnings) == (2.0, ())


def test_length_is_limited_by_what_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "long.amr"
    path.write_bytes(b"#!AMR\n" + b"\x7c" * 3600 * 50)
    # Frames that say that nothing was sent.
    with open_here(path, Limits(max_duration_s=60, max_channels=1)) as reader, pytest.raises(errors.DurationLimit):
        list(reader.blocks())


NOISE = np.random.default_rng(1).integers(0, 256, 3000, np.uint8).tobytes()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"#!AMR\n", errors.NoAudioSamples),
        (AMR_WB_MAGIC, errors.NoAudioSamples),
        (b"#!AMR_MC1.0\n" + NOISE, errors.UnrecognisedFormat),
        (b"\0\0\0\x20ftypM4A " + NOISE, errors.CorruptHeader),
        (b"\x1a\x45\xdf\xa3" + NOISE, errors.CorruptHeader),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + NOISE, errors.CorruptHeader),
        (b"\xff\xf1\x60\x40\x00\x1f\xfc", errors.UnrecognisedFormat),
    ],
)
def test_hostile_file_is_refused(content: bytes, error: type[errors.InputError], decode: Decode) -> None:
    with pytest.raises(errors.InputError) as caught:
        decode(content)
    assert caught.type is error


def test_decoder_that_is_not_on_the_list_is_never_run(tmp_path: Path, decode: Decode) -> None:
    with pytest.raises(errors.UnsupportedEncoding, match="wavpack"):
        decode(encode(tmp_path / "made", "matroska", Track("wavpack", WIDE, 16_000)))


def test_mutated_files_give_audio_or_a_known_error(tmp_path: Path, decode: Decode) -> None:
    random = np.random.default_rng(12)
    for container, track in (("amr", AMR), ("adts", AAC), ("mp4", AAC), ("webm", OPUS), ("asf", WMA)):
        original = encode(tmp_path / "made", container, track)
        for _ in range(30):
            content = np.frombuffer(original, np.uint8).copy()
            content[random.integers(0, random.choice([100, len(content)]), 4)] = random.integers(0, 256, 4)
            with contextlib.suppress(errors.InputError):
                assert len(decode(content.tobytes())[0]) > 0
