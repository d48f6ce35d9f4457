"""Artifacts carry a stream from one process to the next without a trace in the result."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.lib.npyio import NpzFile

from pipeline import artifacts
from pipeline.artifacts import CODECS, EMISSIONS, FEATURES, SPEECH, WORDS, Codec
from pipeline.errors import ArtifactDamaged
from pipeline.stages import STEPS, Step
from pipeline.values import (
    AttentionEmissions,
    Channel,
    CtcEmissions,
    FeatureSegment,
    Hypothesis,
    Recording,
    Span,
    SpeechSegment,
    Stream,
    Word,
    WordSegment,
)

RECORDING = Recording(12.345678901234567, 8000, "wav/mulaw", (Channel(0, "agent"), Channel(1)), ("truncated",))
SPANS = (Span(0, 0.1, 1.7000000000000002), Span(1, 1.5, 3.0))
RANDOM = np.random.default_rng(7)


def _speech() -> list[SpeechSegment]:
    return [SpeechSegment(span, RANDOM.integers(-32768, 32767, 1000 + i, np.int16)) for i, span in enumerate(SPANS)]


def _features() -> list[FeatureSegment]:
    return [FeatureSegment(span, RANDOM.normal(size=(50, 80)).astype(np.float16)) for span in SPANS]


def _emissions() -> list[CtcEmissions | AttentionEmissions]:
    hypothesis = Hypothesis((1770, 13), -0.1234567890123, (0.0, 0.32), (0.3, 0.4), (0.99, 1 / 3))
    log_probs = RANDOM.normal(size=(9, 32)).astype(np.float16)
    return [
        AttentionEmissions(SPANS[0], (hypothesis, Hypothesis((), -2.0)), 0.01),
        CtcEmissions(SPANS[1], log_probs, 0.02),
    ]


def _words() -> list[WordSegment]:
    return [
        WordSegment(SPANS[0], (Word("naïve,", 0.1, 0.30000000000000004, 0.5), Word("“yes”", 0.4, 0.5, 1.0))),
        WordSegment(SPANS[1], ()),
    ]


KINDS: list[tuple[Codec[Any], list[Any]]] = [
    (SPEECH, _speech()),
    (FEATURES, _features()),
    (EMISSIONS, _emissions()),
    (WORDS, _words()),
]


def _written(codec: Codec[Any], segments: list[Any]) -> io.BytesIO:
    file = io.BytesIO()
    artifacts.write(Stream(RECORDING, segments), codec, file)
    file.seek(0)
    return file


def _rewritten(file: io.BytesIO, replaced: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    """The same ZIP with some members replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, replaced.get(name, old.read(name)))
    return out


def _array_of(segment: Any) -> Any:
    for name in ("samples", "frames", "log_probs"):
        if hasattr(segment, name):
            return getattr(segment, name)
    return None


@pytest.mark.parametrize(("codec", "segments"), KINDS, ids=lambda part: getattr(part, "step", ""))
def test_what_is_read_equals_what_was_written_bit_for_bit(codec: Codec[Any], segments: list[Any]) -> None:
    stream = artifacts.read(codec, _written(codec, segments))
    assert stream.recording == RECORDING
    for read, written in zip(stream.segments, segments, strict=True):
        assert type(read) is type(written)
        array = _array_of(written)
        if array is None:
            assert read == written
        else:
            assert read.span == written.span
            assert _array_of(read).dtype == array.dtype
            np.testing.assert_array_equal(_array_of(read), array)


@pytest.mark.parametrize(("codec", "segments"), KINDS, ids=lambda part: getattr(part, "step", ""))
def test_the_same_stream_gives_the_same_bytes(codec: Codec[Any], segments: list[Any]) -> None:
    first = _written(codec, segments)
    again = _written(codec, list(artifacts.read(codec, first).segments))
    assert first.getvalue() == again.getvalue()


def test_every_step_but_the_last_has_a_codec() -> None:
    assert tuple(CODECS) == STEPS[:-1]


def test_numpy_opens_the_arrays_of_an_artifact_by_itself() -> None:
    segments = _features()
    with np.load(_written(FEATURES, segments), allow_pickle=False) as archive:
        assert isinstance(archive, NpzFile)
        np.testing.assert_array_equal(archive["00000001"], segments[1].frames)


