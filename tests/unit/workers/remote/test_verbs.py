"""What a verb asks for, and how patient it is, without a server: replies are put into it by hand."""

import json
from collections.abc import Sequence
from io import BytesIO

import pytest

from pipeline.errors import InvalidOptions
from pipeline.stages import Step
from tests.unit.workers.remote.test_wire import job_document, problem
from workers.errors import JobNotFound, ServerAway, WaitTimeout
from workers.remote import verbs
from workers.remote.verbs import Call, Pause, Result, Upload, Verb, form_of
from workers.remote.wire import Reply
from workers.states import JobState

Answer = Reply | ServerAway


def shown(**changes: object) -> Reply:
    return Reply(200, {}, json.dumps(job_document(**changes)).encode())


def talk(verb: Verb[Result], answers: Sequence[Answer]) -> tuple[Result | None, list[Call], list[float]]:
    """Run a verb against these answers: its result, its calls, its pauses."""
    left, calls, pauses = list(answers), list[Call](), list[float]()
    try:
        step = next(verb)
        while True:
            if isinstance(step, Pause):
                pauses.append(step.seconds)
                step = next(verb)
                continue
            calls.append(step)
            answer = left.pop(0)
            step = verb.throw(answer) if isinstance(answer, ServerAway) else verb.send(answer)
    except StopIteration as ended:
        assert left == []
        return ended.value, calls, pauses


BUSY = problem(429, "RATE_LIMITED", "too many")
FULL = Reply(503, {"retry-after": "7"}, b"")


def test_a_server_that_is_away_or_busy_is_asked_again() -> None:
    job, calls, pauses = talk(verbs.status("7"), [ServerAway(), BUSY, FULL, shown()])
    assert job is not None
    assert (job.state, len(calls)) == (JobState.RUNNING, 4)
    assert {(call.method, call.path) for call in calls} == {("GET", "/v1/jobs/7")}
    assert 0.5 <= pauses[0] <= 1
    assert pauses[2] == 7


def test_patience_is_bounded() -> None:
    with pytest.raises(ServerAway):
        talk(verbs.status("7"), [ServerAway()] * 5)
    long = Reply(503, {"retry-after": "999999"}, b"")
    _, _, pauses = talk(verbs.status("7"), [long, shown()])
    assert pauses == [60.0]


def test_a_refusal_is_not_asked_again() -> None:
    with pytest.raises(JobNotFound):
        talk(verbs.status("7"), [problem(404, "JOB_NOT_FOUND", "There is no such job.")])


def test_a_recording_is_handed_in_under_one_key_however_often_it_is_sent() -> None:
    upload = Upload(BytesIO(b"RIFF"), "call.wav")
    _, calls, _ = talk(verbs.enqueue(upload, {"priority": 1}), [ServerAway(), FULL, shown()])
    assert len({call.headers["Idempotency-Key"] for call in calls}) == 1
    assert calls[0].json == {"priority": 1}
    _, again, _ = talk(verbs.enqueue(upload, {}), [shown()])
    assert again[0].headers != calls[0].headers
    _, chosen, _ = talk(verbs.enqueue(upload, {"idempotency_key": "mine"}), [shown()])
    assert (chosen[0].headers, chosen[0].json) == ({"Idempotency-Key": "mine"}, {})


def test_each_try_sends_the_recording_from_its_start() -> None:
    call = Call("POST", "/v1/jobs", json={"priority": 1}, uploads={"file": Upload(BytesIO(b"RIFF"), "call.wav")})
    for _ in range(2):
        form = form_of(call)
        name, file = form["files"]["file"]
        assert (name, file.read(), json.loads(form["data"]["config"])) == ("call.wav", b"RIFF", {"priority": 1})
    assert form_of(Call("GET", "/")) == {}


def test_a_link_is_sent_as_json() -> None:
    _, calls, _ = talk(verbs.enqueue("https://example.com/call.wav", {"tags": ["a"]}), [shown()])
    assert form_of(calls[0]) == {"json": {"audio_url": "https://example.com/call.wav", "tags": ["a"]}}


def test_a_retry_that_may_have_arrived_is_not_sent_twice() -> None:
    with pytest.raises(ServerAway):
        talk(verbs.retry("7", Step.DECODE), [ServerAway()])
    _, calls, _ = talk(verbs.retry("7", Step.DECODE), [BUSY, shown(status="queued")])
    assert calls[1].params == {"from_step": "decode"}
    _, calls, _ = talk(verbs.retry("7", None), [shown(status="queued")])
    assert calls[0].params == {}


def test_decoding_again_sends_the_options_once() -> None:
    job, calls, _ = talk(verbs.redecode("7", {"hotwords": ["Acme"]}), [BUSY, shown(version=2)])
    assert job is not None
    assert (job.version, calls[1].path, calls[1].json) == (2, "/v1/jobs/7/redecode", {"hotwords": ["Acme"]})
    with pytest.raises(ServerAway):
        talk(verbs.redecode("7", {}), [ServerAway()])


def test_waiting_asks_the_server_to_answer_when_the_job_has_ended() -> None:
    job, calls, _ = talk(verbs.wait("7", None), [shown(), shown(), shown(status="completed")])
    assert job is not None
    assert job.state is JobState.COMPLETED
    assert [call.params["wait"] for call in calls] == [30.0] * 3


def test_waiting_ends_when_the_time_is_over() -> None:
    with pytest.raises(WaitTimeout, match="job 7 is running"):
        talk(verbs.wait("7", 0.0), [shown()])


def test_canceling_says_whether_it_was_this_that_ended_the_job() -> None:
    assert talk(verbs.cancel("7"), [shown(), shown(status="canceled")])[0] is True
    assert talk(verbs.cancel("7"), [shown(), shown(status="completed")])[0] is False
    assert talk(verbs.cancel("7"), [shown(status="failed")])[0] is False


def page(number: int, cursor: str | None) -> Reply:
    return Reply(200, {}, json.dumps({"jobs": [job_document()] * number, "next_cursor": cursor}).encode())


def test_a_long_list_is_read_page_by_page() -> None:
    jobs, calls, _ = talk(verbs.recent(JobState.FAILED, 250), [page(200, "more"), page(50, "even more")])
    assert jobs is not None
    assert len(jobs) == 250
    assert [dict(call.params) for call in calls] == [
        {"status": "failed", "limit": 200},
        {"status": "failed", "limit": 50, "cursor": "more"},
    ]
    assert talk(verbs.recent(None, 50), [page(3, None)])[1][0].params == {"limit": 50}


@pytest.mark.parametrize("job_id", ["", "../keys", "7?wait=1", "7/cancel", "é", "7#"])
def test_an_id_that_would_lead_elsewhere_is_refused(job_id: str) -> None:
    with pytest.raises(InvalidOptions, match="is no job id"):
        talk(verbs.status(job_id), [])


def test_a_transcript_is_asked_for_in_its_format() -> None:
    text, calls, _ = talk(verbs.rendered("7", "srt"), [Reply(200, {}, "é".encode())])
    assert text == "é"
    assert (calls[0].path, calls[0].params) == ("/v1/jobs/7/transcript", {"format": "srt"})
    assert talk(verbs.rendered("7", "srt", 2), [Reply(200, {}, b"")])[1][0].params == {"format": "srt", "version": 2}
