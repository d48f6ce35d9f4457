"""The default model, run for real: words of real prompts, token times, and results that no company changes."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from tokenizers import Tokenizer

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.features import extract
from pipeline.inference import AcousticModel, ModelRuntime, SharedModel, budget_for, infer, load_model
from pipeline.inference.whisper import Whisper
from pipeline.options import InferenceOptions
from pipeline.spec import ModelSpec, read_spec
from pipeline.values import (
    AttentionEmissions,
    Channel,
    Emissions,
    FeatureSegment,
    Recording,
    Span,
    SpeechSegment,
    Stream,
)

SHARED_AUDIO = Path(__file__).parents[5] / "shared" / "audio"
RECORDING = Recording(60.0, 16_000, "pcm_s16le", (Channel(0),))


@pytest.fixture(scope="module")
def model(default_folder: Path, default_spec: ModelSpec) -> AcousticModel:
    return load_model(default_folder, default_spec, ModelRuntime(threads=2))


@pytest.fixture(scope="module")
def prompts() -> list[tuple[str, SpeechSegment]]:
    """A few real telephone prompts and what they say."""
    if not SHARED_AUDIO.exists():
        pytest.skip("the recordings of real speech are not here")
    lines = (SHARED_AUDIO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    clear = [line for line in map(json.loads, lines) if line["group"] == "asterisk" and 2 < line["duration_s"] < 6]
    return [(line["text"], _segment(SHARED_AUDIO / line["audio"])) for line in clear[:8]]


def _segment(path: Path) -> SpeechSegment:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    at_16_khz = np.clip(soxr.resample(samples, rate_hz, 16_000), -1, 1)
    return SpeechSegment(Span(0, 0.0, len(at_16_khz) / 16_000), (at_16_khz * 32_767).astype(np.int16))


def _features(segments: list[SpeechSegment], spec: ModelSpec) -> list[FeatureSegment]:
    return list(extract(Stream(RECORDING, segments), spec).segments)


def _emit(model: AcousticModel, features: list[FeatureSegment], options: InferenceOptions) -> list[AttentionEmissions]:
    emissions = infer(Stream(RECORDING, features), model, options).segments
    return [each for each in emissions if isinstance(each, AttentionEmissions)]


def _silence(duration_s: float) -> SpeechSegment:
    return SpeechSegment(Span(0, 0.0, duration_s), np.zeros(round(duration_s * 16_000), np.int16))


@pytest.fixture(scope="module")
def emitted(model: AcousticModel, prompts: list[tuple[str, SpeechSegment]]) -> list[AttentionEmissions]:
    features = _features([segment for _, segment in prompts], model.spec)
    return _emit(model, features, InferenceOptions(n_best=3))


def test_real_prompts_are_read_with_few_wrong_words(
    emitted: list[AttentionEmissions], prompts: list[tuple[str, SpeechSegment]], default_folder: Path
) -> None:
    tokenizer = Tokenizer.from_file(str(default_folder / "tokenizer.json"))
    said, heard = 0, 0
    for (text, _), emissions in zip(prompts, emitted, strict=True):
        words = set(text.lower().replace(".", "").replace(",", "").split())
        read = tokenizer.decode(list(emissions.hypotheses[0].tokens)).lower().replace(".", "").replace(",", "").split()
        said, heard = said + len(words), heard + len(words & set(read))
    assert heard / said > 0.8


def test_every_token_has_a_time_inside_the_segment_in_order_and_a_probability(
    emitted: list[AttentionEmissions], default_spec: ModelSpec
) -> None:
    for emissions in emitted:
        for hypothesis in emissions.hypotheses:
            starts, ends = np.array(hypothesis.token_start_s), np.array(hypothesis.token_end_s)
            assert len(starts) == len(ends) == len(hypothesis.token_probs) == len(hypothesis.tokens) > 0
            assert np.all(np.diff(starts) >= 0)
            assert np.all(ends >= starts)
            assert ends[-1] <= emissions.span.duration_s + 2 * default_spec.frame_s
            assert all(0 <= probability <= 1 for probability in hypothesis.token_probs)


def test_the_n_best_list_has_each_text_once_and_is_certain_of_speech(emitted: list[AttentionEmissions]) -> None:
    for emissions in emitted:
        texts = [hypothesis.tokens for hypothesis in emissions.hypotheses]
        assert 1 <= len(set(texts)) == len(texts) <= 3
        assert all(hypothesis.log_prob < 0 for hypothesis in emissions.hypotheses)
        assert emissions.no_speech_prob < 0.5
    assert any(len(emissions.hypotheses) > 1 for emissions in emitted)


def test_neither_company_nor_the_number_of_lanes_changes_a_bit_of_a_result_on_a_cpu(
    default_folder: Path,
    default_spec: ModelSpec,
    prompts: list[tuple[str, SpeechSegment]],
    emitted: list[AttentionEmissions],
) -> None:
    features = 3 * _features([segment for _, segment in prompts], default_spec)
    runtime = ModelRuntime(threads=1, lanes=2)
    sizes: list[int] = []

    class Counted(Whisper):
        def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
            sizes.append(len(batch))
            return super().emit(batch, options)

    two_lanes = Counted(default_folder, default_spec, runtime)
    with SharedModel(two_lanes, budget_for(default_spec, runtime), lanes=2) as shared:
        assert list(shared.emissions(features, InferenceOptions(n_best=3))) == 3 * emitted
    assert max(sizes) > 1


def test_silence_is_known_as_silence(model: AcousticModel, default_spec: ModelSpec) -> None:
    (emissions,) = _emit(model, _features([_silence(3.0)], default_spec), InferenceOptions())
    assert emissions.no_speech_prob > 0.6


def test_an_empty_segment_is_emitted_and_not_an_error(model: AcousticModel, default_spec: ModelSpec) -> None:
    (emissions,) = _emit(model, _features([_silence(0.0)], default_spec), InferenceOptions(beam_size=1))
    assert math.isfinite(emissions.hypotheses[0].log_prob)


def test_a_folder_without_tokenizer_is_incomplete(
    default_folder: Path, default_spec: ModelSpec, tmp_path: Path
) -> None:
    for path in default_folder.iterdir():
        if path.name != "tokenizer.json":
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json"):
        load_model(tmp_path, default_spec, ModelRuntime())


def test_a_spec_with_other_bands_than_the_weights_is_a_mismatch(default_folder: Path, tmp_path: Path) -> None:
    for path in default_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    with pytest.raises(ModelMismatch, match="80 mel bands, not 128"):
        load_model(tmp_path, read_spec(tmp_path), ModelRuntime())


def test_a_cut_weights_file_is_a_mismatch(default_folder: Path, default_spec: ModelSpec, tmp_path: Path) -> None:
    shutil.copytree(default_folder, tmp_path / "cut", ignore=shutil.ignore_patterns("model.bin"))
    with (default_folder / "model.bin").open("rb") as whole:
        (tmp_path / "cut" / "model.bin").write_bytes(whole.read(100_000))
    with pytest.raises(ModelMismatch):
        load_model(tmp_path / "cut", default_spec, ModelRuntime())


def test_an_unknown_compute_type_is_a_mismatch(default_folder: Path, default_spec: ModelSpec) -> None:
    with pytest.raises(ModelMismatch, match="int7"):
        load_model(default_folder, default_spec, ModelRuntime(compute_type="int7"))
