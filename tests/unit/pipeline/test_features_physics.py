"""The front ends as physics has it: tones lie in their bands, gain and delay do what they must."""

import subprocess
import sys

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from librosa.filters import mel
from numpy.typing import NDArray

from pipeline.features import _mel_filters, extract, front_end_of, nemo_log_mel, raw_waveform, to_float, whisper_log_mel
from pipeline.spec import (
    AttentionVocabulary,
    FrontEnd,
    ModelSpec,
    NemoLogMel,
    RawWaveform,
    WhisperLogMel,
)
from pipeline.values import Channel, Recording, Span, SpeechSegment, Stream

RATE_HZ = 16_000
HOP = 160
FRONT_ENDS: list[FrontEnd] = [WhisperLogMel(), WhisperLogMel(128), NemoLogMel(), NemoLogMel(128), RawWaveform()]


def _tone(frequency_hz: float, duration_s: float = 1.0, level: float = 0.3) -> NDArray[np.float32]:
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    tone: NDArray[np.float32] = (level * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)
    return tone


def _noise(length: int, seed: int = 0, level: float = 0.1) -> NDArray[np.float32]:
    noise: NDArray[np.float32] = (np.random.default_rng(seed).standard_normal(length) * level).astype(np.float32)
    return noise


def _extracted(front_end: FrontEnd, segments: list[SpeechSegment]) -> list[NDArray[np.float16]]:
    vocabulary = AttentionVocabulary((), 0, 0, (), 0, ())
    spec = ModelSpec("m", "en", front_end, vocabulary, 0.02, pads_freely=True)
    recording = Recording(60.0, RATE_HZ, "wav", (Channel(0),))
    return [each.frames for each in extract(Stream(recording, segments), spec).segments]


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("frequency_hz", [300.0, 1_000.0, 2_500.0, 3_900.0, 6_500.0])
def test_a_tone_is_loudest_in_the_band_that_holds_it(frequency_hz: float, bands: int) -> None:
    centres_hz = librosa.mel_frequencies(n_mels=bands + 2, fmin=0, fmax=RATE_HZ / 2)[1:-1]
    middle = whisper_log_mel(_tone(frequency_hz), WhisperLogMel(bands))[20:80].mean(axis=0)
    # Neighbours overlap by half, and a band of low frequency is as narrow as a bin.
    nearest = int(np.abs(centres_hz - frequency_hz).argmin())
    assert abs(int(middle.argmax()) - nearest) <= 1


@pytest.mark.parametrize("front_end", FRONT_ENDS[:-1])
def test_filters_that_were_made_before_are_those_of_librosa(front_end: WhisperLogMel | NemoLogMel) -> None:
    exact = mel(sr=RATE_HZ, n_fft=front_end.n_fft, n_mels=front_end.bands)
    np.testing.assert_allclose(_mel_filters(front_end.n_fft, front_end.bands).toarray()[:, ::2], exact, rtol=1e-6)


