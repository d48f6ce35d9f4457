"""Fetch a recording, post a webhook: HTTP/1.1 through the guard, with limits on size and time."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ssl import SSLContext

import httpcore2
from httpx2 import URL

from workers.errors import FetchAway, FetchFailed, FetchTimeout, TooLarge, UrlNotAllowed
from workers.outbound.guard import Deadline, PinnedBackend, Policy

_USER_AGENT = "voxqueue"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The server may well answer in another way later.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PIECE_BYTES = 64 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Limits:
    """What a fetch may cost: bytes after decompression, seconds in all and in silence, and redirects followed.

    What goes on for ever has its time until the body begins, `head_s`, apart.
    """

    max_bytes: int
    total_s: float
    idle_s: float = 10.0
    redirects: int = 5
    head_s: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a server said to a POST; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


class Body:
    """What a URL holds, in pieces as they arrive; `url` is where it was found after redirects."""

    def __init__(self, url: str, headers: Mapping[str, str], pieces: Iterator[bytes]) -> None:
        self.url = url
        self.headers = headers
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


class Outbound:
    """A door to the internet that opens only where the policy permits; safe for many threads, holds no connection."""

    def __init__(self, policy: Policy, *, tls: SSLContext | None = None) -> None:
        self.policy = policy
        self._tls = tls

    @contextmanager
    def get(self, url: str, limits: Limits, headers: Mapping[str, str] | None = None) -> Iterator[Body]:
        """Fetch `url`, following redirects, each checked as the first; the body is read while it is used.

        Raises:
            UrlNotAllowed: it, or where it leads, may not be fetched.
            FetchTimeout, FetchAway: the server did not answer in time, or not at all.
            FetchFailed: the server answered, but not with a recording.
            TooLarge: more than `max_bytes`, as the body itself shows or its header says.
        """
        first_s = limits.total_s if limits.head_s is None else limits.head_s
        deadline = Deadline(first_s)
        own = dict(headers or {})
        with _plain_errors(), ExitStack() as hop:
            for _hop in range(limits.redirects + 1):
                checked = self.policy.check(url)
                asked = {**own, "Accept-Encoding": "gzip, identity"}
                answer = hop.enter_context(self._send("GET", checked, asked, b"", (deadline, limits.idle_s)))
                if answer.status not in _REDIRECTS:
                    deadline.extend(limits.total_s - first_s)
                    yield _body(checked, answer, limits)
                    return
                url = _target(checked, answer)
                # What a caller says to one server, a key perhaps, is not for another.
                own = own if _origin(URL(url)) == _origin(checked) else {}
                hop.close()
        raise UrlNotAllowed(f"it redirects more than {limits.redirects} times")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """Send `body`; whatever the server answers comes back, redirects too, which are not followed.

        Raises:
            UrlNotAllowed: it may not be sent there.
            FetchTimeout, FetchAway: the server did not answer in time, or not at all; it may have got the body.
        """
        checked = self.policy.check(url)
        with _plain_errors(), self._send("POST", checked, headers, body, (Deadline(timeout_s), timeout_s)) as answer:
            return Answer(answer.status, _headers_of(answer))

    @contextmanager
    def _send(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes, waits: tuple[Deadline, float]
    ) -> Iterator[httpcore2.Response]:
        deadline, idle_s = waits
        sent = {"Host": url.netloc.decode("ascii"), "User-Agent": _USER_AGENT, "Connection": "close", **headers}
        backend = PinnedBackend(self.policy, url.scheme, deadline)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), idle_s)
        target = httpcore2.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path.partition(b"#")[0]
        )
        with (
            httpcore2.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
            pool.stream(
                method, target, headers=list(sent.items()), content=body, extensions={"timeout": timeouts}
            ) as answer,
        ):
            yield answer


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise FetchTimeout(str(error)) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise FetchAway(type(error).__name__) from error


def _headers_of(answer: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _target(url: URL, answer: httpcore2.Response) -> str:
    location = _headers_of(answer).get("location")
    if not location:
        raise FetchFailed(f"it answered {answer.status} without saying where to go")
    try:
        return str(url.join(location))
    except ValueError as error:
        raise UrlNotAllowed("it redirects to what is no URL") from error


def _body(url: URL, answer: httpcore2.Response, limits: Limits) -> Body:
    headers = _headers_of(answer)
    if answer.status in _PASSING:
        raise FetchAway(f"it answered {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise FetchFailed(f"it answered {answer.status}")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.max_bytes:
        raise TooLarge(f"{length} bytes, {limits.max_bytes} are allowed")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise FetchFailed(f"it is encoded as {encoding[:40]}")
    pieces = _arriving(answer)
    unpacked = _unpacked(pieces) if encoding.endswith("gzip") else pieces
    return Body(str(url), headers, _counted(unpacked, limits.max_bytes))


def _arriving(answer: httpcore2.Response) -> Iterator[bytes]:
    # Whoever keeps what came before an error must know it when it is raised, not when the connection is left.
    with _plain_errors():
        yield from answer.iter_stream()


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    for piece in pieces:
        rest = piece
        # A thousand bytes can hold a million: never more than a piece of them at once.
        while rest and not inflater.eof:
            yield _inflated(inflater, rest)
            rest = inflater.unconsumed_tail
    if not inflater.eof:
        raise FetchAway("the compressed body breaks off")


def _inflated(inflater: "zlib._Decompress", data: bytes) -> bytes:
    try:
        return inflater.decompress(data, _PIECE_BYTES)
    except zlib.error as error:
        raise FetchFailed("its compressed body is damaged") from error


def _counted(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    passed = 0
    for piece in pieces:
        passed += len(piece)
        if passed > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes")
        yield piece
