"""What is told of a job that has not ended: its place, its percent and its time to go."""

import time
from collections.abc import Callable
from typing import Any

import httpx2

from pipeline.stages import Step
from tests.integration.api.conftest import Door

WAIT_S = 20


def seen(http: httpx2.Client, job_id: str, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The job as soon as it is so; the outlook is looked up once a second."""
    deadline = time.monotonic() + WAIT_S
    while not is_wanted(job := http.get(f"/v1/jobs/{job_id}").json()):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return dict(job)


def test_those_that_wait_have_places_in_the_order_of_their_work(door: Door, http: httpx2.Client) -> None:
    first, last = door.submit()["id"], door.submit()["id"]
    urgent = door.submit(config='{"priority": 9}')["id"]
    places = {urgent: 1, first: 2, last: 3}
    for job_id, place in places.items():
        assert seen(http, job_id, lambda job: job["queue_position"] is not None)["queue_position"] == place
    door.step(Step.PREPROCESS, urgent)
    assert seen(http, urgent, lambda job: job["status"] == "running")["queue_position"] is None
    assert seen(http, last, lambda job: job["queue_position"] == 2)["eta_s"] is None


def test_the_first_job_of_all_is_reckoned_by_its_own_pace(door: Door, http: httpx2.Client) -> None:
    job_id = door.submit()["id"]
    assert seen(http, job_id, lambda job: job["queue_position"] == 1)["eta_s"] is None
    door.step(Step.PREPROCESS, job_id)
    door.step(Step.FEATURES, job_id)
    time.sleep(1)
    job = seen(http, job_id, lambda job: job["eta_s"] is not None)
    assert job["progress"] == 0.16
    # A sixth took a second and more.
    assert job["eta_s"] > 5


def test_after_that_it_is_reckoned_by_what_the_last_ones_took(door: Door, http: httpx2.Client) -> None:
    door.complete(door.submit()["id"])
    waiting = door.submit()["id"]
    assert 0 <= seen(http, waiting, lambda job: job["eta_s"] is not None)["eta_s"] < WAIT_S
    door.complete(waiting)
    ended = seen(http, waiting, lambda job: job["status"] == "completed")
    assert (ended["queue_position"], ended["eta_s"], ended["progress"]) == (None, None, 1.0)
