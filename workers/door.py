"""The socket of the HTTP door, and who may open one: nobody shows jobs to a network without asking for a key."""

import ipaddress
import socket

from workers.db.session import Database
from workers.errors import ConfigurationError
from workers.jobs.keys import ApiKeys

_BACKLOG = 1024


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach this address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_may_open(host: str, database: Database) -> None:
    """Return if a door at this address would not let in everyone.

    Raises:
        ConfigurationError: it would: other machines can reach it, and no key exists.
    """
    if not is_loopback(host) and not ApiKeys(database).exist():
        raise ConfigurationError(f"{host} can be reached from other machines: first make a key, voxqueue keys create")


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; connections wait in it until somebody serves.

    Raises:
        ConfigurationError: the address is not to be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address, family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigurationError(f"--host {host} --port {port}: {getattr(error, 'strerror', error)}") from error
    # Its connections inherit it. asyncio does not take a socket that was made like this for one of TCP, and the body of
    # an answer would wait 40 ms for the receiver to acknowledge the head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket) -> str:
    """The URL of what is served on this socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
