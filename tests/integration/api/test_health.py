"""`/readyz`: whether jobs are taken, and whether the work behind the door gets done."""

import asyncio
import math
from typing import Any

import httpx2
import pytest

from api import readiness
from api.readiness import Readiness
from pipeline.stages import STEPS
from tests.integration.api.conftest import Door, DoorMaker
from workers import health
from workers.health import Answer, QueueHealth

DEAF = QueueHealth("decode", Answer.SILENT, None, ready=1, oldest_s=100.0, running=0, is_stalled=True)


def test_a_broker_that_is_away_degrades_the_door_and_does_not_close_it(open_door: DoorMaker) -> None:
    door = open_door()
    with door.http() as http:
        answer = http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded", "code": "BROKER_AWAY"})
    door.submit()


def test_queues_that_nobody_serves_are_silent_and_looked_at_no_more_often_than_they_change(
    open_door: DoorMaker, valkey_url: str
) -> None:
    door = open_door(broker_url=valkey_url, broker_timeout_s=2.0)
    with door.http() as http:
        answers = [http.get("/readyz").json() for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert answers[0]["status"] == "degraded"
    assert {answers[0]["queues"][step] for step in STEPS} == {"silent"}
    # One look is one question to each queue.
    assert door.client.runtime.announcer.queue_length(STEPS[0]) == 1
    door.client.runtime.announcer.app.control.purge()


def test_what_was_found_when_somebody_last_asked_is_no_answer_to_who_asks_much_later(
    open_door: DoorMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([health.Health(()), health.Health((DEAF,))])

    async def look(*_arguments: Any, **_limits: Any) -> health.Health:
        await asyncio.sleep(0.05)
        return next(found)

    async def ask() -> list[str]:
        asked = Readiness(open_door().client.runtime, look)
        told = [(await asked.told())["status"] for _ in range(2)]
        asked._looked_at = -math.inf
        told.append((await asked.told())["status"])
        # A third look would find nothing to say, and what takes too long is not known.
        asked._looked_at = -math.inf
        monkeypatch.setattr(readiness, "_PATIENCE_S", 0.01)
        return [*told, (await asked.told())["status"]]

    assert asyncio.run(ask()) == ["ok", "ok", "degraded", "unknown"]


def test_a_line_a_request_names_no_id_and_tells_patience_from_slowness(
    door: Door, http: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = door.submit()["id"]
    with caplog.at_level("INFO", "api.headers"):
        http.get(f"/v1/jobs/{job_id}?wait=0.1")
        http.get(f"/v1/jobs/{job_id}")
    told = [vars(record) for record in caplog.records if record.getMessage() == "http.request"]
    assert [each.get("waits", False) for each in told[-2:]] == [True, False]
    assert all(job_id not in str(each) for each in told)


def test_a_method_that_is_not_known_is_told_all_that_are(http: httpx2.Client) -> None:
    for path, known in (("/v1/jobs", "GET, POST"), ("/v1/jobs/x", "DELETE, GET"), ("/v1/webhooks", "GET, POST")):
        refused = http.request("PATCH", path)
        assert (refused.status_code, refused.headers["Allow"]) == (405, known)
