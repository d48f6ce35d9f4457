"""Live calls that the server fetches itself: each once and in order, to their end, and from nowhere forbidden."""

import json
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from tests.integration.api.conftest import WAIT_S, Door, DoorMaker
from tests.integration.api.test_streams import AUDIO, QUICK, START, eventually, socket
from tests.sinks import ADDRESS, Handler, Sink, sink
from tests.unit.workers.test_rtp import free_port

LINE = {"encoding": "mulaw", "channels": 2, "roles": ["agent", "customer"], **QUICK}
SECOND = 16_000


@pytest.fixture
def server() -> Iterator[Sink]:
    with sink() as made:
        yield made


@pytest.fixture
def fetching(open_door: DoorMaker) -> Door:
    return open_door(fetch_urls=True, outbound_allow=ADDRESS)


def pull(door: Door, url: str, **wanted: Any) -> httpx2.Response:
    with door.http() as http:
        return http.post("/v1/streams", json={"url": url, "name": "line 7", **LINE, **wanted})


def ended(door: Door, answer: httpx2.Response) -> dict[str, Any]:
    """The session once it has ended."""
    assert answer.status_code == 201, answer.text
    with door.http() as http:
        path = answer.headers["Location"]
        eventually(lambda: http.get(path).json()["ended_at"] is not None)
        return dict(http.get(path).json())


def play(handler: Handler, content: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    for start in range(0, len(content), SECOND):
        handler.wfile.write(content[start : start + SECOND])
        handler.wfile.flush()


def test_a_call_is_fetched_to_its_end_and_its_pieces_follow_each_other(fetching: Door, server: Sink) -> None:
    server.answer = lambda handler: play(handler, AUDIO)
    session = ended(fetching, pull(fetching, server.url("/line7")))
    assert (session["name"], session["error"]) == ("line 7", None)
    assert session["duration_s"] == pytest.approx(len(AUDIO) / SECOND, abs=0.1)
    pieces = fetching.client.sessions.pieces(session["id"])
    assert [each.position for each in pieces] == list(range(session["pieces"]))
    assert all(before.start_s < after.start_s <= before.end_s for before, after in pairwise(pieces))
    job = fetching.client.runtime.jobs.status(pieces[0].job_id)
    assert job.file_name == "00000.wav"


def test_a_server_that_breaks_off_is_asked_again_and_the_call_goes_on(fetching: Door, server: Sink) -> None:
    half = len(AUDIO) // 2

    def answer(handler: Handler) -> None:
        if len(server.came) == 1:
            play(handler, AUDIO[:half], len(AUDIO))
            handler.close_connection = True
        else:
            play(handler, AUDIO[half:])

    server.answer = answer
    session = ended(fetching, pull(fetching, server.url("/line7")))
    assert len(server.came) == 2
    assert session["error"] is None
    assert session["duration_s"] == pytest.approx(len(AUDIO) / SECOND, abs=0.1)


def test_what_is_no_sound_ends_with_its_code(fetching: Door, server: Sink) -> None:
    server.answer = lambda handler: play(handler, b"<!DOCTYPE html>" * 9999)
    session = ended(fetching, pull(fetching, server.url("/line7"), encoding=None, channels=None, roles=[]))
    assert (session["error"], session["pieces"]) == ("UNRECOGNISED_FORMAT", 0)
    assert fetching.client.sessions.status(session["id"]).error_code == "UNRECOGNISED_FORMAT"


def test_a_call_that_goes_on_for_ever_can_be_ended_and_nobody_else_may_send_it(fetching: Door, server: Sink) -> None:
    stop = threading.Event()

    def play_on(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.02):
            handler.wfile.write(AUDIO[: SECOND // 10])

    server.answer = play_on
    try:
        answer = pull(fetching, server.url("/line7"))
        with socket(fetching, answer.json()["id"]) as connection:
            connection.send(json.dumps(START))
            assert json.loads(connection.recv(WAIT_S))["code"] == "INVALID_REQUEST"
        with fetching.http() as http:
            assert http.post(f"{answer.headers['Location']}/end").status_code == 200
        assert ended(fetching, answer)["error"] is None
    finally:
        stop.set()


def test_an_address_where_nobody_is_opens_nothing(fetching: Door) -> None:
    refused = pull(fetching, f"http://{ADDRESS}:{free_port()}/line7")
    assert (refused.status_code, refused.json()["code"]) == (422, "FETCH_AWAY")
    assert fetching.client.sessions.recent() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:6379/",
        "https://169.254.169.254/latest/",
        "rtsp://127.0.0.1/7",
        "rtsp://pbx.example/7",
        "rtp://0.0.0.0:5004",
        "file:///etc/passwd",
        "-",
    ],
)
def test_where_nothing_may_be_fetched_nothing_is_asked(fetching: Door, url: str) -> None:
    began_s = time.monotonic()
    refused = pull(fetching, url)
    assert (refused.status_code, refused.json()["code"]) == (422, "URL_NOT_ALLOWED")
    assert time.monotonic() - began_s < WAIT_S


def test_nothing_is_fetched_unless_the_settings_say_so(open_door: DoorMaker, server: Sink) -> None:
    refused = pull(open_door(outbound_allow=ADDRESS), server.url("/line7"))
    assert (refused.status_code, refused.json()["code"]) == (422, "URL_NOT_ALLOWED")
    assert server.came == []


def test_packets_are_awaited_where_the_settings_name_the_address(open_door: DoorMaker) -> None:
    door, port = open_door(fetch_urls=True, outbound_allow="127.0.0.0/8"), free_port()
    answer = pull(door, f"rtp://127.0.0.1:{port}", encoding=None, channels=None, roles=[])
    assert answer.status_code == 201
    with door.http() as http:
        assert http.post(f"{answer.headers['Location']}/end").status_code == 200


def test_calls_that_are_fetched_count_as_live_calls(open_door: DoorMaker, server: Sink) -> None:
    door = open_door(fetch_urls=True, outbound_allow=ADDRESS, streams=0)
    refused = pull(door, server.url("/line7"))
    assert (refused.status_code, refused.json()["code"]) == (503, "SYSTEM_FULL")
    assert server.came == []


def test_what_the_audio_is_stands_beside_an_address_only(http: httpx2.Client) -> None:
    refused = http.post("/v1/streams", json={"encoding": "mulaw"})
    assert refused.status_code == 422
