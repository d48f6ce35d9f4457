"""How equal each front end is to the reference extractor of `transformers`, and how fast it is on one core."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from transformers import ParakeetFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from pipeline.features import Frames, Samples, front_end_of
from pipeline.spec import FrontEnd, NemoLogMel, RawWaveform, WhisperLogMel
from pipeline.values import SAMPLE_RATE_HZ

DURATION_S = 30
ROUNDS = 5


def speech_like(duration_s: float) -> Samples:
    """A gliding harmonic tone in bursts four times a second, over noise 40 dB below it."""
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = 2 * np.pi * (140 * time_s + 20 * np.sin(2 * np.pi * 0.7 * time_s))
    voice = np.sum([np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20)], axis=0)
    noise = np.random.default_rng(0).standard_normal(len(time_s)) * 0.01
    samples: Samples = (0.2 * (voice + noise) * (1 + np.sin(2 * np.pi * 4 * time_s))).astype(np.float32)
    return samples


def references() -> dict[str, tuple[FrontEnd, Callable[[Samples], Frames]]]:
    """Each front end and the function of `transformers` that it must equal, by name."""
    whisper = {bands: WhisperFeatureExtractor(feature_size=bands) for bands in (80, 128)}
    parakeet, wav2vec2 = ParakeetFeatureExtractor(), Wav2Vec2FeatureExtractor()
    asked = {"sampling_rate": SAMPLE_RATE_HZ}
    return {
        "whisper-80": (WhisperLogMel(80), lambda x: whisper[80](x, return_tensors="np", **asked).input_features[0].T),
        "whisper-128": (
            WhisperLogMel(128),
            lambda x: whisper[128](x, return_tensors="np", **asked).input_features[0].T,
        ),
        "parakeet-80": (NemoLogMel(80), lambda x: parakeet(x, return_tensors="pt", **asked).input_features[0].numpy()),
        "wav2vec2": (RawWaveform(), lambda x: wav2vec2(x, return_tensors="np", **asked).input_values[0]),
    }


def measure(front_end: FrontEnd, reference: Callable[[Samples], Frames]) -> dict[str, float]:
    """The greatest difference, and seconds of audio per second of work of both."""
    samples, ours = speech_like(DURATION_S), front_end_of(front_end)
    frames = ours(samples)
    speed = {}
    for name, function in (("ours_x", ours), ("reference_x", reference)):
        began_s = time.perf_counter()
        function(samples)
        speed[name] = DURATION_S / (time.perf_counter() - began_s)
    return {"max_difference": float(np.abs(frames - reference(samples)[: len(frames)]).max()), **speed}


def run(plan: Plan) -> Findings:
    """A row for each front end."""
    figures: dict[str, Figure] = {}
    rows: list[Row] = []
    for name, pair in plan.track([*references().items()], "front ends"):
        found = [measure(*pair) for _ in range(plan.rounds(ROUNDS))]
        key = name.replace("-", "_")
        figures[f"{key}_over_reference"] = Figure(tuple(each["ours_x"] / each["reference_x"] for each in found))
        rows.append({"front_end": name, **{column: median(each[column] for each in found) for column in found[0]}})
    columns = {
        "front_end": "front end",
        "max_difference": "greatest difference",
        "ours_x": "times real time",
        "reference_x": "reference, times real time",
    }
    return Findings(figures, [Report("Front ends", columns, rows, (), ("librosa", "numpy", "transformers"))])
