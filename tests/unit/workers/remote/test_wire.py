"""Jobs, events and errors come out of JSON as what they were before."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.errors import CorruptHeader, EmptyUpload, InvalidOptions
from pipeline.options import JobOptions
from pipeline.stages import STEPS, Step
from workers.errors import IdempotencyConflict, JobNotFound, ServerAway, ServerRefused, SystemFull, UrlNotAllowed
from workers.remote.wire import Reply, config_of, error_of, heard_of, job_of
from workers.states import JobState, StepState

MOMENT = "2026-11-22T18:00:00.500000Z"
MOMENT_S = 1795370400.5


def job_document(**changes: Any) -> dict[str, Any]:
    """A job as a server shows it."""
    steps = [
        {
            "name": step,
            "status": "done" if step == "preprocess" else "ready",
            "attempt": 1,
            "progress": 1.0 if step == "preprocess" else 0.0,
            "queued_at": MOMENT,
            "started_at": None,
            "ended_at": None,
            "worker": None,
            "error": {"code": "OUT_OF_MEMORY", "message": "There was not enough memory."} if step == "decode" else None,
        }
        for step in reversed(STEPS)
    ]
    return {
        "id": "7",
        "status": "running",
        "progress": 0.2,
        "queue_position": None,
        "eta_s": 3.5,
        "file_name": "call.wav",
        "duration_s": 2.5,
        "version": 1,
        "priority": 3,
        "external_id": None,
        "metadata": {"a": [1]},
        "tags": ["sales"],
        "created_at": MOMENT,
        "started_at": "2026-11-22T19:00:00.500000+01:00",
        "ended_at": None,
        "error": None,
        "steps": steps,
        "a_field_of_a_later_release": True,
        **changes,
    }


def problem(status: int, code: str, detail: str) -> Reply:
    body = {"type": "about:blank", "title": "?", "status": status, "detail": detail, "code": code}
    return Reply(status, {}, json.dumps(body).encode())


def test_a_job_of_the_server_is_one_of_the_client() -> None:
    job = job_of(job_document())
    assert (job.state, job.file_name, job.duration_s, job.priority) == (JobState.RUNNING, "call.wav", 2.5, 3)
    assert (job.created_at, job.started_at, job.ended_at) == (MOMENT_S, MOMENT_S, None)
    assert (job.annotations, job.tags) == ({"a": [1]}, ("sales",))
    assert job.progress == pytest.approx(0.12)
    by_name = {step.name: step for step in job.steps}
    assert by_name[Step.PREPROCESS].state is StepState.DONE
    assert by_name[Step.PREPROCESS].ready_at == MOMENT_S
    assert by_name[Step.DECODE].error_code == "OUT_OF_MEMORY"


def test_a_job_that_failed_says_why() -> None:
    error = {"code": "CORRUPT_HEADER", "message": "The header of the file is damaged."}
    job = job_of(job_document(status="failed", ended_at=MOMENT, error=error))
    assert (job.is_final, job.error_code, job.error_message) == (True, error["code"], error["message"])


def test_events_are_told_apart_from_progress() -> None:
    done = heard_of("step.done", '{"id": 5, "job_id": "7", "kind": "step.done", "step": "decode", "reason": null}')
    assert done is not None
    assert (done.id, done.step, done.is_final) == (5, Step.DECODE, False)
    moved = heard_of("progress", '{"job_id": "7", "steps": {"inference": 0.5}}')
    assert moved is not None
    assert (moved.id, moved.progress, moved.is_final) == (None, {"inference": 0.5}, False)
    ended = heard_of("job.failed", '{"id": 6, "job_id": "7", "step": null, "reason": "DECODE_ERROR"}')
    assert ended is not None
    assert (ended.is_final, ended.reason) == (True, "DECODE_ERROR")
    assert heard_of("message", "") is None


@pytest.mark.parametrize(
    "error",
    [
        JobNotFound(),
        CorruptHeader("no data chunk"),
        UrlNotAllowed("10.0.0.1 is not on the public internet"),
        InvalidOptions("hotwords (at most 500)"),
        IdempotencyConflict("key"),
        EmptyUpload(),
    ],
)
def test_an_error_is_the_one_that_it_would_have_been_in_process(error: Exception) -> None:
    told = error_of(problem(422, error.code, error.sentence))  # type: ignore[attr-defined]  # each has them
    assert type(told) is type(error)
    assert str(told) == str(error)


def test_a_refusal_of_the_moment_says_when_to_come_again() -> None:
    full = SystemFull("900 jobs wait", 30)
    told = error_of(replace(problem(503, full.code, full.sentence), headers={"retry-after": "30"}))
    assert isinstance(told, SystemFull)
    assert (told.retry_after_s, told.sentence) == (30, full.sentence)


def test_an_error_that_the_client_does_not_know_keeps_its_code_and_sentence() -> None:
    told = error_of(problem(403, "FORBIDDEN", "The API key does not allow this. (it takes the scope write)"))
    assert isinstance(told, ServerRefused)
    assert "FORBIDDEN" in told.sentence
    assert "scope write" in told.sentence


@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>", b"[]", b"null", b'{"error": "no"}', b"\xff"])
def test_what_is_no_answer_of_ours_is_a_server_that_is_away(body: bytes) -> None:
    assert isinstance(error_of(Reply(502, {}, body)), ServerAway)


def test_a_good_answer_that_is_no_json_is_not_from_one_of_our_servers() -> None:
    with pytest.raises(ServerAway, match="Voxqueue server"):
        _ = Reply(200, {}, b"<html>").document


def test_a_request_says_only_what_was_chosen_in_the_words_of_the_server() -> None:
    options = JobOptions.model_validate({"decode": {"hotwords": ["Voxqueue"]}})
    details = {"annotations": {"a": 1}, "tags": {"b", "a"}, "priority": 0, "external_id": None}
    assert config_of(options, details) == {
        "metadata": {"a": 1},
        "tags": ["a", "b"],
        "priority": 0,
        "options": {"decode": {"hotwords": ["Voxqueue"]}},
    }
    assert config_of(JobOptions(), {}) == {"options": {}}
    with pytest.raises(InvalidOptions, match="API key"):
        config_of(JobOptions(), {"tenant": "north"})
