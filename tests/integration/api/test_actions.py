"""Decoding again, deleting, hearing the recording, and recordings that lie elsewhere."""

import httpx2
import pytest

from api.routes.audio import part_of
from pipeline.stages import Step
from tests.integration.api.conftest import Door, DoorMaker
from workers.jobs.keys import DEFAULT_SCOPES
from workers.states import Scope

CONTENT = bytes(range(256)) * 4000


def test_a_job_is_decoded_again_with_other_words(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    early = http.post(f"/v1/jobs/{job_id}/redecode", json={})
    assert (early.status_code, early.json()["code"]) == (409, "NOT_ALLOWED_IN_STATE")
    door.complete(job_id)
    again = http.post(f"/v1/jobs/{job_id}/redecode", json={"hotwords": ["Voxqueue"], "beam_width": 9})
    assert (again.status_code, again.json()["version"]) == (202, 2)
    assert [step["status"] for step in again.json()["steps"]] == ["done", "done", "done", "ready", "blocked"]
    lease = door.client.runtime.jobs.claim(Step.DECODE, job_id, "worker")
    assert lease is not None
    assert (lease.options.decode.hotwords, lease.options.decode.beam_width) == (("Voxqueue",), 9)


def test_a_job_is_formatted_again_and_redacted_by_who_may_see_all(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    key = door.key()
    job_id = door.submit(key)["id"]
    door.complete(job_id)
    path, body = f"/v1/jobs/{job_id}/redecode", {"format": {"fillers": "remove"}, "redaction": {"entities": ["card"]}}
    with door.http(door.key(scopes=frozenset({Scope.READ, Scope.WRITE}))) as http:
        respelled = {"hotwords": [{"text": "x-ray", "sounds_like": ["nine"]}]}
        for forbidden in (body, respelled):
            assert http.post(path, json=forbidden).json()["code"] == "FORBIDDEN"
        assert http.post(path, json={"format": body["format"], "hotwords": ["Acme"]}).status_code == 202
    for step in (Step.DECODE, Step.FORMAT):
        door.step(step, job_id)
    with door.http(door.key(scopes=DEFAULT_SCOPES | {Scope.UNREDACTED})) as http:
        assert http.post(path, json=body).json()["version"] == 3
        for version in (1, 2):
            shown = http.get(f"/v1/jobs/{job_id}/transcript", params={"version": version, "format": "text"}).text
            assert shown == "My card number is [CARD_NUMBER]\n"
    chosen = door.client.runtime.jobs.options(job_id)
    assert (chosen.format.fillers, chosen.decode.hotwords) == ("remove", ("Acme",))


@pytest.mark.parametrize(
    "body",
    [
        '{"beam_width": 0}',
        '{"beam_width": 1000000000}',
        '{"language": "xx"}',
        '{"beam": 1}',
        '{"hotwords": "x"}',
        "[]",
        '{"beam_width": "9"}',
        '{"format": {"fillers": "x"}}',
    ],
)
def test_options_that_can_not_be_are_refused(door: Door, http: httpx2.Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert http.post("/v1/jobs/x/redecode", content=body, headers=headers).status_code == 422
    assert http.post("/v1/jobs/x/redecode", content=body).status_code == 415


def test_a_deleted_job_has_nothing_left_and_a_receipt(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit(content=CONTENT)["id"]
    deleted = http.delete(f"/v1/jobs/{job_id}")
    assert (deleted.status_code, deleted.json()["job_id"], deleted.json()["files"]) == (200, job_id, 1)
    assert deleted.json()["bytes"] == len(CONTENT)
    assert [path for path in door.client.settings.home_path.rglob("source.0*") if path.is_file()] == []
    gone = http.get(f"/v1/jobs/{job_id}/audio")
    assert (gone.status_code, gone.json()["code"]) == (410, "RECORDING_GONE")
    assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "canceled"
    assert http.get("/v1/jobs").json()["jobs"] == []
    assert http.delete(f"/v1/jobs/{job_id}").json() == deleted.json()
    for method, path in (("GET", "transcript"), ("GET", "playback"), ("POST", "retry")):
        answer = http.request(method, f"/v1/jobs/{job_id}/{path}")
        assert (answer.status_code, answer.json()["code"]) in {(410, "JOB_DELETED"), (410, "RECORDING_GONE")}, path


def test_the_recording_is_heard_whole_or_in_parts(door: Door, http: httpx2.Client) -> None:
    path = f"/v1/jobs/{door.submit(content=CONTENT)['id']}/audio"
    whole = http.get(path)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    part = http.get(path, headers={"Range": "bytes=10-300009"})
    assert (part.status_code, part.content) == (206, CONTENT[10:300010])
    assert part.headers["Content-Range"] == f"bytes 10-300009/{len(CONTENT)}"
    assert http.get(path, headers={"Range": f"bytes={len(CONTENT)}-"}).status_code == 416
    assert http.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("", (0, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=99-", (99, 100)),
        ("bytes=50-1000", (50, 100)),
        ("bytes=-30", (70, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=-0", None),
        ("bytes=100-", None),
        ("bytes=9-3", None),
        ("bytes=-", (0, 100)),
        ("bytes=0-1,5-6", (0, 100)),
        ("lines=1-2", (0, 100)),
    ],
)
def test_ranges_are_read_as_the_standard_says(wanted: str, part: tuple[int, int] | None) -> None:
    assert part_of(wanted, 100) == part


def test_sound_takes_the_scope_to_see_all(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    job_id = door.submit(door.key())["id"]
    with door.http(door.key(scopes=frozenset({Scope.READ}))) as http:
        assert http.get(f"/v1/jobs/{job_id}/audio").status_code == 403


def test_a_recording_that_lies_elsewhere_is_left_to_a_worker(open_door: DoorMaker) -> None:
    door = open_door(fetch_urls=True, outbound_allow="files.example.com")
    with door.http() as http:
        made = http.post("/v1/jobs", json={"audio_url": "https://files.example.com/a/call.wav?token=x", "tags": ["t"]})
        assert made.status_code == 202, made.text
        assert (made.json()["file_name"], made.json()["tags"]) == ("call.wav", ["t"])
        assert http.get(f"/v1/jobs/{made.json()['id']}/audio").json()["code"] == "RECORDING_GONE"


LOCAL = [
    "http://127.0.0.1/x",
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "https://user@[::1]/",
    "nonsense",
    "https://0x7f.1/",
]


@pytest.mark.parametrize("url", LOCAL)
def test_an_address_that_leads_inside_is_refused(door: Door, http: httpx2.Client, url: str) -> None:
    for body in ({"audio_url": url}, {"audio_url": "https://files.example.com/x", "callback_url": url}):
        refused = http.post("/v1/jobs", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "URL_NOT_ALLOWED"), refused.text
    assert door.client.recent() == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400), (b"{", 400), (b'{"audio_url": NaN}', 400), (b'{"audio_url": "x", "audio_url": "y"}', 400),
        (b"{}", 422), (b"[]", 422), (b'{"audio_url": 5}', 422), (b'{"audio_url": "x", "more": 1}', 422),
        (b'{"audio_url": "\\ud800"}', 400), (b"[" * 100_000, 400), (b" " * (2**20 + 1), 413),
    ],
)  # fmt: skip
def test_json_that_is_none_or_asks_for_something_else_is_refused(
    http: httpx2.Client, content: bytes, status: int
) -> None:
    answer = http.post("/v1/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
