"""A whole Voxqueue in processes of its own: PostgreSQL, broker behind a proxy, workers, dispatchers."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.faults import stub
from tests.faults.processes import Supervised, Supervisor
from tests.faults.proxy import Proxy
from tests.faults.servers import Broker, Postgres, broker_programs, postgres
from workers.client import Client
from workers.db.migrate import upgrade
from workers.settings import Settings

_LEAST_FREE_BYTES = 2 << 30
ON_CPU = "preprocess,features,decode,format,deliver"
QUICK: Mapping[str, object] = {
    "lease_s": 3.0,
    "heartbeat_s": 0.5,
    "reap_s": 0.3,
    "republish_s": 3.0,
    "retry_base_s": 0.1,
    "broker_timeout_s": 1.0,
}
# Where only the lease tells that a worker died.
ELSEWHERE = {"VOXQUEUE_FAULTS_ELSEWHERE": "elsewhere:1"}


@dataclass(frozen=True)
class Servers:
    """What a cluster stands on; `folder` is for its files."""

    folder: Path
    postgres: Postgres
    broker: Broker
    proxy: Proxy


@dataclass(frozen=True)
class Cluster:
    """Everything that a nemesis can get hold of."""

    home: Path
    settings: Settings
    postgres: Postgres
    broker: Broker
    proxy: Proxy
    processes: Supervisor

    @property
    def workers(self) -> list[Supervised]:
        """The workers, dispatchers not among them."""
        return [each for each in self.processes.wanted if each.arguments[0] == "worker"]

    @property
    def dispatchers(self) -> list[Supervised]:
        """The dispatchers."""
        return [each for each in self.processes.wanted if each.arguments[0] == "dispatch"]

    def logged(self, text: str) -> int:
        """How often a line with `text` stands in the logs of all processes."""
        logs = (path.read_text(encoding="utf-8", errors="replace") for path in (self.home / "log").iterdir())
        return sum(log.count(text) for log in logs)


def full_strength() -> list[Supervised]:
    """Two workers of each kind, one of them elsewhere, and two dispatchers."""
    return [
        Supervised("cpu-1", ["worker", ON_CPU, "2"]),
        Supervised("cpu-2", ["worker", ON_CPU, "2"], ELSEWHERE),
        Supervised("inference-1", ["worker", "inference", "1"]),
        Supervised("inference-2", ["worker", "inference", "1"], ELSEWHERE),
        Supervised("dispatch-1", ["dispatch"]),
        Supervised("dispatch-2", ["dispatch"]),
    ]


@contextmanager
def servers(seed: int = 0) -> Iterator[Servers]:
    """A PostgreSQL, a broker, and a proxy before it, that several clusters may use one after another.

    The seed says whether Valkey or Redis is the first broker.
    """
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="vq-", dir=_in_memory(), ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made))
        server = stack.enter_context(postgres(folder / "postgres"))
        programs = broker_programs()
        first = seed % len(programs)
        broker = Broker(folder / "broker", [*programs[first:], *programs[:first]])
        stack.callback(broker.kill)
        broker.start()
        yield Servers(folder, server, broker, stack.enter_context(Proxy(broker.port)))


@contextmanager
def cluster(
    given: Servers, wanted: Sequence[Supervised], pretend: Mapping[str, str] | None = None, **settings: object
) -> Iterator[Cluster]:
    """Run the `wanted` processes with these settings, on a database of their own; they end with the context.

    `pretend` are the variables of `entry` for all of them.
    """
    name = f"voxqueue_{uuid4().hex[:8]}"
    folder = given.folder / name
    with given.broker.client() as client:
        client.flushall()
    chosen = Settings(
        **{  # type: ignore[arg-type]  # pydantic checks the types
            **QUICK,
            "home": folder / "home",
            "database_url": given.postgres.make_database(name),
            "broker_url": f"redis://127.0.0.1:{given.proxy.port}/0",
            "model": str(stub.make_folder(folder / "model")),
            **settings,
        }
    )
    with Client(chosen) as door:
        upgrade(door.runtime.database)
    values = chosen.model_dump(exclude_none=True).items()
    environment = {f"VOXQUEUE_{key.upper()}": str(value) for key, value in values}
    processes = Supervisor(wanted, {**environment, **(pretend or {})}, folder / "log")
    processes.start()
    try:
        yield Cluster(folder, chosen, given.postgres, given.broker, given.proxy, processes)
    finally:
        processes.stop()


def _in_memory() -> str | None:
    """Where files cost no wait for a disk, if there is room; else the usual place."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _LEAST_FREE_BYTES else None
