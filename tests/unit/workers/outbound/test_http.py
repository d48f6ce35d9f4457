"""Fetching and posting against real servers: good ones, slow ones, broken ones and bad ones."""

import gzip
import socketserver
import ssl
import time
from collections.abc import Callable, Iterator

import pytest
import trustme

from tests.sinks import ADDRESS, Handler, Sink, raw_server, sink
from workers.errors import FetchAway, FetchFailed, FetchTimeout, TooLarge, UrlNotAllowed
from workers.outbound import Allowed, Limits, Outbound, Policy

LIMITS = Limits(max_bytes=100_000, total_s=5, idle_s=2)
Talk = Callable[[socketserver.StreamRequestHandler], None]
POLICY = Policy(Allowed.parse(f"{ADDRESS}/32"))
HASTE = Limits(max_bytes=1000, total_s=0.6, idle_s=0.3)


@pytest.fixture
def server() -> Iterator[Sink]:
    with sink() as made:
        yield made


def fetched(url: str, limits: Limits = LIMITS) -> bytes:
    with Outbound(POLICY).get(url, limits) as body:
        return b"".join(body)


def test_a_body_comes_in_pieces_with_its_headers(server: Sink) -> None:
    content = bytes(range(256)) * 300
    server.answer = lambda handler: handler.send(body=content, Content_Type="audio/x-wav")
    with Outbound(POLICY).get(server.url("/a%20call.wav?key=1#end"), LIMITS, {"Range": "bytes=0-"}) as body:
        pieces = list(body)
        assert body.headers["content-type"] == "audio/x-wav"
        assert body.url == server.url("/a%20call.wav?key=1#end")
    assert b"".join(pieces) == content
    assert len(pieces) > 1
    [came] = server.came
    assert (came.method, came.path) == ("GET", "/a%20call.wav?key=1")
    assert (came.headers["host"], came.headers["range"]) == (f"{ADDRESS}:{server.port}", "bytes=0-")


def test_a_post_brings_status_and_headers_and_sends_what_it_was_given(server: Sink) -> None:
    server.answer = lambda handler: handler.send(429, b"wait", Retry_After="17")
    answer = Outbound(POLICY).post(server.url("/hook"), b'{"a": 1}', {"content-type": "application/json"}, 5)
    assert (answer.status, answer.headers["retry-after"]) == (429, "17")
    [came] = server.came
    assert (came.method, came.body, came.headers["content-type"]) == ("POST", b'{"a": 1}', "application/json")


def test_a_post_follows_no_redirect(server: Sink) -> None:
    server.answer = lambda handler: handler.send(307, Location=server.url("/elsewhere"))
    assert Outbound(POLICY).post(server.url(), b"", {}, 5).status == 307
    assert len(server.came) == 1


def hops(server: Sink, number: int) -> None:
    def answer(handler: Handler) -> None:
        step = int(handler.path[1:])
        handler.send(302, Location=f"/{step + 1}") if step < number else handler.send(body=b"arrived")

    server.answer = answer


def test_redirects_are_followed_five_times_and_no_more(server: Sink) -> None:
    hops(server, 5)
    assert fetched(server.url("/0")) == b"arrived"
    hops(server, 10)
    with pytest.raises(UrlNotAllowed, match="5 times"):
        fetched(server.url("/0"))
    assert len(server.came) == 6 + 6


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "//127.0.0.1:{port}/",
        "http://u@{own}/",
    ],
)
def test_a_redirect_that_leads_inside_is_refused(server: Sink, location: str) -> None:
    with sink("127.0.0.1") as inside:
        told = location.format(port=inside.port, own=server.url().removeprefix("http://"))
        server.answer = lambda handler: handler.send(302, Location=told)
        with pytest.raises(UrlNotAllowed):
            fetched(server.url())
        assert inside.came == []


def test_headers_of_the_caller_stay_with_the_server_that_they_were_meant_for(server: Sink) -> None:
    key = {"Authorization": "Bearer secret"}
    with sink() as other:
        server.answer = lambda handler: handler.send(
            302, Location="/again" if handler.path == "/" else other.url("/there")
        )
        with Outbound(POLICY).get(server.url(), LIMITS, key) as body:
            assert body.url == other.url("/there")
        assert [came.headers.get("authorization") for came in (*server.came, *other.came)] == ["Bearer secret"] * 2 + [
            None
        ]


def test_a_redirect_to_nowhere_has_failed(server: Sink) -> None:
    server.answer = lambda handler: handler.send(302)
    with pytest.raises(FetchFailed, match="302"):
        fetched(server.url())


def test_a_body_that_says_it_is_too_large_is_not_read(server: Sink) -> None:
    server.answer = lambda handler: handler.send(body=b"x" * 1001)
    with pytest.raises(TooLarge, match="1001 bytes, 1000 are allowed"):
        fetched(server.url(), Limits(1000, 5))
    server.answer = lambda handler: handler.send(body=b"x" * 1000)
    assert len(fetched(server.url(), Limits(1000, 5))) == 1000


