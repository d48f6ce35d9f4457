"""`/readyz`: whether jobs are taken, and whether the work behind the door gets done."""

from pipeline.stages import STEPS
from tests.integration.api.conftest import DoorMaker


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
