"""What is refused over HTTP, by which limit, and when to come again."""

import pytest

from tests.integration.api.conftest import DoorMaker


@pytest.mark.parametrize(
    ("limit", "status", "code"),
    [
        ({"tenant_jobs": 1}, 429, "QUOTA_EXCEEDED"),
        ({"tenant_bytes": 20}, 429, "QUOTA_EXCEEDED"),
        ({"tenant_audio_s": 0.001}, 429, "QUOTA_EXCEEDED"),
        ({"service_level_s": 1e-9}, 503, "SYSTEM_FULL"),
        ({"used_share": 1e-9}, 503, "SYSTEM_FULL"),
    ],
)
def test_each_limit_is_answered_with_a_time_to_come_again_and_holds_for_every_way_in(
    open_door: DoorMaker, limit: dict[str, float], status: int, code: str
) -> None:
    generous = open_door()
    # How fast work is done is known from what was done.
    generous.complete(generous.submit()["id"])
    generous.submit()
    taken = generous.client.runtime.jobs.counts()
    with open_door(**limit).http() as http:
        files = {"file": ("call.wav", b"RIFF of a kind")}
        answers = [
            http.post("/v1/jobs", files=files),
            http.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"}),
        ]
    assert [answer.status_code for answer in answers] == [status] * 2
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    document = answers[0].json()
    assert document["code"] == code
    # The title is of the kind, the detail of the case.
    assert "again in" not in document["title"]
    assert "again in" in document["detail"]
    assert answers[1].json()["error"]["code"] == code.lower()
    assert generous.client.runtime.jobs.counts() == taken


def test_a_broker_that_is_away_is_no_reason_to_refuse(open_door: DoorMaker) -> None:
    door = open_door(broker_url="redis://127.0.0.1:1/0", tenant_jobs=1)
    assert door.submit()["status"] == "queued"
