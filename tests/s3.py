"""An S3-compatible server in a process of its own, and a proxy before it that spoils answers."""

import http.client
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

Fault = Callable[["Door"], bool]
"""Spoils a request, or not: whether the proxy is done with it."""


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server without a bucket."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def make_bucket(server: str) -> str:
    name = f"calls-{uuid4().hex[:12]}"
    with urllib.request.urlopen(urllib.request.Request(f"{server}/{name}", method="PUT"), timeout=30):
        return name


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the S3 server did not start"
            time.sleep(0.05)
        else:
            return


class Proxy:
    """Stands before a server; each fault in `faults` spoils the next request of its method, once."""

    def __init__(self, server: str) -> None:
        self.server = server.removeprefix("http://")
        self.faults: dict[str, list[Fault]] = {}
        self.seen: list[str] = []
        self._door = ThreadingHTTPServer(("127.0.0.1", 0), type("ThisDoor", (Door,), {"proxy": self}))
        self.url = f"http://127.0.0.1:{self._door.server_port}"

    @contextmanager
    def open(self) -> Iterator["Proxy"]:
        thread = threading.Thread(target=self._door.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._door.shutdown()
            thread.join()
            self._door.server_close()


class Door(BaseHTTPRequestHandler):
    """Hands a request on, unless a fault says otherwise."""

    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def serve(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.proxy.seen.append(self.command)
        faults = self.proxy.faults.get(self.command, [])
        if faults and faults.pop(0)(self):
            return
        status, headers, body = self.forward()
        self.answer(status, body, headers)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve  # noqa: N815  # the names that the library asks for

    def forward(self) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.server, timeout=30)
        try:
            connection.request(self.command, self.path, self.body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        length = (headers or {}).get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_line: object) -> None:
        """Nobody reads it."""


def refuse(status: int) -> Fault:
    def fault(door: Door) -> bool:
        door.answer(status, b"<Error><Code>Refused</Code></Error>")
        return True

    return fault


def hang(seconds: float) -> Fault:
    def fault(door: Door) -> bool:
        time.sleep(seconds)
        door.close_connection = True
        return True

    return fault


def succeed_silently(door: Door) -> bool:
    """The request is done, and the answer is lost."""
    door.forward()
    door.close_connection = True
    return True