def test_segments_are_written_as_they_come_and_read_as_they_are_taken() -> None:
    alive: list[int] = []

    def one_by_one() -> Iterator[SpeechSegment]:
        for index in range(50):
            alive.append(file.tell())
            yield SpeechSegment(Span(0, index, index + 1.0), np.full(16_000, index, np.int16))

    file = io.BytesIO()
    artifacts.write(Stream(RECORDING, one_by_one()), SPEECH, file)
    assert alive == sorted(alive)
    assert alive[1] > 32_000, "the first segment is in the file before the second is made"
    reader = iter(artifacts.read(SPEECH, file).segments)
    assert int(next(reader).samples[0]) == 0
    assert file.tell() < alive[3], "the first segment is read without the others"


def test_a_recording_without_speech_is_a_stream_without_segments() -> None:
    assert list(artifacts.read(SPEECH, _written(SPEECH, [])).segments) == []


def test_what_a_failed_step_left_behind_is_refused() -> None:
    def fails() -> Iterator[WordSegment]:
        yield _words()[0]
        raise MemoryError

    file = io.BytesIO()
    with pytest.raises(MemoryError):
        artifacts.write(Stream(RECORDING, fails()), WORDS, file)
    with pytest.raises(ArtifactDamaged):
        artifacts.read(WORDS, file)


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"PK\x05\x06" + bytes(18)])
def test_a_foreign_file_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactDamaged) as caught:
        artifacts.read(WORDS, io.BytesIO(content))
    assert caught.value.code == "ARTIFACT_LOST"


def test_a_cut_file_is_refused_wherever_it_is_cut() -> None:
    whole = _written(FEATURES, _features()).getvalue()
    for kept in range(0, len(whole) - 1, 997):
        with pytest.raises(ArtifactDamaged):
            list(artifacts.read(FEATURES, io.BytesIO(whole[:kept])).segments)


def test_a_changed_byte_of_a_segment_is_noticed() -> None:
    whole = bytearray(_written(FEATURES, _features()).getvalue())
    whole[4000] ^= 0xFF
    with pytest.raises(ArtifactDamaged, match="segment 0"):
        list(artifacts.read(FEATURES, io.BytesIO(whole)).segments)


def test_the_artifact_of_another_step_is_refused() -> None:
    with pytest.raises(ArtifactDamaged, match=f"of {Step.FEATURES}, got .* of {Step.PREPROCESS}"):
        artifacts.read(FEATURES, _written(SPEECH, _speech()))


def test_a_missing_segment_is_noticed() -> None:
    file = _written(WORDS, _words())
    with zipfile.ZipFile(file) as archive:
        seal = json.loads(archive.read("recording.json"))
    more = _rewritten(file, {"recording.json": json.dumps({**seal, "segments": 3}).encode()})
    with pytest.raises(ArtifactDamaged, match="segment 2"):
        list(artifacts.read(WORDS, more).segments)


def _npy(array: Any, *, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "npy",
    [
        _npy(np.array([{"a": 1}], dtype=object), pickled=True),
        _npy(np.zeros(4, np.float64)),
        _npy(np.zeros(4, np.int16)).replace(b"(4,), ", b"(9**9"),
        _npy(np.zeros(4, np.int16)).replace(b"(4,)", b"(9,)"),
        b"not numpy",
    ],
    ids=["pickle", "another type", "no header", "more claimed than there is", "no array"],
)
def test_an_array_that_is_not_what_it_claims_is_refused(npy: bytes) -> None:
    file = _rewritten(_written(SPEECH, _speech()), {"00000000.npy": npy})
    with pytest.raises(ArtifactDamaged):
        list(artifacts.read(SPEECH, file).segments)


def test_a_compressed_member_is_refused_before_it_is_inflated() -> None:
    file = _rewritten(_written(SPEECH, _speech()), {}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArtifactDamaged, match="compressed"):
        artifacts.read(SPEECH, file)


def test_an_array_of_the_wrong_type_is_never_written() -> None:
    wrong = SpeechSegment(SPANS[0], np.zeros(10, np.float32))
    with pytest.raises(TypeError, match="float32"):
        _written(SPEECH, [wrong])
