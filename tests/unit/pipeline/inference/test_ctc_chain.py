"""Models of the CTC family run through the whole chain: what a model of random weights says is nonsense, but timed."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline import artifacts
from pipeline.artifacts import EMISSIONS
from pipeline.chain import Models, transcribe
from pipeline.decode import CtcDecoder, GreedyDecoder, load_decoder
from pipeline.features import extract
from pipeline.inference import ModelRuntime, infer
from pipeline.options import DecodeOptions, InferenceOptions, JobOptions, PreprocessOptions
from pipeline.preprocess import preprocess
from pipeline.render import to_json

DEMO_CALL = Path(__file__).parents[4] / "workers" / "demo" / "call.wav"


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("call") / "call.wav"
    samples, rate_hz = soundfile.read(DEMO_CALL, frames=6 * 8000)
    soundfile.write(path, samples, rate_hz)
    return path


@pytest.fixture(params=["wav2vec2_base", "wav2vec2_large", "parakeet"])
def models(request: pytest.FixtureRequest) -> Models:
    return Models.load(request.getfixturevalue(request.param), ModelRuntime(threads=1))


def test_a_call_runs_through_a_ctc_model(call: Path, models: Models) -> None:
    options = JobOptions(preprocess=PreprocessOptions(roles=("agent",)))
    transcript = transcribe(call, models, options)
    assert transcript.model == models.spec.name
    for utterance in transcript.utterances:
        assert 0 <= utterance.start_s <= utterance.end_s <= transcript.recording.duration_s
        assert 0 <= utterance.confidence <= 1
    assert to_json(transcribe(call, models, options)) == to_json(transcript)


def test_stored_emissions_can_be_decoded_again_without_the_model(call: Path, models: Models) -> None:
    speech = preprocess(call, PreprocessOptions())
    emissions = infer(extract(speech, models.spec), models.acoustic, InferenceOptions())
    file = io.BytesIO()
    artifacts.write(emissions, EMISSIONS, file)
    for options, kind in ((DecodeOptions(beam_width=1), GreedyDecoder), (DecodeOptions(), CtcDecoder)):
        decoder = load_decoder(models.folder, models.spec, options)
        assert isinstance(decoder, kind)
        for segment in artifacts.read(EMISSIONS, file).segments:
            words = decoder.decode(segment)
            assert words.span == segment.span
            assert all(np.isfinite([word.start_s, word.end_s, word.confidence]).all() for word in words.words)
