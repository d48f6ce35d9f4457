"""Files that are nothing but samples: as declared, or recognised by their statistics, and nothing else is."""

import io
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from pipeline import errors
from pipeline.audio import AudioReader, Declared, Limits
from pipeline.audio.headerless import ENCODINGS
from pipeline.audio.recognition import a_law_table, mu_law_table
from pipeline.options import PreprocessOptions
from pipeline.preprocess import preprocess
from tests import bad_recordings as bad
from tests.av_recordings import Track, encode, likeness
from tests.reading import open_here

LIMITS = Limits(max_duration_s=8 * 3600, max_channels=8)
CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
RAW = {
    "pcm_mulaw": ("ULAW", "FILE"),
    "pcm_alaw": ("ALAW", "FILE"),
    "pcm_s16le": ("PCM_16", "LITTLE"),
    "pcm_s16be": ("PCM_16", "BIG"),
    "gsm": ("GSM610", "FILE"),
}

Samples = NDArray[np.float32]
Open = Callable[..., AudioReader]


@pytest.fixture(scope="module")
def call() -> Samples:
    """Both sides of the demo call, 8 kHz."""
    return np.asarray(soundfile.read(CALL, dtype="float32")[0])


@pytest.fixture(scope="module")
def speech(call: Samples) -> Samples:
    """One side of it, where it speaks."""
    return call[:, :1]


def _raw(samples: Samples, encoding: str) -> bytes:
    file = io.BytesIO()
    subtype, endian = RAW[encoding]
    soundfile.write(file, samples, 8000, subtype, endian, "RAW")
    return file.getvalue()


@contextmanager
def _reading(path: Path, content: bytes, declared: Declared | None = None) -> Iterator[AudioReader]:
    path.write_bytes(content)
    with open_here(path, LIMITS, declared) as reader:
        yield reader


@pytest.mark.parametrize(("table", "subtype"), [(mu_law_table, "ULAW"), (a_law_table, "ALAW")])
def test_tables_of_g711_are_those_of_libsndfile(table: Callable[[], NDArray[np.float64]], subtype: str) -> None:
    everything = io.BytesIO(bytes(range(256)))
    expected = soundfile.read(everything, dtype="int16", channels=1, samplerate=8000, subtype=subtype, format="RAW")[0]
    np.testing.assert_array_equal(table(), expected)


@pytest.mark.parametrize("encoding", RAW)
def test_declared_file_is_decoded_as_it_was_written(encoding: str, speech: Samples, tmp_path: Path) -> None:
    with _reading(tmp_path / "file", _raw(speech, encoding), Declared(encoding)) as reader:
        samples = np.concatenate(list(reader.blocks()))
        assert (reader.codec, reader.sample_rate_hz, reader.channels, reader.warnings) == (encoding, 8000, 1, ())
    assert abs(len(samples) - len(speech)) <= 160
    assert likeness(samples[:, 0], speech[:, 0], most_delay=10) > 0.95


def test_declared_rate_and_channels_hold(call: Samples, tmp_path: Path) -> None:
    with _reading(tmp_path / "file", _raw(call, "pcm_s16le"), Declared("pcm_s16le", 16_000, 2)) as reader:
        np.testing.assert_allclose(np.concatenate(list(reader.blocks())), call, atol=1 / 32768)
        assert (reader.sample_rate_hz, reader.channels) == (16_000, 2)


def test_declared_g722_is_decoded(tmp_path: Path) -> None:
    wide = bad.noisy_tone(2.0)
    content = encode(tmp_path / "made", "g722", Track("g722", wide, 16_000))
    with _reading(tmp_path / "file", content, Declared("g722")) as reader:
        samples = np.concatenate(list(reader.blocks()))
        assert (reader.sample_rate_hz, len(samples)) == (16_000, 32_000)
    assert likeness(samples[:, 0], wide[:, 0]) > 0.99


def test_declared_g729_is_decoded_to_its_length(tmp_path: Path) -> None:
    # No encoder of it is free; ten bytes make 10 ms.
    content = np.random.default_rng(4).integers(0, 256, 1000, np.uint8).tobytes()
    with _reading(tmp_path / "file", content, Declared("g729")) as reader:
        assert (sum(map(len, reader.blocks())), reader.sample_rate_hz, reader.codec) == (8000, 8000, "g729")


