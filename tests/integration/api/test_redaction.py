"""What a job asks to leave out is left out of every form, and of the sound."""

import io
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import soundfile

from pipeline.options import JobOptions, RedactionOptions, Style
from pipeline.render import OUTPUT_FORMATS
from pipeline.stages import STEPS, Step
from tests.integration.api.conftest import SPOKEN, TRANSCRIPT, WORDS, Door, DoorMaker
from workers.jobs import ArtifactRef
from workers.jobs.results import Result
from workers.jobs.sessions import NewPiece, NewSession
from workers.states import Scope

READ = frozenset({Scope.READ})
CARD = {"entities": ["card"]}


@pytest.fixture
def shut(open_door: DoorMaker) -> Door:
    return open_door(is_open=False)


@pytest.fixture(scope="module")
def recording() -> bytes:
    """Two channels of a tone of 300 Hz, two seconds."""
    file = io.BytesIO()
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 8000)
    soundfile.write(file, np.stack((tone, tone), 1), 8000, "PCM_16", format="WAV")
    return file.getvalue()


def made(door: Door, redaction: dict[str, Any] | None, content: bytes = b"RIFF of a kind") -> str:
    config = {} if redaction is None else {"redaction": redaction}
    job_id = str(door.submit(door.key(), content, config=json.dumps(config))["id"])
    door.complete(job_id)
    return job_id


def transcript(door: Door, job_id: str, query: str = "", scopes: frozenset[Scope] | None = None) -> tuple[int, str]:
    with door.http(door.key() if scopes is None else door.key(scopes=scopes)) as http:
        answer = http.get(f"/v1/jobs/{job_id}/transcript{query}")
        return answer.status_code, answer.text


def test_a_job_that_asks_for_redaction_is_shown_redacted_in_every_form(shut: Door) -> None:
    job_id = made(shut, CARD)
    for name in OUTPUT_FORMATS:
        status, text = transcript(shut, job_id, f"?format={name}")
        assert status == 200
        assert "1111" not in text
    assert json.loads(transcript(shut, job_id)[1])["redacted"] == ["card"]
    assert "4111" in transcript(shut, job_id, "?redacted=false")[1]
    assert "4111" in transcript(shut, made(shut, None))[1]


def test_a_key_without_the_scope_never_sees_more_than_the_usual_view(shut: Door) -> None:
    job_id = made(shut, {"entities": ["email"]})
    assert "[CARD_NUMBER]" in transcript(shut, job_id, "", READ)[1]
    status, text = transcript(shut, job_id, "?redacted=false", READ)
    assert (status, json.loads(text)["code"]) == (403, "FORBIDDEN")


def test_a_view_can_be_asked_for_though_the_job_does_not(shut: Door) -> None:
    assert "1111" not in transcript(shut, made(shut, None), "?redacted=true")[1]


def test_hashes_are_equal_for_one_number_and_one_tenant_only(shut: Door) -> None:
    options = {"redaction": RedactionOptions(style=Style.HASH).model_dump(mode="json")}
    jobs = [shut.client.enqueue(b"audio", options, tenant=tenant) for tenant in ("north", "north", "south")]
    texts = []
    for job in jobs:
        shut.complete(job.id)
        texts.append(shut.client.result(job.id).text)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("My card number is [CARD_NUMBER:")
    assert "4111" in shut.client.result(jobs[0].id, unredacted=True).text


@pytest.mark.parametrize("redaction", [{"entities": []}, {"entities": ["iban"]}, {"style": "x"}, {"unknown": 1}])
def test_what_is_no_redaction_is_refused(shut: Door, redaction: dict[str, Any]) -> None:
    with shut.http(shut.key()) as http:
        files = {"file": ("call.wav", b"RIFF")}
        answer = http.post("/v1/jobs", files=files, data={"config": json.dumps({"redaction": redaction})})
    assert answer.status_code == 422


def test_the_sound_has_a_tone_where_the_number_is_said(shut: Door, recording: bytes) -> None:
    job_id = made(shut, {"audio": True}, recording)
    with shut.http(shut.key(scopes=READ)) as http:
        assert http.get(f"/v1/jobs/{job_id}/audio").status_code == 403
        answer = http.get(f"/v1/jobs/{job_id}/audio/redacted")
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    first, last = TRANSCRIPT.utterances[0].words[4], TRANSCRIPT.utterances[0].words[7]
    assert len(samples) == 2 * rate_hz
    for part, pitch_hz in ((samples[: rate_hz // 2], 300), (samples[int(first.start_s * rate_hz) :][:1600], 1000)):
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))[:, None], axis=0))
        assert np.allclose(spectrum.argmax(0) * rate_hz / len(part), pitch_hz, atol=10)
    assert np.abs(samples[int((last.end_s + 0.3) * rate_hz) :]).max() > 0.4


def test_the_sound_without_the_numbers_takes_the_word_of_the_job_or_the_scope(shut: Door, recording: bytes) -> None:
    job_id = made(shut, CARD, recording)
    path = f"/v1/jobs/{job_id}/audio/redacted"
    with shut.http(shut.key(scopes=READ)) as reader, shut.http(shut.key(scopes=frozenset(Scope))) as all_seeing:
        assert reader.get(path).status_code == 403
        assert all_seeing.get(path).status_code == 200


def pieces_of_a_call(door: Door, *halves: tuple[int, int]) -> tuple[str, list[str]]:
    """A live call whose pieces hold these words of the transcript; its id, and those of the pieces."""
    jobs = door.client.runtime.jobs
    session_id = door.client.sessions.open(NewSession(str(uuid4()), "line 7"))
    made = []
    for position, (first, end) in enumerate(halves):
        job_id = str(uuid4())
        place = NewPiece(session_id, position, position * 2.0, position * 2.0 + 2.0, position * 2.0 + 2.0)
        door.client.enqueue_piece(place, job_id, b"RIFF", JobOptions(), file_name="call.wav")
        said = " ".join(word.text for word in WORDS[first:end])
        transcript = replace(TRANSCRIPT, text=said, utterances=(replace(SPOKEN, text=said, words=WORDS[first:end]),))
        for step in STEPS:
            lease = jobs.claim(step, job_id, "colleague")
            assert lease is not None
            kept = ArtifactRef(f"{job_id}/{step}.{lease.fence}", "a" * 64, 1)
            jobs.finish(
                lease, Result(transcript=transcript) if step is Step.FORMAT else Result(artifact=kept, duration_s=2.0)
            )
        made.append(job_id)
    return session_id, made


def test_a_number_that_goes_on_in_the_next_piece_of_a_live_call_is_left_out_there_too(shut: Door) -> None:
    session_id, (_, second) = pieces_of_a_call(shut, (0, 6), (6, 8))
    shut.client.sessions.end(session_id)
    assert json.loads(transcript(shut, second, "", READ)[1])["text"] == "[CARD_NUMBER]"
    assert "1111" in transcript(shut, second)[1]
    with shut.http(shut.key(scopes=READ)) as http:
        events = http.get(f"/v1/streams/{session_id}/events").text
        whole = http.get(f"/v1/streams/{session_id}/transcript").text
    assert events.count("event: piece") == 2
    assert "1111" not in events + whole
