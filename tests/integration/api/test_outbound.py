"""What leads inside, at each of the three doors that take an address: nothing gets out, and the code says why."""

import gzip
import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.errors import VoxqueueError
from pipeline.stages import Step
from tests.integration.api.conftest import Door, DoorMaker
from tests.integration.api.test_pulls import ended, pull
from tests.sinks import ADDRESS, Sink, raw_server, sink
from workers import sources
from workers.delivery import run_delivery
from workers.task import Hold
from workers.tasks.fetching import fetch

Knock = Callable[[Door, str], str]
"""Names an address at a door, and lets happen what follows; the code of the error, or the status of the answer."""


def by_link(door: Door, url: str) -> str:
    with door.http() as http:
        made = http.post("/v1/jobs", json={"audio_url": url})
    if made.status_code != 202:
        return str(made.json()["code"])
    lease = door.client.runtime.jobs.claim(Step.PREPROCESS, made.json()["id"], "worker")
    assert lease is not None
    try:
        with Hold(door.client.runtime, lease) as hold:
            fetch(door.client.runtime, hold)
    except VoxqueueError as error:
        return error.code
    return "200"


def by_webhook(door: Door, url: str) -> str:
    with door.http() as http:
        made = http.post("/v1/webhooks", json={"url": url})
        if made.status_code != 201:
            return str(made.json()["code"])
        delivery = http.post(f"/v1/webhooks/{made.json()['id']}/test").json()["id"]
    run_delivery(door.client.runtime, delivery)
    found = door.client.runtime.webhooks.delivery(delivery)
    return found.error_code or str(found.status)


def by_stream(door: Door, url: str) -> str:
    made = pull(door, url)
    return str(made.json()["code"] if made.status_code != 201 else ended(door, made)["error"])


DOORS = pytest.mark.parametrize("knock", [by_link, by_webhook, by_stream])
FETCHING = pytest.mark.parametrize("knock", [by_link, by_stream])


@pytest.fixture
def willing(open_door: DoorMaker, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.setattr(sources, "_LONGEST_PAUSE_S", 1.0)
    return open_door(
        fetch_urls=True, outbound_allow=ADDRESS, max_upload_bytes=100_000, fetch_timeout_s=1.0, webhook_timeout_s=0.5
    )


@pytest.fixture
def outside() -> Iterator[Sink]:
    with sink() as made:
        yield made


@pytest.fixture
def inside() -> Iterator[Sink]:
    with sink("127.0.0.1") as made:
        yield made
        assert made.came == []


@DOORS
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://0x7f.1:{port}/", "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "https://0x7f.1/", "https://[::ffff:127.0.0.1]/",
        "http://user@127.0.0.1:{port}/", "https://user@93.184.216.34/", "https://93.184.216.34:6379/",
        "https://169.254.169.254/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_an_address_inside_is_asked_by_no_door(willing: Door, inside: Sink, knock: Knock, url: str) -> None:
    assert knock(willing, url.format(port=inside.port)) == "URL_NOT_ALLOWED"


@FETCHING
def test_a_redirect_inside_or_one_after_another_leads_nowhere(
    willing: Door, inside: Sink, outside: Sink, knock: Knock
) -> None:
    for location, asked in ((f"http://127.0.0.1:{inside.port}/", 1), ("/again", 6)):
        outside.came.clear()
        outside.answer = lambda handler, to=location: handler.send(302, Location=to)  # type: ignore[misc]  # of the loop
        assert knock(willing, outside.url()) == "URL_NOT_ALLOWED"
        assert len(outside.came) == asked


def test_a_webhook_is_redirected_by_nobody(willing: Door, inside: Sink, outside: Sink) -> None:
    outside.answer = lambda handler: handler.send(307, Location=f"http://127.0.0.1:{inside.port}/")
    assert by_webhook(willing, outside.url()) == "HTTP_307"
    assert len(outside.came) == 1


@pytest.fixture
def turncoat(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that leads outside when it is first looked up, and inside from then on."""
    look_up, asked = socket.getaddrinfo, []

    def changing(host: Any, *wanted: Any, **how: Any) -> Any:
        if host == "rebind.example":
            asked.append(host)
            host = ADDRESS if len(asked) == 1 else "127.0.0.1"
        return look_up(host, *wanted, **how)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    return "rebind.example"


@FETCHING
def test_a_name_that_changes_its_mind_between_two_requests_is_checked_again(
    willing: Door, outside: Sink, turncoat: str, knock: Knock
) -> None:
    outside.answer = lambda handler: handler.send(302, Location="/again")
    assert knock(willing, outside.url(host=turncoat)) == "URL_NOT_ALLOWED"
    assert len(outside.came) == 1


def test_a_webhook_to_a_name_that_changed_its_mind_is_not_sent(willing: Door, outside: Sink, turncoat: str) -> None:
    codes = [by_webhook(willing, outside.url(path, host=turncoat)) for path in ("/once", "/twice")]
    assert codes == ["200", "URL_NOT_ALLOWED"]


def drip(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        talk.wfile.write(b"x")
        time.sleep(0.05)


@DOORS
def test_a_server_whose_answer_never_begins_is_given_up(willing: Door, knock: Knock) -> None:
    began_s = time.monotonic()
    with raw_server(drip) as port:
        assert knock(willing, f"http://{ADDRESS}:{port}/") == "FETCH_TIMEOUT"
    assert time.monotonic() - began_s < 10


def test_a_bomb_is_not_unpacked(willing: Door, outside: Sink) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    outside.answer = lambda handler: handler.send(body=bomb, Content_Encoding="gzip")
    assert by_link(willing, outside.url()) == "TOO_LARGE"
    assert by_webhook(willing, outside.url()) == "200"
