"""Live calls over a WebSocket: nothing lost or doubled when the connection breaks, and nothing for strangers."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.integration.api.conftest import WAIT_S, Door, DoorMaker
from workers.states import Scope

CALL = (Path(__file__).parents[3] / "workers" / "demo" / "call.wav").read_bytes()
AUDIO = CALL[CALL.index(b"data") + 8 :][: 16_000 * 12]
START = {"encoding": "mulaw", "channels": 2, "roles": ["agent", "customer"]}
QUICK = {"options": {"preprocess": {"max_segment_s": 5.0, "max_gap_s": 0.1}}}
CHUNK = 3200


def opened(door: Door, key: str | None = None) -> str:
    with door.http(key) as http:
        answer = http.post("/v1/streams", json={"name": "line 7", "external_id": "7"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/streams/{answer.json()['id']}"
    return str(answer.json()["id"])


def socket(door: Door, stream_id: str, key: str | None = None, origin: Origin | None = None) -> ClientConnection:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address: str = f"{door.url.replace('http', 'ws')}/v1/streams/{stream_id}/audio"
    return connect(address, additional_headers=headers, open_timeout=WAIT_S, origin=origin)


def started(connection: ClientConnection, **changes: Any) -> int:
    """Begin, or go on; from which byte on."""
    connection.send(json.dumps({**START, **QUICK, **changes}))
    told = json.loads(connection.recv(WAIT_S))
    assert told["type"] == "ready", told
    return int(told["offset"])


def send(connection: ClientConnection, start: int, stop: int) -> None:
    for first in range(start, stop, CHUNK):
        connection.send(AUDIO[first : min(first + CHUNK, stop)])


def finish(connection: ClientConnection) -> dict[str, Any]:
    connection.send('{"type": "end"}')
    while (told := json.loads(connection.recv(WAIT_S)))["type"] == "kept":
        pass
    return dict(told)


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def recordings(door: Door, stream_id: str) -> list[tuple[float, float, bytes]]:
    with door.http() as http:
        return [
            (each.start_s, each.end_s, http.get(f"/v1/jobs/{each.job_id}/audio").content)
            for each in door.client.sessions.pieces(stream_id)
        ]


def test_a_connection_that_breaks_loses_and_doubles_nothing(door: Door) -> None:
    whole, broken = opened(door), opened(door)
    with socket(door, whole) as connection:
        assert started(connection) == 0
        send(connection, 0, len(AUDIO))
        assert finish(connection) == {"type": "ended", "offset": len(AUDIO)}
    at = 0
    for stop in (70_001, 120_003, len(AUDIO)):
        with socket(door, broken) as connection:
            at = started(connection)
            send(connection, at, stop)
            if stop == len(AUDIO):
                assert finish(connection)["offset"] == len(AUDIO)
    assert at <= 120_003
    assert len(recordings(door, whole)) > 1
    assert recordings(door, broken) == recordings(door, whole)
    status = door.client.sessions.status(broken)
    assert status.ended_at is not None
    assert status.duration_s == pytest.approx(len(AUDIO) / 16_000)


def test_a_call_that_nobody_goes_on_with_is_kept_and_can_be_gone_on_with(open_door: DoorMaker) -> None:
    door = open_door(stream_grace_s=0.0)
    stream_id = opened(door)
    with socket(door, stream_id) as connection:
        started(connection)
        send(connection, 0, 48_000)
    eventually(lambda: door.client.sessions.status(stream_id).duration_s == 3.0)
    with socket(door, stream_id) as connection:
        assert started(connection) == 48_000
        assert finish(connection)["type"] == "ended"
    with pytest.raises(InvalidStatus) as refused, socket(door, stream_id):
        pass
    assert refused.value.response.status_code == 409


@pytest.mark.usefixtures("colleague")
def test_the_transcript_grows_and_listeners_hear_of_each_piece(door: Door, http: httpx2.Client) -> None:
    stream_id = opened(door)
    assert http.get(f"/v1/streams/{stream_id}/transcript").status_code == 204
    with socket(door, stream_id) as connection:
        started(connection)
        send(connection, 0, len(AUDIO))
        finish(connection)
    told = http.get(f"/v1/streams/{stream_id}/events").text
    pieces = http.get(f"/v1/streams/{stream_id}/pieces").json()
    assert told.count("event: piece") == len(pieces) > 1
    assert told.endswith("event: ended\ndata: {}\n\n")
    assert {each["status"] for each in pieces} == {"completed"}
    rest = http.get(f"/v1/streams/{stream_id}/events", headers={"Last-Event-ID": "0"}).text
    assert rest.count("event: piece") == len(pieces) - 1
    assert http.get(f"/v1/streams/{stream_id}/transcript?format=text").text.count("card number") == len(pieces)
    [listed] = http.get("/v1/streams").json()
    assert listed == http.get(f"/v1/streams/{stream_id}").json()
    assert (listed["name"], listed["external_id"], listed["pieces"]) == ("line 7", "7", len(pieces))


def test_another_tenant_and_who_may_not_write_are_kept_out(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    north, reader = door.key("north"), door.key("south", frozenset({Scope.READ}))
    stream_id = opened(door, door.key("south"))
    for key, status in ((north, 404), (reader, 403), (None, 401)):
        with pytest.raises(InvalidStatus) as refused, socket(door, stream_id, key):
            pass
        assert refused.value.response.status_code == status
        assert b'"code"' in refused.value.response.body
    with door.http(north) as http:
        assert http.get("/v1/streams").json() == []
        for path in ("", "/pieces", "/transcript", "/events"):
            answers = [http.get(f"/v1/streams/{each}{path}") for each in (stream_id, str(uuid4()), "x")]
            assert {each.status_code for each in answers} == {404}
            assert len({each.content for each in answers}) == 1
        assert http.post(f"/v1/streams/{stream_id}/end").status_code == 404
    with door.http(reader) as http:
        assert http.post("/v1/streams", json={}).status_code == 403
        assert http.post(f"/v1/streams/{stream_id}/end").status_code == 403


def test_a_page_of_another_site_can_send_nothing(door: Door) -> None:
    stream_id = opened(door)
    with pytest.raises(InvalidStatus) as refused, socket(door, stream_id, origin=Origin("https://evil.example")):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("{", "MALFORMED_BODY"),
        (b"\x00", "MALFORMED_BODY"),
        ("{}", "INVALID_REQUEST"),
        ('{"encoding": "gsm"}', "INVALID_REQUEST"),
        ('{"encoding": "mulaw", "channels": 9}', "INVALID_REQUEST"),
        ('{"encoding": "mulaw", "options": {"preprocess": {"min_speech_s": 9}}}', "INVALID_REQUEST"),
    ],
)
def test_a_beginning_that_is_wrong_is_told_so(door: Door, first: str | bytes, code: str) -> None:
    with socket(door, opened(door)) as connection:
        connection.send(first)
        told = json.loads(connection.recv(WAIT_S))
        assert told["code"] == code
        with pytest.raises(ConnectionClosed):
            connection.recv(WAIT_S)


def test_whose_call_was_taken_over_can_not_end_it(door: Door) -> None:
    # The first call of a process loads the detector of speech.
    with socket(door, opened(door)) as first:
        started(first)
        finish(first)
    stream_id = opened(door)
    with socket(door, stream_id) as old:
        started(old)
        with socket(door, stream_id) as new:
            at = started(new)
            # It has not heard yet that it was replaced.
            old.send(AUDIO[:CHUNK])
            old.send('{"type": "end"}')
            time.sleep(1.0)
            send(new, at, 3 * CHUNK)
            assert finish(new) == {"type": "ended", "offset": 3 * CHUNK}


def test_what_is_neither_audio_nor_the_end_is_refused(door: Door) -> None:
    with socket(door, opened(door)) as connection:
        started(connection)
        connection.send("?")
        assert json.loads(connection.recv(WAIT_S))["code"] == "MALFORMED_BODY"


def test_the_newest_connection_goes_on_with_a_call_and_only_with_the_same_options(door: Door) -> None:
    stream_id = opened(door)
    with socket(door, stream_id) as old:
        started(old)
        old.send(AUDIO[:CHUNK])
        with socket(door, stream_id) as other:
            other.send(json.dumps(START))
            assert json.loads(other.recv(WAIT_S))["code"] == "INVALID_REQUEST"
        with socket(door, stream_id) as new:
            assert started(new) in {0, CHUNK}
            with pytest.raises(ConnectionClosed) as closed:
                old.recv(WAIT_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001


def test_there_are_only_so_many_live_calls(open_door: DoorMaker) -> None:
    door = open_door(streams=2, tenant_streams=1, is_open=False)
    keys = [door.key(tenant) for tenant in ("north", "south", "west")]
    with socket(door, opened(door, keys[0]), keys[0]) as one, socket(door, opened(door, keys[1]), keys[1]) as two:
        started(one)
        for key, code in ((keys[0], "QUOTA_EXCEEDED"), (keys[2], "SYSTEM_FULL")):
            if code == "SYSTEM_FULL":
                started(two)
            with socket(door, opened(door, key), key) as refused:
                refused.send(json.dumps(START))
                assert json.loads(refused.recv(WAIT_S))["code"] == code


def test_a_call_can_be_ended_from_elsewhere(door: Door, http: httpx2.Client) -> None:
    live, idle = opened(door), opened(door)
    with socket(door, live) as connection:
        started(connection)
        assert http.post(f"/v1/streams/{live}/end").status_code == 200
        assert json.loads(connection.recv(WAIT_S))["type"] == "ended"
    assert http.post(f"/v1/streams/{idle}/end").json()["ended_at"] is not None
