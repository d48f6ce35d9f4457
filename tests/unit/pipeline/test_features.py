"""The front ends against the reference extractors of `transformers`, to 1e-3."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from transformers import ParakeetFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from pipeline.features import extract, nemo_log_mel, raw_waveform, to_float, whisper_log_mel
from pipeline.spec import CtcVocabulary, FrontEnd, ModelSpec, NemoLogMel, RawWaveform, WhisperLogMel
from pipeline.values import Channel, Recording, Span, SpeechSegment, Stream

RATE_HZ = 16_000
LENGTHS = [1_600, 16_003, 37_120, 479_900, 480_000]


def _syllables(length: int) -> NDArray[np.int16]:
    """A gliding harmonic tone in bursts with pauses of digital silence between them, over faint noise."""
    time_s = np.arange(length) / RATE_HZ
    phase = 2 * np.pi * (140 * time_s + 20 * np.sin(2 * np.pi * 0.7 * time_s))
    voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    burst = np.clip(np.sin(2 * np.pi * 3 * time_s), 0, None)
    noise = np.random.default_rng(length).standard_normal(length) * 1e-3
    samples: NDArray[np.int16] = ((0.2 * voice + noise) * burst * 20_000).astype(np.int16)
    return samples


def _spec(front_end: FrontEnd) -> ModelSpec:
    return ModelSpec("test", "en", front_end, CtcVocabulary(("<pad>",), 0, frozenset({0}), "|"), 0.02, pads_freely=True)


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("length", [100, 201, *LENGTHS])
def test_whisper_log_mel_equals_the_reference_on_the_signal_padded_to_30_s(length: int, bands: int) -> None:
    samples = to_float(_syllables(length))
    reference = WhisperFeatureExtractor(feature_size=bands)(samples, sampling_rate=RATE_HZ, return_tensors="np")
    expected = reference.input_features[0].T
    ours = whisper_log_mel(samples, WhisperLogMel(bands))
    np.testing.assert_allclose(ours, expected[: len(ours)], atol=1e-3)
    # What is left out is silence, at the level that the docstring gives.
    np.testing.assert_allclose(expected[len(ours) :], max(-1.5, ours.max() - 2.0), atol=1e-3)


def test_whisper_log_mel_keeps_the_frames_that_hear_the_segment_and_no_more() -> None:
    assert whisper_log_mel(to_float(_syllables(RATE_HZ)), WhisperLogMel()).shape == (102, 80)
    assert whisper_log_mel(to_float(_syllables(30 * RATE_HZ)), WhisperLogMel()).shape == (3_000, 80)


def test_digital_silence_has_finite_features_in_every_front_end() -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    np.testing.assert_allclose(whisper_log_mel(silence, WhisperLogMel()), -1.5, atol=1e-6)
    assert np.all(np.isfinite(nemo_log_mel(silence, NemoLogMel())))
    assert np.all(raw_waveform(silence, RawWaveform()) == 0.0)


def test_more_than_a_window_is_refused_instead_of_cut() -> None:
    with pytest.raises(ValueError, match="480001"):
        whisper_log_mel(np.zeros(480_001, np.float32), WhisperLogMel())


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("length", LENGTHS)
def test_nemo_log_mel_equals_the_reference(length: int, bands: int) -> None:
    samples = to_float(_syllables(length))
    reference = ParakeetFeatureExtractor(feature_size=bands)(samples, sampling_rate=RATE_HZ, return_tensors="pt")
    frames = int(reference.attention_mask.sum())
    ours = nemo_log_mel(samples, NemoLogMel(bands))
    np.testing.assert_allclose(ours, reference.input_features[0, :frames].numpy(), atol=1e-3)


def test_nemo_log_mel_has_every_band_at_zero_mean_and_unit_variance() -> None:
    frames = nemo_log_mel(to_float(_syllables(3 * RATE_HZ)), NemoLogMel()).astype(np.float64)
    np.testing.assert_allclose(frames.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(frames.std(axis=0, ddof=1), 1.0, atol=1e-3)


@pytest.mark.parametrize("samples", [0, 1, 159])
def test_less_than_a_frame_has_no_nemo_features(samples: int) -> None:
    assert nemo_log_mel(np.ones(samples, np.float32), NemoLogMel()).shape == (0, 80)


@pytest.mark.parametrize("normalise", [True, False])
def test_the_waveform_equals_the_reference(normalise: bool) -> None:
    samples = to_float(_syllables(20_000))
    reference = Wav2Vec2FeatureExtractor(do_normalize=normalise)(samples, sampling_rate=RATE_HZ, return_tensors="np")
    np.testing.assert_allclose(raw_waveform(samples, RawWaveform(normalise)), reference.input_values[0], atol=1e-3)


@pytest.mark.parametrize(
    ("front_end", "shape"), [(WhisperLogMel(128), (102, 128)), (NemoLogMel(), (100, 80)), (RawWaveform(), (16_000,))]
)
def test_a_segment_keeps_its_span_and_holds_float16(front_end: FrontEnd, shape: tuple[int, ...]) -> None:
    span = Span(1, 2.0, 3.0)
    recording = Recording(10.0, 8_000, "pcm_mulaw", (Channel(0), Channel(1)))
    speech = Stream(recording, [SpeechSegment(span, _syllables(RATE_HZ))])
    features = extract(speech, _spec(front_end))
    (segment,) = features.segments
    assert features.recording is recording
    assert (segment.span, segment.frames.shape) == (span, shape)
    assert segment.frames.dtype == np.float16


def test_segments_are_computed_only_when_they_are_read() -> None:
    read: list[int] = []

    def segments() -> Iterator[SpeechSegment]:
        for index in range(3):
            read.append(index)
            yield SpeechSegment(Span(0, index, index + 1.0), _syllables(RATE_HZ))

    recording = Recording(10.0, 8_000, "pcm_mulaw", (Channel(0),))
    features = iter(extract(Stream(recording, segments()), _spec(NemoLogMel())).segments)
    assert read == []
    next(features)
    assert read == [0]


def test_importing_the_front_ends_loads_neither_torch_nor_numba() -> None:
    program = "import pipeline.features, sys; print({'torch', 'transformers', 'numba'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
