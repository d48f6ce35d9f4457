"""CTC models: our emissions are those of `transformers`' own extractor and model, whatever shares the batch."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoFeatureExtractor, AutoModelForCTC

from pipeline.errors import ModelMismatch, ModelNotFound, OutOfMemory
from pipeline.features import extract, to_float
from pipeline.inference import AcousticModel, BatchBudget, ModelRuntime, infer, load_model
from pipeline.options import InferenceOptions
from pipeline.spec import CtcVocabulary, read_spec
from pipeline.values import Channel, CtcEmissions, Recording, SpeechSegment, Stream
from tests.unit.pipeline.inference.conftest import noise

RECORDING = Recording(60.0, 16_000, "pcm_s16le", (Channel(0),))
MODELS = ["parakeet", "wav2vec2_base", "wav2vec2_large"]
LENGTHS_S = (1.0, 2.37, 1.9, 1.0, 3.005, 2.3)


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def _model(folder: Path) -> AcousticModel:
    return load_model(folder, read_spec(folder), ModelRuntime())


def _emissions(
    model: AcousticModel, segments: list[SpeechSegment], budget: BatchBudget | None = None
) -> list[CtcEmissions]:
    features = extract(Stream(RECORDING, segments), model.spec)
    emissions = infer(features, model, InferenceOptions(), budget or BatchBudget()).segments
    return [each for each in emissions if isinstance(each, CtcEmissions)]


def _reference(folder: Path, segment: SpeechSegment) -> NDArray[np.float32]:
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    model = AutoModelForCTC.from_pretrained(folder).eval()
    inputs = extractor(to_float(segment.samples), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        log_probs: NDArray[np.float32] = torch.log_softmax(model(**inputs).logits[0], dim=-1).numpy()
    return log_probs


def test_emissions_equal_the_reference_extractor_and_model_to_1e_2(folder: Path) -> None:
    segments = [noise(length_s, seed) for seed, length_s in enumerate(LENGTHS_S)]
    for segment, emitted in zip(segments, _emissions(_model(folder), segments), strict=True):
        reference = _reference(folder, segment)
        # The reference computes the frames that are padding too; those that it masks come last.
        assert 0 <= len(reference) - len(emitted.log_probs) <= 1
        np.testing.assert_allclose(emitted.log_probs, reference[: len(emitted.log_probs)], atol=1e-2)
        assert emitted.span == segment.span


def test_a_segment_is_emitted_the_same_alone_and_in_a_batch_to_1e_3(folder: Path) -> None:
    model = _model(folder)
    segments = [noise(length_s, seed) for seed, length_s in enumerate(LENGTHS_S)]
    together = _emissions(model, segments, BatchBudget(audio_s=60.0, count=6, tolerance=1.0))
    alone = _emissions(model, segments, BatchBudget(count=1))
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-3, rtol=2**-10)


def test_each_frame_is_a_distribution_and_the_frames_fill_the_segment(folder: Path) -> None:
    emitted = _emissions(_model(folder), [noise(3.0)])[0]
    np.testing.assert_allclose(np.exp(emitted.log_probs.astype(np.float64)).sum(axis=1), 1.0, atol=5e-3)
    assert emitted.log_probs.dtype == np.float16
    assert len(emitted.log_probs) * emitted.frame_s == pytest.approx(3.0, abs=1.5 * emitted.frame_s)


def test_a_segment_too_short_for_a_frame_has_emissions_of_no_frames(folder: Path) -> None:
    model = _model(folder)
    short, usual = _emissions(model, [noise(0.005), noise(1.0)], BatchBudget(audio_s=60.0, count=6, tolerance=1.0))
    assert isinstance(model.spec.vocabulary, CtcVocabulary)
    assert short.log_probs.shape == (0, len(model.spec.vocabulary.tokens))
    np.testing.assert_array_equal(usual.log_probs, _emissions(model, [noise(1.0)])[0].log_probs)


def test_the_frame_time_is_that_of_the_subsampling(parakeet: Path, wav2vec2_base: Path) -> None:
    assert read_spec(parakeet).frame_s == pytest.approx(0.08)
    assert read_spec(wav2vec2_base).frame_s == pytest.approx(0.02)


def test_only_models_that_ignore_padding_are_padded(parakeet: Path, wav2vec2_base: Path, wav2vec2_large: Path) -> None:
    assert [read_spec(folder).pads_freely for folder in (parakeet, wav2vec2_base, wav2vec2_large)] == [
        True,
        False,
        True,
    ]


def test_a_folder_without_the_output_layer_is_refused_instead_of_guessed(parakeet: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(parakeet, tmp_path / "headless")
    encoder = AutoModelForCTC.from_pretrained(parakeet)
    weights = {key: value for key, value in encoder.state_dict().items() if not key.startswith("ctc_head")}
    encoder.save_pretrained(folder, state_dict=weights)
    with pytest.raises(ModelMismatch, match="ctc_head"):
        _model(folder)


def test_pickled_weights_are_not_loaded(parakeet: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(parakeet, tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelNotFound):
        read_spec(folder)


def test_an_unknown_compute_type_is_a_mismatch(parakeet: Path) -> None:
    with pytest.raises(ModelMismatch, match="int7"):
        load_model(parakeet, read_spec(parakeet), ModelRuntime(compute_type="int7"))


def test_memory_that_runs_out_is_named(wav2vec2_base: Path) -> None:
    model = _model(wav2vec2_base)
    features = list(extract(Stream(RECORDING, [noise(1.0)]), model.spec).segments)
    # A view of one number: what does not fit is the copy that padding must make of it.
    endless = np.broadcast_to(np.float16(0), (1 << 46,))
    with pytest.raises(OutOfMemory):
        model.emit([type(features[0])(features[0].span, endless)], InferenceOptions())


def test_features_that_may_only_be_read_are_accepted(wav2vec2_large: Path) -> None:
    model = _model(wav2vec2_large)
    segment = next(iter(extract(Stream(RECORDING, [noise(1.0)]), model.spec).segments))
    segment.frames.setflags(write=False)
    assert len(model.emit([segment, segment], InferenceOptions())) == 2
