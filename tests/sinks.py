"""A real HTTP server on an address of the loopback network that answers as a test tells it, and remembers who came."""

import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Not 127.0.0.1: a test can permit this address and forbid that one.
ADDRESS = "127.0.0.2"


@dataclass(frozen=True)
class Came:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Sink:
    """Answers are given by `answer`: what a test put there is asked with each request's handler."""

    server: ThreadingHTTPServer
    answer: Callable[["Handler"], None]
    scheme: str = "http"
    came: list[Came] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def url(self, path: str = "/", host: str = "") -> str:
        return f"{self.scheme}://{host or str(self.server.server_address[0])}:{self.port}{path}"


class Handler(BaseHTTPRequestHandler):
    """What an `answer` works with: `send`, or the raw `wfile` for what no decent server does."""

    sink: Sink
    came: Came

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.came = Came(self.command, self.path, headers, self.rfile.read(length))
        self.sink.came.append(self.came)
        self.sink.answer(self)

    do_POST = do_GET  # noqa: N815  # the name that http.server calls

    def send(self, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_line: object) -> None:
        """Tests say what matters."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_request: object) -> None:
        """Clients of tests break off."""


@contextmanager
def sink(address: str = ADDRESS, tls: ssl.SSLContext | None = None) -> Iterator[Sink]:
    """A running sink that answers 200 and nothing else until it is told otherwise."""
    server = _Quiet((address, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    made = Sink(server, lambda handler: handler.send(), "https" if tls else "http")
    server.RequestHandlerClass = type("_Handler", (Handler,), {"sink": made})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def raw_server(talk: Callable[[socketserver.StreamRequestHandler], None]) -> Iterator[int]:
    """A server of `talk` alone, below HTTP; its port."""

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.connection.recv(65536)
            talk(self)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_request: object) -> None:
            """Clients of tests break off."""

    with Server((ADDRESS, 0), Talk) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()
