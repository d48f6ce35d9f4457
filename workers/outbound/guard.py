"""Connections to checked addresses only. The check is made where the connection is: there is nothing in between.

A check that looks a name up before somebody else looks it up again to connect can be fooled by a name that changes its
mind (DNS rebinding). Here a name is looked up once, every address that it has must be permitted, and the socket goes to
one of these very addresses, while TLS and the Host header keep the name.
"""

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import httpcore2
from httpx2 import URL, InvalidURL

from workers.errors import ConfigurationError, FetchAway, UrlNotAllowed
from workers.outbound.addresses import NOTHING, Address, Allowed, is_public, parse_address
from workers.settings import Settings

_LONGEST_URL = 2048
_LAST_PORT = 65535
_PORTS = {"https": 443, "http": 80}

Resolve = Callable[[str, int], Sequence[str]]
"""Looks a host up: all its addresses as texts; OSError where it has none."""


def system_resolve(host: str, port: int) -> Sequence[str]:
    """What this system's resolver says; also reads the odd notations of IPv4 (0x7f.1, 2130706433) as connect would."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Policy:
    """Where requests may go: https on port 443 of public hosts, with `plain` http on port 80 as well, and `allowed`."""

    allowed: Allowed = NOTHING
    plain: bool = False
    resolve: Resolve = system_resolve

    def check(self, text: str) -> URL:
        """The URL, if it may be asked for as far as one can tell without looking its host up.

        Raises:
            UrlNotAllowed: and why.
        """
        url = _parse(text)
        port = url.port or _PORTS[url.scheme]
        try:
            literal = parse_address(url.host)
        except ValueError:
            # A network of addresses was allowed: which names lie in it is known once they are looked up.
            if not self.allowed.networks:
                self.admit(url.scheme, url.host, port, ())
            return url
        self.admit(url.scheme, url.host, port, [literal])
        return url

    def addresses(self, scheme: str, host: str, port: int) -> list[str]:
        """The addresses of a host, each of which may be connected to.

        Raises:
            UrlNotAllowed: one of them may not.
            FetchAway: the host could not be looked up.
        """
        try:
            found = self.resolve(host.strip("[]"), port)
        except (OSError, UnicodeError) as error:
            raise FetchAway(f"{host} can't be looked up") from error
        if not found:
            raise FetchAway(f"{host} has no address")
        try:
            self.admit(scheme, host, port, [parse_address(each) for each in found])
        except UrlNotAllowed:
            raise
        except ValueError as error:
            raise UrlNotAllowed(f"{host} has an address that is none") from error
        return list(found)

    def admit(self, scheme: str, host: str, port: int, addresses: Iterable[Address]) -> None:
        """Raise UrlNotAllowed unless a connection to all of these `addresses` of `host` is permitted."""
        inside = list(addresses)
        if self.allowed.has_host(host) or (inside and all(map(self.allowed.has_address, inside))):
            return
        schemes = ("https", "http") if self.plain else ("https",)
        if scheme not in schemes:
            raise UrlNotAllowed(f"only {' and '.join(schemes)} is allowed")
        if port != _PORTS[scheme]:
            raise UrlNotAllowed(f"port {port} is not allowed")
        if not all(map(is_public, inside)):
            raise UrlNotAllowed(f"{host} is not on the public internet")


def policy_of(settings: Settings) -> Policy:
    """What these settings permit.

    Raises:
        ConfigurationError: VOXQUEUE_OUTBOUND_ALLOW can't be read.
    """
    try:
        return Policy(Allowed.parse(settings.outbound_allow), settings.outbound_http)
    except ValueError as error:
        raise ConfigurationError(f"VOXQUEUE_OUTBOUND_ALLOW: {error}") from error


def _parse(text: str) -> URL:
    if len(text) > _LONGEST_URL:
        raise UrlNotAllowed(f"it is longer than {_LONGEST_URL} characters")
    try:
        authority, url = urlsplit(text).netloc, URL(text)
    except (InvalidURL, ValueError, UnicodeError) as error:
        raise UrlNotAllowed("it is no URL") from error
    if url.scheme not in _PORTS:
        raise UrlNotAllowed("only http:// and https:// URLs can be fetched")
    if not url.host:
        raise UrlNotAllowed("it names no host")
    if url.userinfo or "@" in authority:
        raise UrlNotAllowed("it holds a user name or password")
    if url.port is not None and not 0 < url.port <= _LAST_PORT:
        raise UrlNotAllowed(f"there is no port {url.port}")
    return url


class Deadline:
    """A point in time after which every wait ends at once."""

    def __init__(self, total_s: float) -> None:
        self._at = time.monotonic() + total_s

    def extend(self, more_s: float) -> None:
        """Move it."""
        self._at += more_s

    def at_most(self, wait_s: float | None) -> float:
        """The wait, cut to what is left.

        Raises:
            httpcore2.ReadTimeout: nothing is left.
        """
        left_s = self._at - time.monotonic()
        if left_s <= 0:
            raise httpcore2.ReadTimeout("the time for the whole request is over")
        return left_s if wait_s is None else min(wait_s, left_s)


class PinnedBackend(httpcore2.NetworkBackend):
    """Connects for one request: only to addresses that the policy permits, and not beyond the deadline."""

    def __init__(self, policy: Policy, scheme: str, deadline: Deadline) -> None:
        self._policy = policy
        self._scheme = scheme
        self._deadline = deadline
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *local: Any, **options: Any
    ) -> httpcore2.NetworkStream:
        """Connect to the first permitted address that answers."""
        refused: Exception | None = None
        for address in self._policy.addresses(self._scheme, host, port):
            try:
                stream = self._sockets.connect_tcp(address, port, self._deadline.at_most(timeout), *local, **options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                refused = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise refused or httpcore2.ConnectError(host)


class _DeadlineStream(httpcore2.NetworkStream):
    """A connection on which no wait is longer than the deadline allows: drops of one byte a second do not extend it."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.at_most(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.at_most(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.at_most(timeout))
        return _DeadlineStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
