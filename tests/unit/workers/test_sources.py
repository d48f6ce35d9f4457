"""Recordings come from anywhere, are counted while they come, and are called by what they are called."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import EmptyUpload, InvalidOptions
from tests.sinks import ADDRESS, Handler, Sink, sink
from workers.client import Client
from workers.db import migrate
from workers.errors import FetchAway, FetchFailed, FileNotReadable, TooLarge, UrlNotAllowed
from workers.jobs import ArtifactRef
from workers.settings import Settings
from workers.sources import check_link, copy, is_link, is_remote, link_name, live, name_of, opened
from workers.storage import LocalStore

SETTINGS = Settings(outbound_allow=ADDRESS, max_upload_bytes=1000, fetch_urls=True)


@pytest.fixture
def server() -> Iterator[Sink]:
    with sink() as made:
        made.answer = lambda handler: handler.send(body=b"speech")
        yield made


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    values = {"outbound_allow": ADDRESS, "max_upload_bytes": 1000, "fetch_urls": True}
    broker = f"redis+socket://{tmp_path}/absent.sock"
    with Client(Settings(home=tmp_path, database_url="", broker_url=broker, **values)) as made:  # type: ignore[arg-type]
        migrate.upgrade(made.runtime.database)
        yield made


def kept_files(client: Client) -> list[Path]:
    return [path for path in client.settings.artifact_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("calls/one.wav", "one.wav"),
        (Path("/x/two.mp3"), "two.mp3"),
        (b"RIFF", "recording"),
        pytest.param(io.BytesIO(b"RIFF"), "recording", id="a file without a name"),
        ("https://host.example/a/three%20four.ogg?key=secret#t=1", "three four.ogg"),
        ("https://host.example/", "recording"),
        ("S3://bucket/2026/11/five.wav", "five.wav"),
        ("https://host.example/%00%FF.wav", "\ufffd.wav"),
    ],
    ids=str,
)
def test_a_recording_is_called_by_the_end_of_its_path(source: str | Path | bytes, name: str) -> None:
    assert name_of(source) == name


@pytest.mark.parametrize("text", ["http://a/b", "HTTPS://a", "s3://bucket/key"])
def test_an_address_is_no_file(text: str) -> None:
    assert is_remote(text)


@pytest.mark.parametrize("text", ["call.wav", "./https://a", "file:///etc/passwd", "ftp://a/b", "s3:bucket", "-", ""])
def test_what_is_no_address_that_is_known_is_a_file(text: str) -> None:
    assert not is_remote(text)


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(0, 500))
def test_pieces_are_copied_up_to_the_limit_and_not_a_byte_beyond(pieces: list[bytes], most: int) -> None:
    whole, file = b"".join(pieces), io.BytesIO()
    if not whole:
        with pytest.raises(EmptyUpload):
            copy(pieces, file, most)
    elif len(whole) > most:
        with pytest.raises(TooLarge, match=str(most)):
            copy(pieces, file, most)
    else:
        copy(pieces, file, most)
        assert file.getvalue() == whole
    assert len(file.getvalue()) <= most


def test_an_endless_source_is_broken_off_at_the_limit_and_leaves_nothing(client: Client) -> None:
    with Path("/dev/zero").open("rb") as endless, pytest.raises(TooLarge, match="VOXQUEUE_MAX_UPLOAD_BYTES"):
        client.enqueue(endless)
    assert kept_files(client) == []
    assert client.recent() == []


@pytest.mark.parametrize(("size", "is_taken"), [(999, True), (1000, True), (1001, False)])
def test_the_limit_holds_to_the_byte_for_every_kind_of_source(
    client: Client, tmp_path: Path, server: Sink, size: int, is_taken: bool
) -> None:
    content = bytes(size)
    (tmp_path / "call.raw").write_bytes(content)
    server.answer = lambda handler: handler.send(body=content)
    for source in (content, tmp_path / "call.raw", io.BytesIO(content), server.url("/call.raw")):
        if is_taken:
            assert client.enqueue(source).id
        else:
            with pytest.raises(TooLarge):
                client.enqueue(source)


def test_a_pipe_is_read_to_its_end(client: Client) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(b"speech")
    with os.fdopen(reading, "rb") as pipe:
        job = client.enqueue(pipe, file_name="stdin")
    assert job.file_name == "stdin"
    assert [path.read_bytes() for path in kept_files(client)] == [b"speech"]


def test_a_folder_and_a_missing_file_are_told_apart_from_a_full_disk(client: Client, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.wav"):
        with pytest.raises(FileNotReadable, match=path.name):
            client.enqueue(path)


def test_an_error_of_the_source_is_not_taken_for_one_of_the_store(tmp_path: Path) -> None:
    def write(_file: object) -> None:
        raise FileNotReadable("it went away")

    with pytest.raises(FileNotReadable, match="it went away"):
        LocalStore(tmp_path).put("job/source.0", write)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_url_is_fetched_at_once_by_whoever_passes_it_as_the_recording(client: Client, server: Sink) -> None:
    job = client.enqueue(server.url("/calls/nine.wav?token=secret"))
    assert job.file_name == "nine.wav"
    assert [path.read_bytes() for path in kept_files(client)] == [b"speech"]
    assert [came.path for came in server.came] == ["/calls/nine.wav?token=secret"]


def test_an_error_page_is_no_recording(server: Sink) -> None:
    server.answer = lambda handler: handler.send(404, b"<html>not here</html>")
    with pytest.raises(FetchFailed, match="404"), opened(server.url(), SETTINGS):
        pass


def test_a_body_shorter_than_its_header_says_is_no_recording(client: Client, server: Sink) -> None:
    def lie(handler: Handler) -> None:
        handler.send(body=b"half", Content_Length="900")

    server.answer = lie
    with pytest.raises(ConnectionError):
        client.enqueue(server.url())
    assert kept_files(client) == []


def test_a_link_is_kept_and_not_followed(client: Client, server: Sink) -> None:
    job = client.enqueue(url=server.url("/later.wav"))
    assert job.file_name == "later.wav"
    (kept,) = kept_files(client)
    assert kept.read_bytes().decode() == server.url("/later.wav")
    assert server.came == []


def test_the_same_link_under_the_same_key_is_the_same_job(client: Client, server: Sink) -> None:
    first, second = (client.enqueue(url=server.url("/a.wav"), idempotency_key="key") for _ in range(2))
    assert first.id == second.id
    assert len(kept_files(client)) == 1


def test_links_are_refused_unless_the_settings_allow_them(tmp_path: Path) -> None:
    with pytest.raises(UrlNotAllowed, match="VOXQUEUE_FETCH_URLS"):
        check_link("https://example.org/call.wav", Settings(home=tmp_path))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/call.wav",
        "https://[::ffff:127.0.0.1]/",
        "https://user@example.org/",
        "file:///etc/passwd",
        "s3://bucket/key",
        "",
    ],
)
def test_a_link_to_where_no_recording_of_a_stranger_is_is_refused_before_a_job_is_made(
    client: Client, url: str
) -> None:
    with pytest.raises(UrlNotAllowed):
        client.enqueue(url=url)
    assert client.recent() == []
    assert kept_files(client) == []


def test_a_recording_and_a_link_at_once_or_neither_is_a_mistake(client: Client) -> None:
    with pytest.raises(InvalidOptions, match="one of them"):
        client.enqueue()
    with pytest.raises(InvalidOptions, match="one of them"):
        client.enqueue(b"speech", url="https://example.org/")


def test_a_link_is_known_by_its_name() -> None:
    assert is_link(ArtifactRef(f"{link_name('job')}.abc", "abc", 3))
    assert not is_link(ArtifactRef("job/source.0.abc", "abc", 3))
    assert not is_link(ArtifactRef("link.0/source.0.abc", "abc", 3))


def test_whoever_types_the_address_of_a_stream_may_name_any_host_but_no_redirect_leads_elsewhere(
    tmp_path: Path, server: Sink
) -> None:
    alone = Settings(home=tmp_path)
    server.answer = lambda handler: handler.send(200, b"sound")
    with live(server.url("/7"), alone) as pieces:
        assert b"".join(pieces) == b"sound"
    server.answer = lambda handler: handler.send(302, Location="http://127.0.0.1:6379/")
    with pytest.raises(UrlNotAllowed), live(server.url("/7"), alone):
        pass


def test_what_came_before_a_stream_broke_off_is_told_with_what_it_broke_off_with(tmp_path: Path, server: Sink) -> None:
    def break_off(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "8")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    server.answer = break_off
    found = b""
    with live(server.url("/7"), Settings(home=tmp_path)) as pieces:
        found += next(pieces)
        # Here, where it can be caught by who reads: not when the connection is let go.
        with pytest.raises(FetchAway):
            next(pieces)
    assert found == b"half"
