"""The five Celery tasks, each called as a worker calls it, from a recording to its transcript."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from celery.exceptions import Ignore
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

from pipeline.chain import Models, transcribe
from pipeline.errors import InvalidOptions, ModelMismatch
from pipeline.inference import ModelRuntime
from pipeline.options import DecodeOptions, Hotword, JobOptions, PreprocessOptions, Vocabulary
from pipeline.render import to_json
from pipeline.spec import weights_sha256
from pipeline.stages import STEPS, Step
from workers.client import Client
from workers.db import migrate
from workers.jobs import JobStatus
from workers.models import find_model
from workers.runtime import runtime
from workers.settings import Settings, read_settings, settings
from workers.states import JobState, StepState
from workers.tasks import decode, features, inference, preprocess
from workers.tasks import format as format_step

DEMO_CALL = Path(__file__).parents[2] / "workers" / "demo" / "call.wav"
TASKS = (preprocess.preprocess, features.features, inference.inference, decode.decode, format_step.format_words)
OPTIONS = JobOptions(preprocess=PreprocessOptions(roles=("agent", "customer")), decode=DecodeOptions(beam_width=8))
LABELS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINSHRDLU"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny wav2vec 2.0 of random weights: what it hears is nonsense, and always the same nonsense."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(3)
    config = Wav2Vec2Config(
        vocab_size=len(LABELS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({label: index for index, label in enumerate(LABELS)}))
    names = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"word_delimiter_token": "|"}))
    return folder


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 8 s of the demo call; the header still claims the rest, as of a call that was cut off."""
    path = tmp_path_factory.mktemp("audio") / "call.wav"
    path.write_bytes(DEMO_CALL.read_bytes()[: 8 * 8000 * 2])
    return path


@pytest.fixture
def worker(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """This process as a worker, and a client of the same database."""
    variables = {"HOME": tmp_path, "BROKER_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": "", "MODEL": model}
    for name, value in {**variables, "MODEL_SHA256": weights_sha256(model), "THREADS": 1, "DEVICE": "cpu"}.items():
        monkeypatch.setenv(f"VOXQUEUE_{name}", str(value))
    for cached in (settings, runtime):
        cached.cache_clear()
    with Client(read_settings()) as client:
        migrate.upgrade(client.runtime.database)
        yield client
    runtime().database.dispose()
    for cached in (settings, runtime):
        cached.cache_clear()


def artifact_of(client: Client, job_id: str, step: str) -> Path:
    [found] = (client.settings.artifact_path / job_id).glob(f"{step}.*")
    return found


def states_of(job: JobStatus) -> list[StepState]:
    return [step.state for step in job.steps]


def test_the_tasks_in_turn_make_byte_for_byte_what_the_pipeline_makes_in_process(
    worker: Client, model: Path, call: Path
) -> None:
    job_id = worker.enqueue(call, OPTIONS).id
    for number, task in enumerate(TASKS, start=1):
        # A later release may send arguments that this one does not know.
        task(job_id, sent_by="a newer release")
        assert states_of(worker.status(job_id))[:number] == [StepState.DONE] * number
    named = find_model(worker.settings).spec
    models = Models(model, named, Models.load(model, ModelRuntime(threads=1)).acoustic)
    expected = transcribe(call, models, OPTIONS)
    assert {utterance.role for utterance in expected.utterances} == {"agent", "customer"}
    assert worker.document(job_id).encode() == to_json(expected).encode()
    assert worker.status(job_id).state is JobState.COMPLETED
    assert worker.status(job_id).duration_s == pytest.approx(8.0, abs=0.1)


def test_each_step_leaves_one_artifact_and_the_last_one_none(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call).id
    for task in TASKS:
        task(job_id)
    left = sorted(path.name.split(".")[0] for path in (worker.settings.artifact_path / job_id).iterdir())
    assert left == sorted(["source", *STEPS[:-1]])


def test_a_job_decoded_again_reads_what_the_model_said_and_keeps_what_it_was(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call, OPTIONS).id
    for task in TASKS:
        task(job_id)
    first = worker.document(job_id)
    artifact_of(worker, job_id, "features").unlink()
    job = worker.redecode(job_id, {"hotwords": ["ISOLATION"], "hotword_weight": 60.0})
    assert (job.version, job.state) == (2, JobState.QUEUED)
    for task in TASKS[3:]:
        task(job_id)
    assert worker.document(job_id, 1) == first
    assert worker.document(job_id, 2) == worker.document(job_id) != first
    spoken = worker.result(job_id).utterances[0].words[0].text
    worker.redecode(job_id, {"format": {"replace": {spoken: "Voxqueue"}}})
    for task in TASKS[3:]:
        task(job_id)
    assert "Voxqueue" in worker.result(job_id).text
    assert "Voxqueue" not in worker.result(job_id, 2).text
    with pytest.raises(InvalidOptions):
        worker.redecode(job_id, {"beam_width": 0})


def test_a_job_that_is_decoded_again_has_the_words_that_its_tenant_has_by_then(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call, OPTIONS, tenant="north").id
    for task in TASKS:
        task(job_id)
    spoken = worker.result(job_id).utterances[0].words[0].text
    texts = []
    for tenant in ("south", "north"):
        hotword = Hotword(text="ISOLATION", weight=60.0)
        worker.vocabularies.write(Vocabulary(hotwords=(hotword,), replace={spoken: "Voxqueue"}), tenant)
        worker.redecode(job_id, {})
        for task in TASKS[3:]:
            task(job_id)
        texts.append(worker.result(job_id).text)
    assert texts[0] == worker.result(job_id, 1).text
    assert "isolation" in texts[1].lower()
    worker.vocabularies.write(Vocabulary(replace={spoken: "Voxqueue"}), "north")
    worker.redecode(job_id, {})
    for task in TASKS[3:]:
        task(job_id)
    assert "Voxqueue" in worker.result(job_id).text


def test_tasks_that_come_twice_or_too_early_change_nothing(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call).id
    with pytest.raises(Ignore):
        TASKS[3](job_id)
    TASKS[0](job_id)
    before = worker.status(job_id)
    TASKS[0](job_id)
    assert worker.status(job_id) == before
    assert before.steps[0].attempt == 1


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("step", STEPS[:-1])
def test_an_artifact_that_was_damaged_between_two_steps_is_made_again_and_nobody_can_tell(
    worker: Client, call: Path, step: Step
) -> None:
    job_id = worker.enqueue(call).id
    following = STEPS.index(step) + 1
    for task in TASKS[:following]:
        task(job_id)
    damaged = artifact_of(worker, job_id, step)
    before = damaged.read_bytes()
    damage(damaged)
    with pytest.raises(Ignore):
        TASKS[following](job_id)
    assert states_of(worker.status(job_id))[following - 1 : following + 1] == [StepState.READY, StepState.BLOCKED]
    for task in TASKS[following - 1 :]:
        task(job_id)
    job = worker.status(job_id)
    assert (job.state, job.error_code) == (JobState.COMPLETED, None)
    [again] = set((worker.settings.artifact_path / job_id).glob(f"{step}.2.*"))
    assert again.read_bytes() == before


def test_an_artifact_that_is_damaged_again_fails_the_job_by_its_code(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call).id
    TASKS[0](job_id)
    for fence in (1, 2):
        [path] = (worker.settings.artifact_path / job_id).glob(f"preprocess.{fence}.*")
        path.unlink()
        with pytest.raises(Ignore):
            TASKS[1](job_id)
        with suppress(Ignore):
            TASKS[0](job_id)
    job = worker.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "ARTIFACT_LOST")
    assert job.steps[1].error_code == "ARTIFACT_LOST"


