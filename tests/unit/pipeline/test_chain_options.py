"""What a caller may choose has its effect through all five steps, and what can't be used is refused with its code."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.chain import Models, transcribe
from pipeline.errors import DurationLimit, EmptyUpload, InputError, ModelNotFound, UnrecognisedFormat
from pipeline.inference import ModelRuntime
from pipeline.options import DecodeOptions, FormatOptions, InferenceOptions, JobOptions, PreprocessOptions
from pipeline.values import Transcript

DEMO_CALL = Path(__file__).parents[3] / "workers" / "demo" / "call.wav"

ONE_BEAM = InferenceOptions(beam_size=1)
QUICK = JobOptions(inference=ONE_BEAM)


@pytest.fixture(scope="module")
def models(default_folder: Path) -> Models:
    return Models.load(default_folder, ModelRuntime(threads=2))


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One turn of each party of the demo call."""
    path = tmp_path_factory.mktemp("turn") / "turn.wav"
    samples, rate_hz = soundfile.read(DEMO_CALL, frames=10 * 8_000)
    soundfile.write(path, samples, rate_hz)
    return path


@pytest.fixture(scope="module")
def usual(turn: Path, models: Models) -> Transcript:
    return transcribe(turn, models, QUICK)


def test_without_roles_speakers_are_their_channels(usual: Transcript) -> None:
    assert {utterance.role for utterance in usual.utterances} == {None}
    assert {utterance.channel for utterance in usual.utterances} == {0, 1}


def test_mixed_channels_are_one_speaker(turn: Path, models: Models, usual: Transcript) -> None:
    mixed = transcribe(turn, models, JobOptions(preprocess=PreprocessOptions(channel_mode="mix"), inference=ONE_BEAM))
    assert {utterance.channel for utterance in mixed.utterances} == {0}
    assert len(mixed.recording.channels) == 1
    assert mixed.recording.duration_s == usual.recording.duration_s
    heard, apart = (set(each.text.lower().replace(".", "").split()) for each in (mixed, usual))
    assert len(heard & apart) > 0.7 * len(apart)


def test_shorter_utterances_hold_the_same_words_with_the_same_times(
    turn: Path, models: Models, usual: Transcript
) -> None:
    short = transcribe(turn, models, JobOptions(format=FormatOptions(max_utterance_s=1.5), inference=ONE_BEAM))
    assert len(short.utterances) > len(usual.utterances)
    for channel in (0, 1):
        words, same = (
            [word for utterance in each.utterances if utterance.channel == channel for word in utterance.words]
            for each in (short, usual)
        )
        assert words == same
    assert all(len(each.words) == 1 or each.end_s - each.start_s <= 1.5 for each in short.utterances)


def test_a_hotword_that_nobody_said_is_not_invented(turn: Path, models: Models, usual: Transcript) -> None:
    chosen = JobOptions(
        inference=InferenceOptions(beam_size=3, n_best=3), decode=DecodeOptions(hotwords=("xylophone", "Daniel"))
    )
    said = transcribe(turn, models, chosen).text
    assert "xylophone" not in said.lower()
    assert "Daniel" in said
    assert "Daniel" in usual.text


def test_a_longer_recording_than_allowed_is_refused_before_it_is_transcribed(turn: Path, models: Models) -> None:
    with pytest.raises(DurationLimit) as caught:
        transcribe(turn, models, JobOptions(preprocess=PreprocessOptions(max_duration_s=5.0)))
    assert (caught.value.code, caught.value.retryable) == ("DURATION_LIMIT", False)


@pytest.mark.parametrize(("content", "kind"), [(b"", EmptyUpload), (b"Dear Sir or Madam, " * 50, UnrecognisedFormat)])
def test_what_is_no_recording_is_refused_by_its_kind(
    tmp_path: Path, models: Models, content: bytes, kind: type[InputError]
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    with pytest.raises(kind):
        transcribe(path, models)


def test_the_name_of_a_file_decides_nothing(turn: Path, tmp_path: Path, models: Models, usual: Transcript) -> None:
    misnamed = tmp_path / "holiday.mp3"
    misnamed.symlink_to(turn)
    assert transcribe(misnamed, models, QUICK) == usual


def test_a_copy_of_a_call_at_a_quarter_of_its_level_is_read_alike(
    turn: Path, tmp_path: Path, models: Models, usual: Transcript
) -> None:
    samples, rate_hz = soundfile.read(turn)
    quiet = tmp_path / "quiet.wav"
    soundfile.write(quiet, samples * 0.25, rate_hz, subtype="PCM_24")
    said, expected = (set(each.text.lower().split()) for each in (transcribe(quiet, models, QUICK), usual))
    assert len(said & expected) > 0.8 * len(expected)


def test_a_folder_without_a_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        Models.load(tmp_path, ModelRuntime())
    with pytest.raises(ModelNotFound):
        Models.load(tmp_path / "nowhere", ModelRuntime())


def test_ten_minutes_on_hold_without_a_sound_have_no_words(tmp_path: Path, models: Models) -> None:
    path = tmp_path / "hold.wav"
    soundfile.write(path, np.zeros(8_000 * 600, np.int16), 8_000)
    transcript = transcribe(path, models)
    assert (transcript.text, transcript.recording.duration_s) == ("", 600.0)
