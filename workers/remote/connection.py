"""How both clients send: addresses, patience, and what becomes of errors of HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from workers.errors import ServerAway
from workers.remote.wire import Reply, error_of

_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
RECONNECTS = 20
RECONNECT_S = 1.0


def arguments(url: str, key: str) -> dict[str, Any]:
    """What a client of httpx2 is made with."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": url.rstrip("/"), "headers": headers, "timeout": _TIMEOUT}


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise ServerAway for whatever keeps a request from being answered."""
    try:
        yield
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise ServerAway(f"{type(error).__name__}: {error}") from error


def since(after: int) -> dict[str, str]:
    """Headers that ask for events behind the one of this id."""
    return {"Last-Event-ID": str(after), "Accept": "text/event-stream"}


class AllHeardError(Exception):
    """The job has ended and everything was heard, which a stream that only breaks off does not say."""


def check_end(reply: Reply) -> None:
    """Raise what an answer without events means: AllHeardError, or what the server refused."""
    raise error_of(reply) if reply.status >= httpx2.codes.BAD_REQUEST else AllHeardError
