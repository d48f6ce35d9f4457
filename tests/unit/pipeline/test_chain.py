"""The five steps in one process transcribe a call, and the same steps apart, with artifacts between them, do alike."""

import io
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
from whisper_normalizer.english import EnglishTextNormalizer

from pipeline import artifacts
from pipeline.artifacts import EMISSIONS, FEATURES, SPEECH, WORDS, Codec
from pipeline.chain import Models, transcribe
from pipeline.decode import decode, load_decoder
from pipeline.features import extract
from pipeline.format import format_transcript
from pipeline.inference import ModelRuntime, infer
from pipeline.options import JobOptions, PreprocessOptions
from pipeline.preprocess import preprocess
from pipeline.render import from_json, to_json
from pipeline.values import Channel, Stream, Transcript

DEMO_CALL = Path(__file__).parents[3] / "workers" / "demo" / "call.wav"
REAL_SPEECH = Path(__file__).parents[4] / "shared" / "audio" / "asterisk"
EXCERPT_S = 13.5
SAID = [
    (0, "Thank you for calling Harbor Electric. My name is Daniel. How can I help you today?"),
    (1, "Hi Daniel. This is Laura Bennett. I have a question about my last bill."),
    (0, "Of course. Could you please give me your account number?"),
]
ROLES = JobOptions(preprocess=PreprocessOptions(roles=("agent", "customer")))


@pytest.fixture(scope="module")
def models(default_folder: Path) -> Models:
    return Models.load(default_folder, ModelRuntime(threads=2))


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The start of the demo call, mu-law as it is."""
    path = tmp_path_factory.mktemp("call") / "call.wav"
    samples, rate_hz = soundfile.read(DEMO_CALL, frames=round(EXCERPT_S * 8000))
    soundfile.write(path, samples, rate_hz, subtype="ULAW")
    return path


@pytest.fixture(scope="module")
def transcript(call: Path, models: Models) -> Transcript:
    return transcribe(call, models, ROLES)


def word_error_rate(reference: str, said: str) -> float:
    normalise = EnglishTextNormalizer()
    return float(jiwer.wer(normalise(reference), normalise(said)))


def test_a_two_channel_call_becomes_a_conversation(transcript: Transcript) -> None:
    assert transcript.recording.channels == (Channel(0, "agent"), Channel(1, "customer"))
    assert transcript.recording.duration_s == pytest.approx(EXCERPT_S)
    assert transcript.utterances[0].role == "agent"
    for channel in (0, 1):
        reference = " ".join(text for of, text in SAID if of == channel)
        said = " ".join(each.text for each in transcript.utterances if each.channel == channel)
        assert word_error_rate(reference, said) <= 0.15
    speakers = [channel for channel, _ in groupby(each.channel for each in transcript.utterances)]
    assert speakers == [0, 1, 0]


def test_words_lie_where_they_were_said(transcript: Transcript) -> None:
    """Turns of the call as it was put together: 0.6-5.26 s, 5.86-9.98 s, 10.43-13.23 s."""
    for each in transcript.utterances:
        lie_in = [(0.6, 5.26), (10.43, 13.23)] if each.channel == 0 else [(5.86, 9.98)]
        assert any(start_s - 0.3 <= each.start_s and each.end_s <= end_s + 0.3 for start_s, end_s in lie_in), each.text
        assert each.confidence > 0.5


def test_the_json_document_brings_the_transcript_back(transcript: Transcript) -> None:
    document = to_json(transcript)
    assert to_json(from_json(document)) == document


def _through_bytes(stream: Stream[Any], codec: Codec[Any]) -> Stream[Any]:
    file = io.BytesIO()
    artifacts.write(stream, codec, file)
    return artifacts.read(codec, io.BytesIO(file.getvalue()))


def test_each_step_apart_gives_the_same_bytes_as_the_chain(call: Path, models: Models, transcript: Transcript) -> None:
    speech = _through_bytes(preprocess(call, ROLES.preprocess), SPEECH)
    features = _through_bytes(extract(speech, models.spec), FEATURES)
    emissions = _through_bytes(infer(features, models.acoustic, ROLES.inference), EMISSIONS)
    decoder = load_decoder(models.folder, models.spec, ROLES.decode)
    words = _through_bytes(decode(emissions, decoder), WORDS)
    assert to_json(format_transcript(words, models.spec, ROLES.format)) == to_json(transcript)


def test_the_same_call_gives_the_same_bytes_again(call: Path, models: Models, transcript: Transcript) -> None:
    assert to_json(transcribe(call, models, ROLES)) == to_json(transcript)


@pytest.mark.parametrize("loudness", [0.0, 0.02])
def test_nobody_is_heard_in_silence_or_noise(tmp_path: Path, models: Models, loudness: float) -> None:
    path = tmp_path / "empty.wav"
    noise = np.random.default_rng(3).normal(size=8000 * 8) * loudness
    soundfile.write(path, noise, 8000)
    assert transcribe(path, models).text == ""


@pytest.mark.skipif(not REAL_SPEECH.is_dir(), reason="needs the recordings of real speech")
def test_a_real_prompt_is_read_as_it_was_spoken(models: Models) -> None:
    lines = (REAL_SPEECH.parent / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = [row for row in map(json.loads, lines) if row["group"] == "asterisk" and row["duration_s"] > 5][:2]
    for prompt in prompts:
        said = transcribe(REAL_SPEECH.parent / prompt["audio"], models).text
        assert word_error_rate(prompt["text"], said) <= 0.25
