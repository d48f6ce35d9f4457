"""Chooses faults by a seed, brings them about, and takes back those that last. The same seed makes the same choices."""

import heapq
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from uuid import uuid4

import psutil
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from pipeline.errors import TransientError
from pipeline.stages import STEPS
from tests.faults import garbage
from tests.faults.cluster import Cluster
from tests.faults.processes import Supervised, send
from tests.faults.recovery import Happened, Kill
from workers.client import Client
from workers.errors import BrokerAway
from workers.failpoints import switch

Undo = Callable[[], None]
_PAUSE_S = (0.5, 3.5)


@dataclass
class Nemesis:
    """Acts on one cluster until it is told to stop; `taken` is where it finds ids of jobs, which grow meanwhile.

    Between two faults pass 2 s in the mean, times `pace`: a busy machine needs longer to start what was killed.
    """

    cluster: Cluster
    client: Client
    taken: dict[str, int]
    seed: int
    pace: float = 1.0
    happened: list[Happened] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._undo: list[tuple[float, int, Happened, Undo]] = []
        self._order = count()
        self._started_at = time.time()
        self._current = Happened(self._started_at, "")

    def run(self, duration_s: float, only: tuple[str, ...] = ()) -> None:
        """Bring about faults (of these names, or of all) for so long, then take back what lasts."""
        self._started_at = time.time()
        until = time.monotonic() + duration_s
        names = [name for name in FAULTS if not only or name in only]
        while time.monotonic() < until:
            name = self._random.choices(names, [FAULTS[each][0] for each in names])[0]
            self.bring_about(name)
            self._wait(self.pace * self._random.uniform(*_PAUSE_S))
        while self._undo:
            self._take_back()

    def bring_about(self, name: str) -> None:
        """One fault now, unless one of its kind lasts still; errors of servers that are down are part of the game."""
        if any(pending.name == name for _, _, pending, _ in self._undo):
            return
        self._current = Happened(self._started_at, name)
        with suppress(RedisError, BrokerAway, OperationalError, OSError, psutil.NoSuchProcess):
            self._current.detail = FAULTS[name][1](self)
        self.happened.append(self._current)

    @property
    def counts(self) -> Counter[str]:
        """How often each fault was brought about."""
        return Counter(each.name for each in self.happened)

    def later(self, after_s: float, undo: Undo) -> None:
        """Take the fault that is brought about now back after so long."""
        heapq.heappush(self._undo, (time.monotonic() + after_s, next(self._order), self._current, undo))

    def _take_back(self) -> None:
        _, _, happened, undo = heapq.heappop(self._undo)
        undo()
        happened.ended_at = time.time()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            while self._undo and self._undo[0][0] <= now:
                self._take_back()
            time.sleep(0.05)

    def kill_child(self) -> str:
        children = [(worker, each) for worker in self.cluster.workers for each in worker.family()[1:]]
        if not children:
            return "no worker has one"
        busy = self._busy()
        worker, child = self._random.choice([pair for pair in children if pair[1].pid in busy] or children)
        return self._kill("child", worker, [child])

    def kill_main(self) -> str:
        workers, busy = self.cluster.workers, self._busy()
        at_work = [worker for worker in workers if busy & {each.pid for each in worker.family()}]
        worker = self._random.choice(at_work or workers)
        return self._kill("main", worker, worker.family())

    def _busy(self) -> set[int]:
        """Processes that hold a step, if the database says so: a kill that hits none proves little."""
        with suppress(TransientError):
            return {int(name.rpartition(":")[2]) for name in self.client.runtime.jobs.holders()}
        return set()

    def _kill(self, what: str, worker: Supervised, doomed: list[psutil.Process]) -> str:
        # The children of a main process are tied to it; only the first is killed here.
        at = time.time()
        for process in doomed[:1]:
            send(process, signal.SIGKILL)
        self.kills += [Kill(what, process.pid, at) for process in doomed]
        return f"{worker.name} {[process.pid for process in doomed]}"

    def stop_worker(self) -> str:
        worker = self._random.choice(self.cluster.workers)
        stopped = worker.family()
        for process in stopped:
            send(process, signal.SIGSTOP)
        seconds = self.cluster.settings.lease_s * self._random.uniform(0.5, 2.5)
        self.later(seconds, partial(_wake, stopped))
        return f"{worker.name} for {seconds:.1f} s"

    def kill_dispatcher(self) -> str:
        dispatcher = self._random.choice(self.cluster.dispatchers)
        for process in dispatcher.family():
            send(process, signal.SIGKILL)
        return dispatcher.name

    def kill_broker(self) -> str:
        seconds = self._random.choice([0.0, 0.0, 2.0, 6.0])
        self.cluster.broker.kill()
        self.later(seconds, self.cluster.broker.start)
        return f"down for {seconds} s"

    def flush_broker(self) -> str:
        with self.cluster.broker.client() as client:
            client.flushall()
        return "emptied"

    def cut_connections(self) -> str:
        with self.cluster.broker.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        return "by CLIENT KILL"

    def black_hole(self) -> str:
        seconds = self._random.uniform(1.0, 8.0)
        self.cluster.proxy.silence()
        self.later(seconds, self.cluster.proxy.speak)
        return f"silent for {seconds:.1f} s"

    def starve_broker(self) -> str:
        seconds = self._random.uniform(1.0, 5.0)
        self.cluster.broker.starve(1)
        self.later(seconds, partial(_gently, partial(self.cluster.broker.starve, 0)))
        return f"out of memory for {seconds:.1f} s"

    def fill_broker_disk(self) -> str:
        seconds = self._random.uniform(1.0, 5.0)
        self.cluster.broker.fill_disk()
        self.later(seconds, partial(_gently, self.cluster.broker.empty_disk))
        return f"MISCONF for {seconds:.1f} s"

    def starve_worker(self) -> str:
        """No more open files than there are: whatever a step opens is refused."""
        worker = self._random.choice(self.cluster.workers)
        starved = worker.family()
        limits = [process.rlimit(psutil.RLIMIT_NOFILE) for process in starved]
        for process, (_, most) in zip(starved, limits, strict=True):
            process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds(), most))
        seconds = self._random.uniform(1.0, 4.0)
        self.later(seconds, partial(_feed, starved, limits))
        return f"{worker.name} for {seconds:.1f} s"

    def crash_postgres(self) -> str:
        seconds = self._random.choice([0.0, 0.0, 0.0, 3.0])
        self.cluster.postgres.crash()
        self.later(seconds, self.cluster.postgres.start)
        return f"down for {seconds} s"

    def end_backends(self) -> str:
        return f"{self.cluster.postgres.terminate_backends(self._random.uniform(0.2, 0.8))} ended"

    def crowd_postgres(self) -> str:
        """Too many clients: whoever has no connection gets none."""
        taken = self.cluster.postgres.crowd()
        seconds = self._random.uniform(0.5, 4.0)
        self.later(seconds, partial(_leave, taken))
        return f"{len(taken)} taken for {seconds:.1f} s"

    def doubled_messages(self) -> str:
        ids = self._some_jobs(4)
        for job_id in ids:
            step = self._random.choice(STEPS)
            for _ in range(5):
                self.client.runtime.announcer.announce(job_id, step)
        return f"of {len(ids)} jobs, 5 each"

    def ancient_messages(self) -> str:
        gone = str(uuid4())
        for job_id in (gone, *list(self.taken)[:3]):
            self.client.runtime.announcer.announce(job_id)
        return f"of the first jobs and of {gone}, which there is not"

    def garbage_messages(self) -> str:
        queue = self._random.choice(STEPS)
        with self.cluster.broker.client() as client:
            for body in garbage.messages(queue):
                client.lpush(queue, body)
        return f"into {queue}"

    def full_disk(self) -> str:
        on = switch("artifact.written", self.cluster.settings.home_path)
        on.parent.mkdir(parents=True, exist_ok=True)
        on.touch()
        seconds = self._random.uniform(0.5, 4.0)
        self.later(seconds, lambda: on.unlink(missing_ok=True))
        return f"for {seconds:.1f} s"

    def _some_jobs(self, most: int) -> list[str]:
        ids = list(self.taken)
        return self._random.sample(ids, min(most, len(ids)))


