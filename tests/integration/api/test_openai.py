"""The real client of OpenAI, unchanged, against our door."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import srt
import webvtt

from pipeline.errors import ModelMismatch
from pipeline.stages import Step
from tests.integration.api.conftest import TEXT, TRANSCRIPT, Door, DoorMaker
from workers.states import Scope

RECORDING = ("call.wav", b"RIFF of a kind")


@pytest.fixture
def client(door: Door, colleague: None) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{door.url}/v1", api_key="sk-local", max_retries=0) as made:
        yield made


def test_a_recording_is_transcribed_and_is_a_job_like_any_other(client: openai.OpenAI, door: Door) -> None:
    result = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", language="en", temperature=0.2)
    assert result.text == TEXT
    (job,) = door.client.recent()
    assert (job.state, job.file_name) == ("completed", "call.wav")


def test_a_verbose_answer_has_segments_and_words(client: openai.OpenAI) -> None:
    both: Any = client.audio.transcriptions.create(
        file=RECORDING, model="tiny.en", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (both.text, both.language, both.duration) == (TEXT, "english", 2.0)
    assert [(word.word, word.start, word.end) for word in both.words] == [
        (word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in TRANSCRIPT.utterances[0].words
    ]
    (segment,) = both.segments
    assert (segment.id, segment.start, segment.end, segment.text) == (0, 0.5, 1.5, TEXT)
    assert segment.avg_logprob < 0 < segment.compression_ratio
    plain: Any = client.audio.transcriptions.create(file=RECORDING, model="tiny.en", response_format="verbose_json")
    assert plain.segments
    assert plain.words is None


def test_subtitles_and_text_come_as_they_are(client: openai.OpenAI) -> None:
    def ask(name: Any) -> str:
        return str(client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format=name))

    assert ask("text") == f"{TEXT}\n"
    assert TEXT in " ".join(cue.content for cue in srt.parse(ask("srt"))).replace("\n", " ")
    assert TEXT in " ".join(cue.text for cue in webvtt.from_string(ask("vtt")).captions).replace("\n", " ")


def test_a_stream_ends_with_the_whole_text(client: openai.OpenAI) -> None:
    events: list[Any] = list(client.audio.transcriptions.create(file=RECORDING, model="whisper-1", stream=True))
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == TEXT
    assert events[-1].type == "transcript.text.done"


def test_the_prompt_names_words_to_expect(client: openai.OpenAI, door: Door) -> None:
    client.audio.transcriptions.create(file=RECORDING, model="whisper-1", prompt="Voxqueue, Celery,, ")
    (job,) = door.client.recent()
    door.client.retry(job.id, from_step=None)
    with door.client.runtime.database.read() as connection:
        options = connection.exec_driver_sql("SELECT options FROM jobs").scalar_one()
    assert '"hotwords": ["Voxqueue", "Celery"]' in options


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"language": "xx"}, "language"),
        ({"response_format": "docx"}, "response_format"),
        ({"temperature": 7}, "temperature"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"response_format": "verbose_json", "timestamp_granularities": ["letter"]}, "timestamp_granularities"),
        ({"model": ""}, "model"),
    ],
)
def test_what_can_not_be_done_is_a_bad_request_by_field(
    client: openai.OpenAI, wish: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(**{"file": RECORDING, "model": "whisper-1", **wish})
    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
    assert param in refused.value.message


def test_a_recording_that_can_not_be_read_is_refused_once_with_its_code(client: openai.OpenAI, door: Door) -> None:
    insistent = client.with_options(max_retries=2)
    with pytest.raises(openai.BadRequestError) as refused:
        insistent.audio.transcriptions.create(file=("call.wav", b"bad recording"), model="whisper-1")
    assert (refused.value.code, refused.value.param) == ("corrupt_header", "file")
    assert refused.value.type == "invalid_request_error"
    assert len(door.client.recent()) == 1
    with pytest.raises(openai.BadRequestError) as empty:
        client.audio.transcriptions.create(file=("call.wav", b""), model="whisper-1")
    assert empty.value.code == "empty_upload"


@pytest.mark.parametrize(
    ("end", "kind", "code"),
    [("fail", openai.InternalServerError, "model_mismatch"), ("cancel", openai.BadRequestError, "canceled")],
)
def test_a_job_that_is_lost_to_its_caller_is_not_sent_again(
    door: Door, end: str, kind: type[openai.APIStatusError], code: str
) -> None:
    def act() -> None:
        deadline = time.monotonic() + 20
        while not door.client.recent() and time.monotonic() < deadline:
            time.sleep(0.02)
        (job,) = door.client.recent()
        if end == "cancel":
            door.client.cancel(job.id)
            return
        lease = door.client.runtime.jobs.claim(Step.PREPROCESS, job.id, "colleague")
        assert lease is not None
        door.client.runtime.jobs.fail(lease, ModelMismatch("another model"))

    with ThreadPoolExecutor(1) as beside, openai.OpenAI(base_url=f"{door.url}/v1", api_key="sk-x") as client:
        acted = beside.submit(act)
        with pytest.raises(kind) as refused:
            client.audio.transcriptions.create(file=RECORDING, model="whisper-1")
        acted.result()
    assert refused.value.code == code
    assert len(door.client.recent()) == 1


def test_who_speaks_is_told_where_it_is_asked_for(client: openai.OpenAI) -> None:
    told: Any = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="diarized_json")
    (segment,) = told.segments
    assert (segment.speaker, segment.start, segment.end, segment.text) == ("agent", 0.5, 1.5, TEXT)
    assert (told.text, told.duration, segment.type) == (TEXT, 2.0, "transcript.text.segment")


def test_models_are_listed_and_an_unknown_one_is_none(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny.en", "whisper-1"]
    assert client.models.retrieve("tiny.en").owned_by == "voxqueue"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("gpt-7")
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(file=RECORDING, model="gpt-7")


def test_a_wrong_key_is_an_authentication_error(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    with (
        openai.OpenAI(base_url=f"{door.url}/v1", api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.models.list()
    assert (refused.value.type, refused.value.code) == ("authentication_error", "unauthorized")
    reader = door.key(scopes=frozenset({Scope.READ}))
    with (
        openai.OpenAI(base_url=f"{door.url}/v1", api_key=reader, max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError),
    ):
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1")