def endless(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        talk.wfile.write(b"x" * 10_000)


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off_at_the_limit() -> None:
    with raw_server(endless) as port, pytest.raises(TooLarge, match="more than 50000"):
        fetched(f"http://{ADDRESS}:{port}/", Limits(50_000, 5))


def test_a_compressed_body_is_unpacked_and_a_bomb_of_one_is_not(server: Sink) -> None:
    content = b"hello " * 1000
    server.answer = lambda handler: handler.send(body=gzip.compress(content), Content_Encoding="gzip")
    assert fetched(server.url()) == content
    bomb = gzip.compress(b"\0" * 50_000_000)
    server.answer = lambda handler: handler.send(body=bomb, Content_Encoding="gzip")
    with pytest.raises(TooLarge):
        fetched(server.url())
    server.answer = lambda handler: handler.send(body=bomb[:2000], Content_Encoding="gzip")
    with pytest.raises(FetchAway, match="breaks off"):
        fetched(server.url(), Limits(10**9, 5))


@pytest.mark.parametrize(("encoding", "body"), [("br", b"x"), ("gzip", b"not gzip at all")])
def test_what_can_not_be_unpacked_has_failed(server: Sink, encoding: str, body: bytes) -> None:
    server.answer = lambda handler: handler.send(body=body, Content_Encoding=encoding)
    with pytest.raises(FetchFailed):
        fetched(server.url())


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 410])
def test_an_answer_without_a_recording_is_final(server: Sink, status: int) -> None:
    server.answer = lambda handler: handler.send(status)
    with pytest.raises(FetchFailed, match=str(status)):
        fetched(server.url())


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_may_be_asked_again(server: Sink, status: int) -> None:
    server.answer = lambda handler: handler.send(status)
    with pytest.raises(FetchAway, match=str(status)) as caught:
        fetched(server.url())
    assert caught.value.retryable


def silent(_talk: socketserver.StreamRequestHandler) -> None:
    time.sleep(3)


def drip_header(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(talk)


def drip_body(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
    drip(talk)


def drip(talk: socketserver.StreamRequestHandler) -> None:
    for _ in range(100):
        talk.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("talk", [silent, drip_header, drip_body])
def test_a_server_that_keeps_one_waiting_is_given_up_in_time(talk: Talk) -> None:
    started_at = time.monotonic()
    with raw_server(talk) as port, pytest.raises(FetchTimeout) as caught:
        fetched(f"http://{ADDRESS}:{port}/", HASTE)
    assert time.monotonic() - started_at < 2
    assert caught.value.retryable


@pytest.mark.parametrize("talk", [silent, drip_header])
def test_a_receiver_that_hangs_is_given_up_in_time(talk: Talk) -> None:
    started_at = time.monotonic()
    with raw_server(talk) as port, pytest.raises(FetchTimeout):
        Outbound(POLICY).post(f"http://{ADDRESS}:{port}/", b"{}", {}, 0.5)
    assert time.monotonic() - started_at < 2


def test_a_receiver_has_answered_with_its_status_whatever_its_body_does() -> None:
    with raw_server(drip_body) as port:
        assert Outbound(POLICY).post(f"http://{ADDRESS}:{port}/", b"{}", {}, 0.5).status == 200


def break_off(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nonly this")


def babble(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"220 mail.example.com ESMTP\r\n")


def long_header(talk: socketserver.StreamRequestHandler) -> None:
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000)


@pytest.mark.parametrize("talk", [break_off, babble, long_header])
def test_a_server_that_does_not_speak_http_to_the_end_is_away(talk: Talk) -> None:
    with raw_server(talk) as port, pytest.raises(FetchAway):
        fetched(f"http://{ADDRESS}:{port}/")


def test_nobody_at_home_is_away() -> None:
    with sink() as gone:
        url = gone.url()
    with pytest.raises(FetchAway):
        fetched(url)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Sink]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example").configure_cert(context)
    with sink(tls=context) as made:
        yield made


def test_tls_is_checked_against_the_name_though_the_connection_goes_to_the_address(
    secure: Sink, authority: trustme.CA
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    policy = Policy(Allowed.parse(f"{ADDRESS}/32"), resolve=lambda _host, _port: [ADDRESS])
    assert Outbound(policy, tls=trusting).post(secure.url(host="hooks.example"), b"{}", {}, 5).status == 200
    assert secure.came[0].headers["host"] == f"hooks.example:{secure.port}"
    for host, outbound in (("other.example", Outbound(policy, tls=trusting)), ("hooks.example", Outbound(policy))):
        with pytest.raises(FetchAway):
            outbound.post(secure.url(host=host), b"{}", {}, 5)
    assert len(secure.came) == 1