def _gently(undo: Undo) -> None:
    """A broker that was killed meanwhile is as good as new."""
    with suppress(RedisError, OSError, psutil.NoSuchProcess):
        undo()


def _feed(starved: list[psutil.Process], limits: list[tuple[int, int]]) -> None:
    for process, limit in zip(starved, limits, strict=True):
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_NOFILE, limit)


def _leave(taken: list[Connection]) -> None:
    for each in taken:
        # The server may have been killed meanwhile.
        with suppress(DBAPIError):
            each.close()


def _wake(stopped: list[psutil.Process]) -> None:
    for process in stopped:
        send(process, signal.SIGCONT)


# How often each is chosen, relative to the others.
FAULTS: dict[str, tuple[float, Callable[[Nemesis], str]]] = {
    "kill_child": (4, Nemesis.kill_child),
    "kill_main": (2, Nemesis.kill_main),
    "stop_worker": (2, Nemesis.stop_worker),
    "kill_dispatcher": (1, Nemesis.kill_dispatcher),
    "kill_broker": (1, Nemesis.kill_broker),
    "flush_broker": (2, Nemesis.flush_broker),
    "cut_connections": (2, Nemesis.cut_connections),
    "black_hole": (1, Nemesis.black_hole),
    "starve_broker": (1, Nemesis.starve_broker),
    "fill_broker_disk": (1, Nemesis.fill_broker_disk),
    "starve_worker": (1, Nemesis.starve_worker),
    "crash_postgres": (1, Nemesis.crash_postgres),
    "end_backends": (2, Nemesis.end_backends),
    "crowd_postgres": (1, Nemesis.crowd_postgres),
    "doubled_messages": (2, Nemesis.doubled_messages),
    "ancient_messages": (1, Nemesis.ancient_messages),
    "garbage_messages": (1, Nemesis.garbage_messages),
    "full_disk": (1, Nemesis.full_disk),
}