@pytest.mark.parametrize(("bands", "needs_librosa"), [(80, False), (128, False), (40, True)])
def test_models_that_there_are_need_no_librosa(bands: int, needs_librosa: bool) -> None:
    code = f"""
import sys
import numpy as np
from pipeline.features import nemo_log_mel, whisper_log_mel
from pipeline.spec import NemoLogMel, WhisperLogMel
samples = np.ones(16_000, np.float32)
assert whisper_log_mel(samples, WhisperLogMel({bands})).shape[1] == {bands}
assert nemo_log_mel(samples, NemoLogMel({bands})).shape[1] == {bands}
sys.exit(("librosa" in sys.modules) is not {needs_librosa})
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("gain", [0.1, 0.5, 4.0])
def test_gain_shifts_whisper_features_by_half_its_decades(gain: float) -> None:
    """log10 of the power, divided by 4: a factor of 10 in amplitude is 2 / 4."""
    samples = _noise(RATE_HZ)
    plain, louder = (whisper_log_mel(each, WhisperLogMel()) for each in (samples, samples * np.float32(gain)))
    np.testing.assert_allclose(louder - plain, 2 * np.log10(gain) / 4, atol=1e-4)


@pytest.mark.parametrize("front_end", [NemoLogMel(pre_emphasis=0.0), RawWaveform()], ids=["NeMo", "waveform"])
@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_gain_changes_nothing_where_the_segment_is_normalised(front_end: FrontEnd, gain: float) -> None:
    compute = front_end_of(front_end)
    # White, so that no band is near the guards against silence, which are all that knows the level.
    samples = _noise(RATE_HZ, seed=1, level=0.3)
    np.testing.assert_allclose(compute(samples * np.float32(gain)), compute(samples), atol=2e-3)


@pytest.mark.parametrize("hops", [1, 7])
def test_a_delay_of_whole_hops_delays_whisper_features_by_as_many_frames(hops: int) -> None:
    samples = _noise(RATE_HZ, seed=2)
    delayed = np.concatenate((np.zeros(hops * HOP, np.float32), samples))
    plain, later = (whisper_log_mel(each, WhisperLogMel()) for each in (samples, delayed))
    assert len(later) == len(plain) + hops
    # The first two frames see the reflection at the start.
    np.testing.assert_allclose(later[2 + hops :], plain[2:], atol=1e-4)


def test_whisper_hears_nothing_below_80_db_under_the_loudest() -> None:
    samples = np.concatenate((_tone(1_000.0), _tone(1_000.0, level=3e-7)))
    frames = whisper_log_mel(samples, WhisperLogMel())
    assert frames.max() - frames.min() == pytest.approx(8 / 4)
    np.testing.assert_array_equal(frames[110:190], frames.min())


def test_pre_emphasis_lifts_high_frequencies_before_nemo_measures_them() -> None:
    """Bands are normalised, so that it can be seen only with the one before the other in time."""
    samples = np.concatenate((_noise(8_000, seed=3), _noise(8_000, seed=4) * np.float32(0.1)))
    with_it, without = (nemo_log_mel(samples, NemoLogMel(pre_emphasis=each)) for each in (0.97, 0.0))
    assert np.abs(with_it - without).max() > 0.05
    by_hand = samples.copy()
    by_hand[1:] = samples[1:] - np.float32(0.97) * samples[:-1]
    np.testing.assert_allclose(with_it, nemo_log_mel(by_hand, NemoLogMel(pre_emphasis=0.0)), atol=1e-5)


@given(st.integers(0, 20_000))
def test_nemo_has_a_frame_for_every_whole_hop(length: int) -> None:
    assert nemo_log_mel(np.zeros(length, np.float32), NemoLogMel()).shape == (length // HOP, 80)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20_000))
def test_whisper_has_the_frames_whose_window_touches_a_sample(length: int) -> None:
    frames = whisper_log_mel(_noise(length), WhisperLogMel())
    # Frame number n hears the samples from 160 n - 200 up to 160 n + 200.
    touching = [number for number in range(3_000) if number * HOP - 200 < length]
    assert len(frames) == len(touching)
    assert np.all(np.isfinite(frames))


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=repr)
@pytest.mark.parametrize("samples", [0, 1, 2, 159, 161, 399, 401])
def test_the_shortest_segments_have_finite_features_in_every_front_end(front_end: FrontEnd, samples: int) -> None:
    loudest = np.full(samples, -32_768, np.int16)
    (frames,) = _extracted(front_end, [SpeechSegment(Span(0, 0.0, samples / RATE_HZ), loudest)])
    assert np.all(np.isfinite(frames))


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=repr)
def test_float16_is_the_nearest_to_what_was_computed(front_end: FrontEnd) -> None:
    samples = (_noise(RATE_HZ, seed=5) * 32_767).clip(-32_768, 32_767).astype(np.int16)
    (frames,) = _extracted(front_end, [SpeechSegment(Span(0, 0.0, 1.0), samples)])
    exact = front_end_of(front_end)(to_float(samples))
    np.testing.assert_allclose(frames.astype(np.float32), exact, rtol=2**-11, atol=2**-25)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=repr)
def test_a_segment_does_not_depend_on_the_one_before_it_nor_change_its_samples(front_end: FrontEnd) -> None:
    samples = [(_noise(4_000 + 77 * seed, seed) * 32_767).clip(-32_768, 32_767).astype(np.int16) for seed in range(3)]
    for each in samples:
        each.setflags(write=False)
    segments = [SpeechSegment(Span(0, at, at + 0.3), each) for at, each in enumerate(samples)]
    together = _extracted(front_end, segments)
    for alone, frames in zip(reversed(segments), reversed(together), strict=True):
        np.testing.assert_array_equal(_extracted(front_end, [alone])[0], frames)


def test_full_scale_is_minus_one_to_just_below_one() -> None:
    scaled = to_float(np.array([-32_768, -1, 0, 1, 32_767], np.int16))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled * 32_768, [-32_768, -1, 0, 1, 32_767])


def test_a_waveform_that_is_not_normalised_is_the_samples_themselves() -> None:
    samples = _noise(1_000)
    assert raw_waveform(samples, RawWaveform(normalise=False)) is samples


def test_a_constant_waveform_is_normalised_to_silence() -> None:
    np.testing.assert_allclose(raw_waveform(np.full(800, 0.5, np.float32), RawWaveform()), 0.0, atol=1e-3)
