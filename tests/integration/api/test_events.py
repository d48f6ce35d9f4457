"""What listeners hear: every event in order, from where they were, and an end when there is nothing more."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from api.watching import Settling
from pipeline.stages import STEPS, Step
from tests.integration.api.conftest import Door, DoorMaker

KINDS = ["job.queued", *(f"step.{what}" for _ in STEPS for what in ("started", "done")), "job.completed"]


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Server-sent events as a browser reads them, and comments."""
    message: dict[str, Any] = {}
    for line in lines:
        if not line:
            if message.get("event") or message.get("comment"):
                yield message
            message = {}
            continue
        name, _, value = line.partition(": ")
        message[name or "comment"] = json.loads(value) if name == "data" else value


def heard(http: httpx2.Client, path: str, last: int | None = None) -> list[dict[str, Any]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with http.stream("GET", path, headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        return list(messages(stream.iter_lines()))


def test_a_job_that_has_ended_is_told_from_its_beginning(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    door.complete(job_id)
    told = heard(http, f"/v1/jobs/{job_id}/events")
    assert [each["event"] for each in told] == KINDS
    assert (
        [int(each["id"]) for each in told]
        == [each["data"]["id"] for each in told]
        == sorted(int(each["id"]) for each in told)
    )
    assert {each["data"]["job_id"] for each in told} == {job_id}


def test_a_listener_hears_the_rest_from_wherever_it_was(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    door.complete(job_id)
    path = f"/v1/jobs/{job_id}/events"
    all_ids = [int(each["id"]) for each in heard(http, path)]
    for place, last in enumerate(all_ids[:-1]):
        assert [int(each["id"]) for each in heard(http, path, last)] == all_ids[place + 1 :]
    assert http.get(path, headers={"Last-Event-ID": str(all_ids[-1])}).status_code == 204
    assert http.get(path, headers={"Last-Event-ID": "x"}).status_code == 422


def test_what_happens_is_heard_as_it_happens_and_the_stream_ends_with_the_job(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    told = []
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        for message in messages(stream.iter_lines()):
            if message["event"] == "progress":
                continue
            told.append(message["event"])
            if message["event"] in {"job.queued", "step.done"} and len(told) < len(KINDS) - 1:
                door.step(STEPS[told.count("step.done")], job_id)
    assert told == KINDS


def test_progress_comes_in_between_and_moves_no_mark(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    jobs = door.client.runtime.jobs
    lease = jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert lease is not None
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        jobs.heartbeat(lease, 0.25)
        progress = next(
            each
            for each in messages(stream.iter_lines())
            if each["event"] == "progress" and each["data"]["steps"]["preprocess"]
        )
    assert progress["data"]["steps"]["preprocess"] == 0.25
    assert "id" not in progress


def test_a_tenant_hears_its_own_jobs_and_no_others(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    north, south = door.key("north"), door.key("south")
    first = door.submit(north)["id"]
    door.submit(south)
    with door.http(north) as http, http.stream("GET", "/v1/events", headers={"Last-Event-ID": "0"}) as stream:
        lines = messages(stream.iter_lines())
        assert next(lines)["data"]["job_id"] == first
        door.submit(south)
        second = door.submit(north)["id"]
        assert next(lines)["data"]["job_id"] == second


def test_many_wait_on_one_process_without_a_thread_each(door: Door) -> None:
    ids = [door.submit()["id"] for _ in range(3)]
    states: list[str] = []

    def wait(job_id: str) -> None:
        with door.http() as http:
            states.append(http.get(f"/v1/jobs/{job_id}", params={"wait": 30}).json()["status"])

    waiting = [threading.Thread(target=wait, args=(ids[place % 3],)) for place in range(40)]
    for thread in waiting:
        thread.start()
    # All wait, and still others are served: no thread of the server is held by those who wait.
    with door.http() as http:
        for job_id in ids:
            assert http.get(f"/v1/jobs/{job_id}").json()["status"] == "queued"
            assert http.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    for thread in waiting:
        thread.join()
    assert states == ["canceled"] * 40


@pytest.mark.parametrize(
    ("looks", "cursors"),
    [
        ([(0.0, [1, 2, 3])], [3]),
        ([(0.0, [2, 3]), (0.5, [1, 2, 3])], [0, 3]),
        ([(0.0, [1, 3]), (1.0, [3]), (1.9, [3, 4]), (2.1, [3, 4])], [1, 1, 1, 4]),
        ([(0.0, [1, 3]), (0.1, [2, 3, 5]), (0.2, [4, 5])], [1, 3, 5]),
        ([(0.0, []), (9.0, [7]), (11.1, [7, 8])], [0, 0, 8]),
    ],
    ids=["in order", "late", "never", "two gaps", "rolled back"],
)
def test_no_event_is_told_before_one_that_may_still_come(
    looks: list[tuple[float, list[int]]], cursors: list[int]
) -> None:
    settling = Settling(0)
    assert [settling.settled([each for each in ids if each > settling.cursor], now) for now, ids in looks] == cursors
