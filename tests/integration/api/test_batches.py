"""Many recordings with one request: taken item by item and once, looked at and stopped together."""

import json
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from pipeline.stages import Step
from tests.integration.api.conftest import Door, DoorMaker

HOST = "files.example.com"


@pytest.fixture
def linked(open_door: DoorMaker) -> Door:
    return open_door(fetch_urls=True, outbound_allow=HOST, max_upload_bytes=1000)


def form(http: httpx2.Client, manifest: dict[str, Any], **files: bytes) -> httpx2.Response:
    parts: dict[str, Any] = {name: (f"{name}.wav", content) for name, content in files.items()}
    return http.post("/v1/jobs/batch", data={"manifest": json.dumps(manifest)}, files=parts or {"x": b""})


def test_a_batch_is_taken_item_by_item_and_once(linked: Door) -> None:
    manifest: dict[str, Any] = {
        "jobs": [
            {"audio_url": f"https://{HOST}/1.wav", "external_id": "one"},
            {"audio_url": "http://127.0.0.1/2.wav"},
            {"audio_url": f"https://{HOST}/3.wav", "tags": ["mine"]},
        ]
    }
    headers = {"Idempotency-Key": "night-7"}
    with linked.http() as http:
        answers = [http.post("/v1/jobs/batch", json=manifest, headers=headers) for _ in range(2)]
        first, again = (answer.json() for answer in answers)
        assert [answer.status_code for answer in answers] == [202, 202]
        assert (first["id"], first["counts"]) == (again["id"], {"queued": 2})
        assert first["items"][1]["problem"]["code"] == "URL_NOT_ALLOWED"
        ids = [item["job"]["id"] for item in first["items"] if item["job"]]
        assert [item["job"]["id"] for item in again["items"] if item["job"]] == ids
        other = http.post("/v1/jobs/batch", json={"jobs": manifest["jobs"][:1]}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")


def test_files_and_links_come_in_one_form_and_each_keeps_its_bytes(linked: Door) -> None:
    manifest = {
        "jobs": [
            {"file": "second", "tags": ["b"]},
            {"audio_url": f"https://{HOST}/1.wav"},
            {"file": "first", "roles": ["agent"]},
        ]
    }
    with linked.http() as http:
        made = form(http, manifest, first=b"RIFF of a kind", second=b"another").json()
    jobs = [item["job"] for item in made["items"]]
    assert [job["file_name"] for job in jobs] == ["second.wav", "1.wav", "first.wav"]
    assert jobs[0]["tags"] == ["b"]
    store = linked.client.runtime.store
    for job, content in ((jobs[0], b"another"), (jobs[2], b"RIFF of a kind")):
        lease = linked.client.runtime.jobs.claim(Step.PREPROCESS, job["id"], "colleague")
        assert lease is not None
        with store.open(lease.source) as recording:
            assert recording.read() == content


def test_a_batch_is_looked_at_page_by_page_and_stopped(linked: Door) -> None:
    manifest = {"jobs": [{"audio_url": f"https://{HOST}/{place}.wav"} for place in range(3)]}
    with linked.http() as http:
        made = http.post("/v1/jobs/batch", json=manifest).json()
        path = f"/v1/batches/{made['id']}"
        page = http.get(path, params={"limit": 2}).json()
        rest = http.get(path, params={"limit": 2, "cursor": page["next_cursor"]}).json()
        assert (page["status"], page["counts"], rest["next_cursor"]) == ("running", {"queued": 3}, None)
        assert {job["id"] for job in page["jobs"] + rest["jobs"]} == {item["job"]["id"] for item in made["items"]}
        stopped = http.post(f"{path}/cancel").json()
        assert (stopped["status"], stopped["counts"]) == ("completed", {"canceled": 3})
        assert stopped["ended_at"]


@pytest.mark.parametrize(
    ("manifest", "files", "status"),
    [
        ({"jobs": []}, {}, 422),
        ({"jobs": [{}]}, {}, 422),
        ({"jobs": [{"file": "a", "audio_url": f"https://{HOST}/1.wav"}]}, {"a": b"x"}, 422),
        ({"jobs": [{"file": "a"}]}, {}, 422),
        ({"jobs": [{"file": "a"}]}, {"a": b"x", "b": b"y"}, 422),
        ({"jobs": [{"file": "a"}, {"file": "b"}]}, {"a": b"x" * 600, "b": b"y" * 600}, 413),
        ({"jobs": [{"file": "a"}], "callback_url": "http://169.254.169.254/"}, {"a": b"x"}, 422),
    ],
)  # fmt: skip
def test_a_batch_that_is_wrong_is_refused_whole(
    linked: Door, manifest: dict[str, Any], files: dict[str, bytes], status: int
) -> None:
    with linked.http() as http:
        assert form(http, manifest, **files).status_code == status
        assert http.get("/v1/jobs").json()["jobs"] == []
        assert http.post("/v1/jobs/batch", content=b"x").status_code == 415


def test_another_tenants_batch_is_a_404_with_the_same_body(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    north, south = door.key("north"), door.key("south")
    with door.http(south) as http:
        made = form(http, {"jobs": [{"file": "a"}]}, a=b"RIFF").json()["id"]
        assert http.get(f"/v1/batches/{made}").status_code == 200
    with door.http(north) as http:
        for method, more in (("GET", ""), ("POST", "/cancel")):
            answers = [http.request(method, f"/v1/batches/{each}{more}") for each in (made, str(uuid4()))]
            assert {answer.status_code for answer in answers} == {404}
            assert len({answer.content for answer in answers}) == 1
