"""Jobs over HTTP: handed in, looked at, waited for, listed, stopped, run again, read."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import srt
import webvtt

from pipeline.options import CaptionOptions
from pipeline.render import from_json
from pipeline.stages import STEPS, Step
from tests.integration.api.conftest import ADVICE, TEXT, Door
from workers.remote import RemoteClient


def test_a_recording_becomes_a_transcript(door: Door, http: httpx2.Client, colleague: None) -> None:
    config = {
        "roles": ["agent", None],
        "hotwords": ["Voxqueue"],
        "options": {"format": {"numbers": False}},
        "priority": 7,
        "external_id": "call 9",
        "metadata": {"of": ["anything", 1.5, None]},
        "tags": ["b", "a", "a"],
    }
    made = http.post("/v1/jobs", files={"file": ("call.wav", b"RIFF of a kind")}, data={"config": json.dumps(config)})
    assert made.status_code == 202
    job = made.json()
    assert made.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["file_name"], job["priority"], job["external_id"]) == ("call.wav", 7, "call 9")
    assert (job["metadata"], job["tags"]) == ({"of": ["anything", 1.5, None]}, ["a", "b"])
    assert [step["name"] for step in job["steps"]] == list(STEPS)
    ended = http.get(made.headers["Location"], params={"wait": 20}).json()
    assert (ended["status"], ended["progress"], ended["duration_s"], ended["error"]) == ("completed", 1.0, 2.0, None)
    assert all(step["attempt"] == 1 and step["worker"] == "colleague" for step in ended["steps"])
    times = [datetime.fromisoformat(ended[name]) for name in ("created_at", "started_at", "ended_at")]
    assert times == sorted(times)
    assert abs((datetime.now(UTC) - times[-1]).total_seconds()) < 60
    kept = door.client.runtime.jobs.document(job["id"])
    assert http.get(f"/v1/jobs/{job['id']}/transcript").text == kept


def test_options_reach_the_worker(door: Door) -> None:
    config = {"roles": ["agent"], "hotwords": ["Voxqueue"], "options": {"decode": {"beam_width": 9}}}
    door.submit(config=json.dumps(config))
    lease = door.client.runtime.jobs.claim(Step.PREPROCESS, "", "worker")
    assert lease is not None
    assert lease.options.preprocess.roles == ("agent",)
    assert (lease.options.decode.hotwords, lease.options.decode.beam_width) == (("Voxqueue",), 9)


def test_a_job_that_failed_is_an_answer_and_its_transcript_an_error(
    door: Door, http: httpx2.Client, colleague: None
) -> None:
    job = door.submit(content=b"bad recording")
    answer = http.get(f"/v1/jobs/{job['id']}", params={"wait": 20})
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.json()["error"] == {
        "code": "CORRUPT_HEADER",
        "message": "The header of the file is damaged. (no data)",
    }
    assert answer.json()["steps"][0]["error"]["code"] == "CORRUPT_HEADER"
    assert answer.json()["report"]["findings"][0]["advice"] == ADVICE
    assert http.get(f"/v1/jobs/{job['id']}/preflight").json() == answer.json()["report"]
    refused = http.get(f"/v1/jobs/{job['id']}/transcript")
    assert (refused.status_code, refused.json()["code"]) == (409, "JOB_FAILED")


def test_waiting_ends_with_the_job_or_with_the_time(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    started = time.monotonic()
    assert http.get(f"/v1/jobs/{job_id}", params={"wait": 0.3}).json()["status"] == "queued"
    assert 0.3 <= time.monotonic() - started < 10
    door.complete(job_id)
    started = time.monotonic()
    assert http.get(f"/v1/jobs/{job_id}", params={"wait": 60}).json()["status"] == "completed"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "soon", ""])
def test_a_wait_out_of_range_is_refused(http: httpx2.Client, wait: str) -> None:
    answer = http.get("/v1/jobs/x", params={"wait": wait})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["field"] == "query.wait"


def test_lists_go_page_by_page_and_are_filtered(door: Door, http: httpx2.Client) -> None:
    made = [door.submit(config=json.dumps({"tags": ["odd" if index % 2 else "even"]}))["id"] for index in range(5)]
    http.post(f"/v1/jobs/{made[0]}/cancel")

    def ids(**query: Any) -> list[str]:
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = http.get("/v1/jobs", params={"limit": 2, **query, **cursor}).json()
            found += [job["id"] for job in page["jobs"]]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    assert ids() == made[::-1]
    assert ids(tag="odd") == [made[3], made[1]]
    assert ids(status="canceled") == [made[0]]
    assert ids(status=["canceled", "queued"]) == made[::-1]
    third = http.get(f"/v1/jobs/{made[2]}").json()["created_at"]
    assert ids(created_after=third) == [made[4], made[3]]
    assert ids(created_before=third) == [made[1], made[0]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"status": "lost"}, "status"),
        ({"created_after": "2026-11-22T18:00:00"}, "created_after"),
        ({"created_before": "1764352800.5"}, "created_before"),
        ({"tag": "\x00"}, "tag"),
        ({"unknown": 1}, "unknown"),
        ({"cursor": "nonsense"}, None),
    ],
)
def test_a_wrong_filter_is_named(http: httpx2.Client, query: dict[str, Any], field: str | None) -> None:
    answer = http.get("/v1/jobs", params=query)
    assert answer.status_code == 422
    if field is not None:
        assert field in answer.json()["errors"][0]["field"]


def test_a_job_is_canceled_once_and_can_be_run_again(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    assert http.post(f"/v1/jobs/{job_id}/retry").json()["code"] == "NOT_ALLOWED_IN_STATE"
    for _ in range(2):
        answer = http.post(f"/v1/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    again = http.post(f"/v1/jobs/{job_id}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "queued")
    door.complete(job_id)
    assert http.post(f"/v1/jobs/{job_id}/cancel").json()["status"] == "completed"
    assert http.post(f"/v1/jobs/{job_id}/retry", params={"from_step": "decode"}).json()["version"] == 2
    states = [step["status"] for step in http.get(f"/v1/jobs/{job_id}").json()["steps"]]
    assert states == ["done", "done", "done", "ready", "blocked"]


def test_no_reading_changes_anything(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    door.complete(job_id)
    before = door.client.status(job_id)
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/transcript", f"/v1/jobs/{job_id}/events", "/v1/jobs"):
        assert http.get(path).status_code == 200
    assert http.get(f"/v1/jobs/{job_id}/cancel").status_code == 405
    assert door.client.status(job_id) == before


PARSERS: dict[str, Callable[[str], str]] = {
    "json": lambda text: from_json(text).text,
    "text": lambda text: text.partition("] ")[2].partition(": ")[2] or text,
    "srt": lambda text: " ".join(cue.content for cue in srt.parse(text)),
    "vtt": lambda text: " ".join(cue.text for cue in webvtt.from_string(text).captions),
}


@pytest.mark.parametrize(
    ("name", "media"), [("json", "application/json"), ("srt", "application/x-subrip"), ("vtt", "text/vtt")]
)
def test_a_transcript_comes_in_the_form_that_is_asked_for(
    door: Door, http: httpx2.Client, name: str, media: str
) -> None:
    job_id = door.submit()["id"]
    door.complete(job_id)
    path = f"/v1/jobs/{job_id}/transcript"
    by_query = http.get(path, params={"format": name}, headers={"Accept": "text/nothing"})
    by_accept = http.get(path, headers={"Accept": f"image/png, {media};q=0.9, text/*;q=0.1"})
    assert (
        by_query.headers["Content-Type"].partition(";")[0]
        == by_accept.headers["Content-Type"].partition(";")[0]
        == media
    )
    assert by_query.text == by_accept.text == door.client.rendered(job_id, name)  # type: ignore[arg-type]
    assert TEXT in PARSERS[name](by_query.text).replace("\n", " ")


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_captions_are_as_narrow_and_as_slow_as_is_asked_for(door: Door, http: httpx2.Client, name: str) -> None:
    job_id = door.submit()["id"]
    door.complete(job_id)
    path, asked = f"/v1/jobs/{job_id}/transcript", {"line_characters": 16, "lines": 1, "characters_per_s": 5}
    shown = http.get(path, params={"format": name, **asked}).text
    limits = CaptionOptions.model_validate(asked)
    assert shown == door.client.rendered(job_id, name, captions=limits)  # type: ignore[arg-type]
    assert shown != http.get(path, params={"format": name}).text
    with RemoteClient(door.url) as client:
        assert client.rendered(job_id, name, captions=limits) == shown  # type: ignore[arg-type]
    for field, value in (("line_characters", 15), ("lines", 0), ("characters_per_s", "fast")):
        assert http.get(path, params={"format": name, field: value}).status_code == 422


def test_a_form_that_there_is_not_is_refused(door: Door, http: httpx2.Client) -> None:
    path = f"/v1/jobs/{door.submit()['id']}/transcript"
    refused = http.get(path, headers={"Accept": "audio/wav, text/html"})
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert http.get(path, params={"format": "docx"}).status_code == 422
    assert http.get(path).json()["code"] == "JOB_NOT_FINISHED"


def test_a_transcript_that_has_not_changed_is_not_sent_again(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    door.complete(job_id)
    path = f"/v1/jobs/{job_id}/transcript"
    tag = http.get(path).headers["ETag"]
    assert http.get(path, params={"format": "srt"}).headers["ETag"] != tag
    for given in (tag, f'"x", W/{tag}'):
        same = http.get(path, headers={"If-None-Match": given})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("job_id", ["nobody", "6f1c1f6e-3a57-4e0e-8d7e-1f2d3c4b5a69", "\x00", "../jobs", "ü" * 300])
def test_an_unknown_id_is_the_same_404_everywhere(http: httpx2.Client, job_id: str) -> None:
    path = f"/v1/jobs/{quote(job_id, safe='')}"
    answers = [http.get(path), http.get(f"{path}/transcript"), http.get(f"{path}/events")]
    answers += [http.post(f"{path}/cancel"), http.post(f"{path}/retry"), http.get(path, params={"wait": 5})]
    codes = {(answer.status_code, answer.json()["code"]) for answer in answers}
    assert codes <= {(404, "JOB_NOT_FOUND"), (404, "NOT_FOUND")}
    assert all(answer.headers["Content-Type"] == "application/problem+json" for answer in answers)


def test_usage_counts_seconds_of_audio(door: Door, http: httpx2.Client) -> None:
    for _ in range(2):
        door.complete(door.submit()["id"])
    door.submit()
    assert http.get("/v1/usage").json() == {"jobs": 2, "audio_s": 4.0}
    assert http.get("/v1/usage", params={"since": "2100-01-01T00:00:00Z"}).json() == {"jobs": 0, "audio_s": 0.0}
    assert http.get("/v1/usage", params={"until": "2000-01-01T00:00:00+02:00"}).json()["jobs"] == 0


def test_the_queue_tells_what_waits_and_how_fast_it_goes(door: Door, http: httpx2.Client) -> None:
    assert http.get("/v1/queue").json() == {"queued": 0, "running": 0, "audio_s_per_s": 0.0}
    door.complete(door.submit()["id"])
    door.submit()
    told = http.get("/v1/queue").json()
    assert (told["queued"], told["running"]) == (1, 0)
    assert told["audio_s_per_s"] > 0


@pytest.mark.parametrize("path", ["/v1/jobs?stauts=failed", "/v1/streams?cursor=1", "/v1/usage?tenant=north"])
def test_a_parameter_that_is_misspelt_is_refused_and_not_passed_over(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert path.partition("?")[2].partition("=")[0] in answer.json()["detail"]