def test_a_recording_that_is_gone_can_be_made_by_nobody(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call).id
    artifact_of(worker, job_id, "source").unlink()
    with pytest.raises(Ignore):
        TASKS[0](job_id)
    job = worker.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "ARTIFACT_LOST")


@pytest.mark.parametrize(
    ("content", "code"), [(b"hello, this is text", "UNRECOGNISED_FORMAT"), (b"RIFF\0\0\0\0WAVE", "CORRUPT_HEADER")]
)
def test_a_recording_that_is_none_fails_at_the_first_step_by_its_code(
    worker: Client, content: bytes, code: str
) -> None:
    job_id = worker.enqueue(content).id
    with pytest.raises(Ignore):
        TASKS[0](job_id)
    job = worker.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, code)
    assert job.report is not None
    assert job.report["findings"][0]["code"] == code
    assert [path.name.split(".")[0] for path in (worker.settings.artifact_path / job_id).iterdir()] == ["source"]


def test_a_job_can_be_decoded_again_without_the_acoustic_model(worker: Client, call: Path) -> None:
    job_id = worker.enqueue(call, OPTIONS).id
    for task in TASKS:
        task(job_id)
    first, heard = worker.document(job_id), artifact_of(worker, job_id, Step.INFERENCE).stat()
    worker.retry(job_id, Step.DECODE)
    for task in TASKS[3:]:
        task(job_id)
    assert worker.document(job_id) == first
    assert worker.status(job_id).version == 2
    assert artifact_of(worker, job_id, Step.INFERENCE).stat().st_mtime_ns == heard.st_mtime_ns


def test_the_acoustic_model_is_loaded_once_a_process_and_never_with_other_weights(worker: Client) -> None:
    chosen = worker.settings
    assert inference.engine(chosen) is inference.engine(Settings(**chosen.model_dump()))
    with pytest.raises(ModelMismatch, match="0000"):
        inference.engine(chosen.model_copy(update={"model_sha256": "0" * 64}))


def test_jobs_with_the_same_options_share_a_decoder(worker: Client) -> None:
    first = decode.decoder_for(worker.settings, DecodeOptions())
    assert decode.decoder_for(worker.settings, DecodeOptions()) is first
    assert decode.decoder_for(worker.settings, DecodeOptions(beam_width=7)) is not first
