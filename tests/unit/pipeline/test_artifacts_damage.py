"""Whatever happens to the bytes of an artifact, it is read as it was written or refused as damaged."""

import io
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import artifacts
from pipeline.artifacts import EMISSIONS, FEATURES, SPEECH, WORDS, Codec
from pipeline.errors import ArtifactDamaged
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

RECORDING = Recording(3.5, 8000, "pcm_mulaw", (Channel(0, "agent"), Channel(1)), ("truncated",))
SPEECH_OF_40 = SpeechSegment(Span(1, 0.25, 0.5), np.arange(40, dtype=np.int16))

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"))
spans = st.builds(Span, st.integers(0, 63), numbers, numbers)
words = st.builds(Word, texts, numbers, numbers, numbers, st.none() | texts, st.none() | texts)
word_segments = st.builds(WordSegment, spans, st.lists(words, max_size=3).map(tuple))
tokens = st.lists(st.integers(0, 60_000), max_size=4).map(tuple)
times = st.lists(numbers, max_size=4).map(tuple)
hypotheses = st.builds(Hypothesis, tokens, numbers, times, times, times)
attention = st.builds(AttentionEmissions, spans, st.lists(hypotheses, max_size=3).map(tuple), numbers)
recordings = st.builds(
    Recording,
    numbers,
    st.integers(4000, 384_000),
    texts,
    st.lists(st.builds(Channel, st.integers(0, 63), st.none() | texts), max_size=3).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
)


def _written(codec: Codec[Any], segments: list[Any], recording: Recording = RECORDING) -> bytes:
    file = io.BytesIO()
    artifacts.write(Stream(recording, segments), codec, file)
    return file.getvalue()


def _read(codec: Codec[Any], content: bytes) -> tuple[Recording, list[Any]]:
    stream = artifacts.read(codec, io.BytesIO(content))
    return stream.recording, list(stream.segments)


def _is_speech_of_40(content: bytes) -> bool:
    recording, (segment,) = _read(SPEECH, content)
    return (recording, segment.span) == (RECORDING, SPEECH_OF_40.span) and bool(
        np.array_equal(segment.samples, SPEECH_OF_40.samples)
    )


@given(recordings, st.lists(word_segments, max_size=3))
def test_words_of_any_text_and_any_time_come_back(recording: Recording, segments: list[WordSegment]) -> None:
    assert _read(WORDS, _written(WORDS, segments, recording)) == (recording, segments)


@given(recordings, st.lists(attention, max_size=3))
def test_hypotheses_come_back_to_the_last_bit(recording: Recording, segments: list[AttentionEmissions]) -> None:
    assert _read(EMISSIONS, _written(EMISSIONS, segments, recording)) == (recording, segments)


@given(spans, arrays(np.float16, st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_features_come_back_with_their_shape_and_every_bit(span: Span, frames: Any) -> None:
    _, (segment,) = _read(FEATURES, _written(FEATURES, [FeatureSegment(span, frames)]))
    assert (segment.span, segment.frames.shape) == (span, frames.shape)
    np.testing.assert_array_equal(segment.frames.view(np.uint16), frames.view(np.uint16))


def test_impossible_labels_come_back_as_impossible() -> None:
    log_probs = np.full((3, 4), -np.inf, np.float16)
    _, (segment,) = _read(EMISSIONS, _written(EMISSIONS, [CtcEmissions(Span(0, 0.0, 0.06), log_probs, 0.02)]))
    np.testing.assert_array_equal(segment.log_probs, log_probs)


@pytest.mark.parametrize("order", ["a transposed view", "every second frame", "Fortran order"])
def test_arrays_in_any_order_of_memory_are_written_alike(order: str) -> None:
    plain = np.arange(24, dtype=np.float16).reshape(4, 6)
    same = {
        "a transposed view": plain.T.copy().T,
        "every second frame": np.repeat(plain, 2, axis=0)[::2],
        "Fortran order": np.asfortranarray(plain),
    }[order]
    span = Span(0, 0.0, 1.0)
    assert _written(FEATURES, [FeatureSegment(span, same)]) == _written(FEATURES, [FeatureSegment(span, plain)])


def test_what_is_read_can_not_be_written_over() -> None:
    _, (segment,) = _read(SPEECH, _written(SPEECH, [SPEECH_OF_40]))
    with pytest.raises(ValueError, match="read-only"):
        segment.samples[0] = 7


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_a_changed_byte_anywhere_is_harmless_or_noticed(mask: int) -> None:
    """Every byte in turn: what a ZIP repeats may differ unseen, what is read never."""
    whole = _written(SPEECH, [SPEECH_OF_40])
    noticed = 0
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= mask
        try:
            assert _is_speech_of_40(bytes(changed)), f"byte {position} changed what was read"
        except ArtifactDamaged:
            noticed += 1
    assert noticed > len(whole) / 2


@settings(max_examples=60)
@given(st.data())
def test_a_stretch_that_was_overwritten_is_harmless_or_noticed(data: st.DataObject) -> None:
    whole = _written(SPEECH, [SPEECH_OF_40])
    start = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(min_size=1, max_size=64))
    changed = whole[:start] + other + whole[start + len(other) :]
    with suppress(ArtifactDamaged):
        assert _is_speech_of_40(changed)


@given(st.binary(max_size=300))
def test_bytes_of_anything_else_are_no_artifact(content: bytes) -> None:
    with pytest.raises(ArtifactDamaged):
        artifacts.read(WORDS, io.BytesIO(content))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_could_not_be_read_back_is_never_written(number: float) -> None:
    word = WordSegment(Span(0, 0.0, 1.0), (Word("yes", 0.0, 1.0, number),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        _written(WORDS, [word])
    with pytest.raises(ValueError, match="not JSON compliant"):
        _written(EMISSIONS, [AttentionEmissions(Span(0, 0.0, 1.0), (Hypothesis((1,), number),), 0.5)])


def test_emissions_of_a_ctc_model_without_their_array_are_damaged() -> None:
    attention_only = _written(EMISSIONS, [CtcEmissions(Span(0, 0.0, 1.0), np.zeros((1, 2), np.float16), 0.02)])
    # The name of the array in both directories of the ZIP.
    without = attention_only.replace(b"00000000.npy", b"00000009.npy")
    with pytest.raises(ArtifactDamaged, match="no array"):
        _read(EMISSIONS, without)
