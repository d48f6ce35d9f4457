"""Uploads of every shape that a stranger may send: taken whole, or refused with nothing left behind."""

import http.client
import json
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.integration.api.conftest import Door, DoorMaker

LIMIT = 100_000
BOUNDARY = b"frontier"
HEAD = b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="call.wav"\r\n\r\n'
TAIL = b"\r\n--frontier--\r\n"
FORM = "multipart/form-data; boundary=frontier"


@pytest.fixture
def small(open_door: DoorMaker) -> Door:
    return open_door(max_upload_bytes=LIMIT, upload_stall_s=1)


def kept_files(door: Door) -> list[Path]:
    root = Path(door.client.settings.artifacts or door.client.settings.home_path / "artifacts")
    return [path for path in root.rglob("*") if path.is_file()]


def unnamed_files() -> int:
    """How many files without a name this process, in which the server runs, holds open."""
    links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum(link.endswith("(deleted)") and tempfile.gettempdir() in link for link in links)


def post(door: Door, body: bytes, **headers: str) -> httpx2.Response:
    with door.http() as client:
        return client.post("/v1/jobs", content=body, headers={"Content-Type": FORM, **headers})


def raw(door: Door, head: bytes, *chunks: bytes, pause_s: float = 0.0, half_close: bool = False) -> bytes:
    """Send bytes as they are, and return what comes back until the server hangs up or says it all."""
    parts = urlsplit(door.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as connection:
        connection.sendall(head)
        for chunk in chunks:
            time.sleep(pause_s)
            connection.sendall(chunk)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return f"{answer.status} ".encode() + answer.read()


def test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(small: Door) -> None:
    job = small.submit(content=b"x" * LIMIT)
    assert [path.stat().st_size for path in kept_files(small)] == [LIMIT]
    for size in (LIMIT + 1, 5 * LIMIT, 40 * LIMIT):
        refused = post(small, HEAD + b"x" * size + TAIL)
        assert (refused.status_code, refused.json()["code"]) == (413, "TOO_LARGE")
    assert len(kept_files(small)) == 1
    assert job["status"] == "queued"


def test_an_endless_body_without_a_length_is_refused_while_it_comes(small: Door) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        yield HEAD
        while True:
            sent += 10_000
            yield b"x" * 10_000

    with small.http() as client, suppress(httpx2.WriteError, httpx2.RemoteProtocolError):
        # A client that never looks while it sends may find the connection closed instead of the answer.
        assert client.post("/v1/jobs", content=endless(), headers={"Content-Type": FORM}).status_code == 413
    assert sent < 10**9
    assert kept_files(small) == []


def test_a_length_that_lies_changes_nothing(small: Door) -> None:
    body = HEAD + b"x" * 1000 + TAIL
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: "
    short = raw(small, f"{head}{len(body) - 500}\r\n\r\n".encode(), body)
    assert short.startswith(b"400 ")
    huge = raw(small, f"{head}{10**15}\r\n\r\n".encode(), body)
    assert huge.startswith(b"413 ")
    assert kept_files(small) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "MALFORMED_BODY"),
        (HEAD + b"x" * 100, 400, "MALFORMED_BODY"),
        (HEAD + TAIL, 400, "EMPTY_UPLOAD"),
        (b"--frontier--\r\n", 422, "INVALID_REQUEST"),
        (HEAD + b"x\r\n" + HEAD + b"y" + TAIL, 400, "MALFORMED_BODY"),
        (b"not a form at all", 400, "MALFORMED_BODY"),
        (HEAD.replace(b'"file"', b'"fil"') + b"x" + TAIL, 422, "INVALID_REQUEST"),
        (HEAD.replace(b'"file"; filename="call.wav"', b'"config"') + b"\xff" + TAIL, 400, "MALFORMED_BODY"),
        (HEAD.replace(b'"file"', b'"config"') + b"{" + TAIL, 400, "MALFORMED_BODY"),
        (HEAD.replace(b'"file"', b'"config"') + b"{}" + TAIL, 422, "INVALID_REQUEST"),
        (HEAD[:-4] + b"\r\nX: " + b"y" * 10_000 + b"\r\n\r\nx" + TAIL, 400, "MALFORMED_BODY"),
        ((HEAD.replace(b'"file"', b'"a[]"') + b"x\r\n") * 300 + TAIL, 400, "MALFORMED_BODY"),
        (HEAD.replace(b'"file"', b'"config"') + b" " * 2**20 + b" " + TAIL, 413, "TOO_LARGE"),
    ],
    ids=[
        "nothing", "no end", "empty file", "no part", "file twice", "no form", "unknown part", "no UTF-8",
        "no JSON", "no file", "long header", "too many parts", "long config",
    ],
)  # fmt: skip
def test_a_damaged_form_is_refused_and_nothing_is_kept(small: Door, body: bytes, status: int, code: str) -> None:
    before = unnamed_files()
    refused = post(small, body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert kept_files(small) == []
    assert unnamed_files() == before
    with small.http() as client:
        assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=frontier"])
def test_another_type_of_body_is_refused(small: Door, kind: str) -> None:
    refused = post(small, HEAD + b"x" + TAIL, **{"Content-Type": kind})
    assert (refused.status_code, refused.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_boundary_that_is_too_long_is_refused(small: Door) -> None:
    refused = post(small, b"x", **{"Content-Type": f"multipart/form-data; boundary={'b' * 5000}"})
    assert refused.status_code == 400


def test_a_sender_who_dawdles_is_given_up(small: Door) -> None:
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: 5000\r\n\r\n".encode()
    before = unnamed_files()
    started = time.monotonic()
    answer = raw(small, head, HEAD, *[b"x"] * 5, pause_s=0.25)
    assert answer.startswith(b"408 ")
    assert json.loads(answer.partition(b" ")[2])["code"] == "UPLOAD_STALLED"
    assert time.monotonic() - started < 15
    assert unnamed_files() == before
    assert kept_files(small) == []


def test_a_sender_who_leaves_leaves_nothing_behind(small: Door) -> None:
    parts = urlsplit(small.url)
    before = unnamed_files()
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: 50000\r\n\r\n".encode()
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        connection.sendall(head + HEAD + b"x" * 20_000)
    deadline = time.monotonic() + 10
    while unnamed_files() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert unnamed_files() == before
    assert kept_files(small) == []
    assert small.submit()["status"] == "queued"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\calls\\call.wav", "call.wav"),
        (";rm -rf .wav", ";rm -rf .wav"),
        ("-i", "-i"),
        ("\u202egnp.wav", "\u202egnp.wav"),
        ("caf\u00e9 \u540d.wav", "caf\u00e9 \u540d.wav"),
        ("x" * 3000, "x" * 255),
        ("", "recording"),
    ],
)
def test_a_file_name_is_data_and_never_a_path(small: Door, sent: str, kept: str) -> None:
    head = HEAD.replace(b"call.wav", sent.encode().replace(b"\\", b"\\\\"))
    job = post(small, head + b"x" + TAIL).json()
    assert job["file_name"] == kept
    assert [path.parent.name for path in kept_files(small)] == [job["id"]]
