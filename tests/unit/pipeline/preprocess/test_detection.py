"""The detector hears speech as its reference does, in any blocks, and tones and noise are not speech to it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.preprocess import vad
from pipeline.preprocess.tones import STRONGEST_BINS, TONE_SHARE, tonal_share
from pipeline.preprocess.vad import CONTEXT, SETTLING, WINDOW, SileroVad, find_model

CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"
SECOND = 16_000


@pytest.fixture(scope="module")
def agent() -> NDArray[np.float32]:
    samples, rate_hz = soundfile.read(CALL, dtype="float32")
    return np.asarray(soxr.resample(samples[:, 0], rate_hz, SECOND), np.float32)


@pytest.fixture(scope="module")
def detector() -> SileroVad:
    return SileroVad(find_model())


def _probability(detector: SileroVad, blocks: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    listening = detector.listen()
    return np.concatenate([listening.feed(block) for block in blocks])


def test_probabilities_equal_those_of_the_model_that_reads_one_window_at_a_time(
    agent: NDArray[np.float32], detector: SileroVad
) -> None:
    reference = onnxruntime.InferenceSession(
        find_model().with_name("silero_vad.onnx"), providers=["CPUExecutionProvider"]
    )
    state, expected = np.zeros((2, 1, 128), np.float32), []
    samples = np.concatenate((np.zeros(SETTLING * WINDOW + CONTEXT, np.float32), agent[: 600 * WINDOW]))
    for start in range(0, len(samples) - CONTEXT, WINDOW):
        window = samples[None, start : start + CONTEXT + WINDOW]
        feed = {"input": window, "state": state, "sr": np.array(SECOND, np.int64)}
        probability, state = reference.run(None, feed)
        expected.append(float(probability[0, 0]))
    np.testing.assert_allclose(_probability(detector, [agent[: 600 * WINDOW]]), expected[SETTLING:], atol=1e-3)


def test_blocks_give_what_one_call_gives(agent: NDArray[np.float32], detector: SileroVad) -> None:
    blocks = np.split(agent, [WINDOW, 4 * WINDOW, 100 * WINDOW, 777 * WINDOW])
    np.testing.assert_allclose(_probability(detector, blocks), _probability(detector, [agent]), atol=1e-4)


def test_each_begun_window_has_a_probability(detector: SileroVad) -> None:
    assert len(_probability(detector, [np.zeros(2 * WINDOW + 1, np.float32)])) == 3


@pytest.mark.parametrize("hertz", [(200,), (440,), (440, 480), (350, 440), (697, 1209), (941, 1633), (1000,)])
def test_tones_of_the_telephone_are_tonal(hertz: tuple[int, ...]) -> None:
    time_s = np.arange(SECOND) / SECOND
    tone = sum(np.sin(2 * np.pi * each * time_s) for each in hertz).astype(np.float32)
    assert tonal_share(tone + np.random.default_rng(0).normal(0, 0.02, SECOND).astype(np.float32)) > TONE_SHARE


def test_noise_is_spread_over_all_bins() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, SECOND).astype(np.float32)
    assert tonal_share(noise) < 4 * STRONGEST_BINS / 512
    assert tonal_share(np.zeros(SECOND, np.float32)) == 0.0
    assert tonal_share(noise[:100]) == 0.0


def test_speech_is_not_tonal(agent: NDArray[np.float32]) -> None:
    shares = [tonal_share(agent[start : start + SECOND // 2]) for start in range(SECOND, 5 * SECOND, SECOND // 2)]
    assert max(shares) < TONE_SHARE


def test_wrong_or_missing_model_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "MODEL_SHA256", "0" * 64)
    with pytest.raises(ModelMismatch):
        find_model()
    monkeypatch.setattr(vad, "PACKAGE", "no_such_package")
    with pytest.raises(ModelNotFound):
        find_model()
