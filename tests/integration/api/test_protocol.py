"""What comes over a connection and is no proper HTTP: refused before any route sees it, and not read for ever."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.integration.api.conftest import Door, DoorMaker

GET = b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n\r\n"


@pytest.fixture
def line(door: Door) -> Iterator[socket.socket]:
    with connected(door) as connection:
        yield connection


def connected(door: Door) -> socket.socket:
    parts = urlsplit(door.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def answered(connection: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/jobs HTTP/1.1" + END,
        GET + b"Host: other.example" + END,
        GET.replace(b"1.1", b"1.0") + b"Host: localhost" + END,
        GET + b"No colon" + END,
        GET + b"X: a\x00b" + END,
        GET.replace(b" HTTP", b" x HTTP") + b"\r\n",
        GET.replace(b"/v1/jobs", b"/\xff") + b"\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3" + END + b"{}",
        POST + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n0" + END,
        POST + b"Content-Length: -1" + END,
        POST + CHUNKED + b"\r\nx" + END,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
        b"CONNECT localhost:6379 HTTP/1.1\r\nHost: localhost" + END,
    ],
    ids=[
        "no host", "two hosts", "two hosts of old", "no colon", "a zero", "three parts", "no ASCII", "two lengths",
        "length and chunks", "less than nothing", "no length of a chunk", "TLS", "a proxy",
    ],
)  # fmt: skip
def test_what_is_no_proper_request_is_refused_and_hung_up_on(line: socket.socket, sent: bytes) -> None:
    line.sendall(sent)
    assert answered(line)[0] == 400
    assert line.recv(1) == b""


@pytest.mark.parametrize("start", [GET, GET + b"X: ", POST + CHUNKED + b"\r\n0\r\n", POST + CHUNKED + b"\r\n1;"])
@pytest.mark.parametrize("piece", [b"X: " + b"x" * 200 + b"\r\n", b"x" * 200])
def test_whoever_never_comes_to_the_body_is_hung_up_on(line: socket.socket, start: bytes, piece: bytes) -> None:
    line.sendall(start)
    sent = 0
    with suppress(ConnectionError):
        while sent < 2**24:
            line.sendall(piece)
            sent += len(piece)
    assert sent < 2**24


def test_a_long_head_that_is_whole_is_read(line: socket.socket) -> None:
    line.sendall(GET + b"".join(b"X-%d: %s\r\n" % (number, b"x" * 100) for number in range(300)) + b"\r\n")
    assert answered(line)[0] == 200


def test_what_follows_a_body_says_nothing_of_who_asks(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    key = door.key().encode()
    with closing(connected(door)) as line:
        line.sendall(POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer " + key + END)
        assert answered(line)[0] == 401


def test_requests_that_come_at_once_are_answered_in_order(line: socket.socket) -> None:
    line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"Connection: close" + END)
    came = b""
    while piece := line.recv(65536):
        came += piece
    assert came.count(b"HTTP/1.1 200 OK") == 2
    assert came.endswith(b'"next_cursor":null}')


@pytest.mark.parametrize("headers", [{"Origin": "http://["}, {"Host": "["}, {"Host": ""}])
def test_an_odd_place_is_a_foreign_one(http: httpx2.Client, headers: dict[str, str]) -> None:
    answer = http.get("/v1/jobs", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "FOREIGN_ORIGIN")