def test_declared_file_is_not_looked_into_for_a_header(speech: Samples, tmp_path: Path) -> None:
    content = b"RIFF" + _raw(speech, "pcm_mulaw")
    with _reading(tmp_path / "file", content, Declared("pcm_mulaw")) as reader:
        assert sum(map(len, reader.blocks())) == len(content)


@pytest.mark.parametrize("encoding", ["pcm_s16le", "gsm"])
def test_declared_file_of_less_than_a_sample_is_refused(encoding: str, tmp_path: Path) -> None:
    with pytest.raises(errors.NoAudioSamples), _reading(tmp_path / "file", b"?", Declared(encoding)):
        pass


@pytest.mark.parametrize("encoding", RAW)
def test_speech_without_a_header_is_recognised_and_how_surely_is_told(
    encoding: str, speech: Samples, tmp_path: Path
) -> None:
    with _reading(tmp_path / "file", _raw(speech, encoding)) as reader:
        assert (reader.codec, reader.sample_rate_hz, reader.channels) == (encoding, 8000, 1)
        kind, named, confidence = reader.warnings[0].split(":")
    assert (kind, named) == ("headerless", encoding)
    assert 0.5 < float(confidence) <= 1


@pytest.mark.parametrize("encoding", ["pcm_mulaw", "pcm_alaw", "pcm_s16le", "pcm_s16be"])
def test_two_interleaved_channels_are_recognised(encoding: str, call: Samples, tmp_path: Path) -> None:
    # Both at once, as a channel of silence says nothing of itself.
    both = np.stack((call[:, 0] + call[:, 1], np.roll(call[:, 0] + call[:, 1], 30_000)), axis=1)
    with _reading(tmp_path / "file", _raw(both, encoding)) as reader:
        assert (reader.codec, reader.channels) == (encoding, 2)


def _bitmap() -> bytes:
    side = np.arange(256)
    smooth = (128 + 60 * np.sin(side[:, None] / 9) + 60 * np.cos(side[None] / 7)).astype(np.uint8)
    pixels: bytes = smooth.tobytes()
    return b"BM" + struct.pack("<IHHI", 65_590, 0, 0, 54) + bytes(40) + pixels


RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize(
    "content",
    [
        RANDOM.integers(0, 256, 200_000, np.uint8).tobytes(),
        bytes(200_000),
        b"\xff" * 200_000,
        Path(__file__).read_bytes() * 10,
        b"0.123,4.567,8.910\r\n" * 10_000,
        Path(sys.executable).resolve().read_bytes()[:1_000_000],
        Path(np.__file__).with_suffix(".py").read_bytes() * 3,
        b"call.wav".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0") + bad.encode(bad.noisy_tone(3.0)),
        bad.encode(bad.noisy_tone(3.0))[1:12],
        _bitmap(),
        np.sin(np.arange(100_000) / 7).astype("<f4").tobytes(),
        np.linspace(0, 1, 50_000).astype("<f4").tobytes(),
        RANDOM.standard_normal(50_000).astype("<f8").tobytes(),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_speech_is_not_taken_for_it(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(errors.UnrecognisedFormat), _reading(tmp_path / "file", content):
        pass


def test_preprocess_finds_the_speech_of_a_declared_file(call: Samples, tmp_path: Path) -> None:
    path = tmp_path / "recording.ulaw"
    path.write_bytes(_raw(call, "pcm_mulaw"))
    declared = preprocess(path, PreprocessOptions(encoding="pcm_mulaw", channels=2))
    plain = preprocess(CALL, PreprocessOptions())
    assert [each.span for each in declared.segments] == [each.span for each in plain.segments]
    report = plain.recording.preflight
    assert report
    # All is the same but what it came in.
    assert declared.recording == replace(plain.recording, preflight=replace(report, container="raw"))


@pytest.mark.parametrize(
    "options",
    [
        {"sample_rate_hz": 8000},
        {"channels": 2},
        {"encoding": "gsm", "channels": 2},
        {"encoding": "g722", "sample_rate_hz": 8000},
        {"encoding": "g726"},
    ],
)
def test_declarations_that_contradict_themselves_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"encoding|channel|sample rate"):
        PreprocessOptions.model_validate(options)


def test_every_encoding_that_is_decoded_can_be_declared() -> None:
    for encoding in ENCODINGS:
        assert PreprocessOptions.model_validate({"encoding": encoding}).encoding == encoding
