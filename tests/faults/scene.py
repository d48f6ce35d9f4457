"""A small cluster and the questions that tests ask of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.errors import TransientError
from pipeline.stages import STEPS, Step
from tests.faults import checker
from tests.faults.checker import Tables, Verdict
from tests.faults.cluster import Cluster, Servers, cluster
from tests.faults.nemesis import Nemesis
from tests.faults.oracle import Oracle
from tests.faults.processes import Supervised
from tests.faults.recordings import recording
from tests.faults.run import OPTIONS
from workers.client import Client
from workers.jobs import StepStatus
from workers.states import StepState

ALL = ",".join(STEPS)
SMALL = (("worker", ["worker", ALL, "1"]), ("dispatch", ["dispatch"]))


@dataclass
class Scene:
    """A cluster, its door, and the jobs that were handed in: id to the number of the recording."""

    cluster: Cluster
    client: Client
    oracle: Oracle
    taken: dict[str, int] = field(default_factory=dict)

    def hand_in(self, jobs: int = 1, sound: bytes | None = None) -> list[str]:
        """Hand in so many recordings, or one that the oracle does not know; the ids."""
        if sound is not None:
            return [self.client.enqueue(sound, OPTIONS).id]
        ids = []
        for _ in range(jobs):
            number = len(self.taken)
            ids.append(self.client.enqueue(recording(number), OPTIONS).id)
            self.taken[ids[-1]] = number
        return ids

    def settle(self, ids: Sequence[str], timeout_s: float = 120.0) -> None:
        """Wait until these jobs have ended; after the time it is for the verdict to say that they are stuck."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not all(self._has_ended(job_id) for job_id in ids):
            time.sleep(0.1)

    def _has_ended(self, job_id: str) -> bool:
        try:
            return self.client.status(job_id).is_final
        except TransientError:
            return False

    def step(self, job_id: str, name: Step) -> StepStatus:
        """A step of a job, as it is now."""
        return next(each for each in self.client.status(job_id).steps if each.name is name)

    def running(self, job_id: str, name: Step) -> int:
        """The process that runs the step, once one does."""
        wait_for(lambda: self.step(job_id, name).state is StepState.RUNNING)
        return int(str(self.step(job_id, name).worker).rpartition(":")[2])

    def found(self) -> Tables:
        """All tables as they are now."""
        return checker.read(self.client.runtime.database)

    def verdict(self) -> Verdict:
        """What the checker says of everything so far."""
        settings = self.cluster.settings
        store = self.client.runtime.store
        return checker.check(self.found(), self.taken, self.oracle.document, store, settings.max_crashes)

    def nemesis(self, seed: int = 0) -> Nemesis:
        """A nemesis for faults to be named one by one."""
        return Nemesis(self.cluster, self.client, self.taken, seed)


@contextmanager
def scene(
    given: Servers,
    wanted: Sequence[Supervised] | None = None,
    pretend: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[Scene]:
    """Start `wanted`, or one worker of all queues and a dispatcher, with these settings."""
    processes = [Supervised(name, arguments) for name, arguments in SMALL] if wanted is None else wanted
    with cluster(given, processes, pretend, **settings) as made, Client(made.settings) as client:
        yield Scene(made, client, Oracle(made.settings.model, OPTIONS))


def wait_for(holds: Callable[[], bool], timeout_s: float = 90.0) -> None:
    """Return as soon as `holds`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
