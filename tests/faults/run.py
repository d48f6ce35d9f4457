"""A run: jobs are handed in while the nemesis acts; afterwards all must end, and the checker looks at everything."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import func, select

from pipeline.errors import TransientError
from pipeline.options import DecodeOptions, JobOptions
from tests.faults import checker, told
from tests.faults.checker import Verdict
from tests.faults.cluster import Cluster, cluster, full_strength, servers
from tests.faults.nemesis import Nemesis
from tests.faults.oracle import Oracle
from tests.faults.recordings import recording
from tests.faults.recovery import Happened, Recovery, recoveries, waits_s
from tests.sinks import sink
from workers.client import Client
from workers.db.session import Database
from workers.db.tables import deliveries, steps
from workers.jobs import Jobs
from workers.states import DeliveryState, StepState

OPTIONS = JobOptions(decode=DecodeOptions(beam_width=1))
# The share of a run in which jobs come in; the rest is for the last ones to be struck as well.
_SUBMITTING_SHARE = 0.8
_PATIENCE_S = 90.0
_TELL_EVERY_S = 10.0
_SLOWEST = 30
# Chance strikes the same step now and then: quarantine is proved by tests of its own. 5 % of transactions end in doubt.
CHAOS: Mapping[str, object] = {
    "max_crashes": 50,
    "max_retries": 9,
    "collect_s": 15,
    # A tenth of the steps takes a second, so that what is killed is found at work.
    "failpoint": "transaction.after_commit:cut*0.05,transaction.before_commit:cut*0.02,artifact.written:enospc*on,"
    "step.body:sleep:1*0.1",
    **told.SETTINGS,
}


@dataclass(frozen=True)
class Plan:
    """What to do: the seed makes the choices of the nemesis, `mutant` names a defect for every process to have."""

    duration_s: float
    seed: int
    jobs: int
    only: tuple[str, ...] = ()
    mutant: str = ""
    pace: float = 1.0
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What came of it."""

    plan: Plan
    handed_in: int
    happened: tuple[Happened, ...]
    brokers: Mapping[str, int]
    verdict: Verdict
    recoveries: tuple[Recovery, ...]

    @property
    def faults(self) -> Counter[str]:
        """How often each fault was brought about."""
        return Counter(each.name for each in self.happened)

    @property
    def document(self) -> dict[str, object]:
        """The line that a run ends with."""
        return {
            "seed": self.plan.seed,
            "jobs": self.handed_in,
            "faults": len(self.happened),
            "completed": self.verdict.completed,
            "lost": len(self.verdict.lost),
            "twice": len(self.verdict.twice),
            "wrong": len(self.verdict.wrong),
            "stuck": len(self.verdict.stuck),
            "untold": len(self.verdict.untold),
            "recovery_p95_s": self._recovery_s("child", "main"),
            "recovery_child_p95_s": self._recovery_s("child"),
            "recovery_main_p95_s": self._recovery_s("main"),
            "recovery_with_outages_p95_s": percentile([each.again_s for each in self.recoveries], 0.95),
            "brokers": self.brokers,
        }

    def _recovery_s(self, *kinds: str) -> float | None:
        made = [each for each in self.recoveries if each.kill.what in kinds]
        return percentile(waits_s(made, self.happened), 0.95)


class Submitter(threading.Thread):
    """Hands in jobs at a steady pace, each until it is taken: a refusal is no job, an answer is one."""

    def __init__(self, client: Client, jobs: int, duration_s: float, seed: int) -> None:
        super().__init__(name="submitter", daemon=True)
        self.taken: dict[str, int] = {}
        self._client = client
        self._jobs = jobs
        self._every_s = duration_s / max(jobs, 1)
        self._seed = seed

    def run(self) -> None:
        """Until every job is taken."""
        started_at = time.monotonic()
        for number in range(self._jobs):
            time.sleep(max(0.0, started_at + number * self._every_s - time.monotonic()))
            self.taken[self._hand_in(number)] = number

    def _hand_in(self, number: int) -> str:
        sound = recording(number)
        while True:
            with suppress(TransientError):
                # The tenants use the same keys: neither may come by the other's job.
                key = f"{self._seed}-{number // len(told.TENANTS)}"
                return self._client.enqueue(sound, OPTIONS, idempotency_key=key, tenant=told.tenant_of(number)).id
            time.sleep(0.2)


def run(plan: Plan, tell: Callable[[str], None]) -> Report:
    """Do it, `tell` how it goes from time to time, and report."""
    pretend = {"VOXQUEUE_FAULTS_MUTANT": plan.mutant} if plan.mutant else {}
    with (
        servers(plan.seed) as given,
        cluster(given, full_strength(), pretend, **{**CHAOS, **plan.settings}) as made,
        Client(made.settings) as client,
        sink() as receiver,
    ):
        told.register(client, receiver, plan.seed)
        _wait_until_up(made)
        submitter = Submitter(client, plan.jobs, _SUBMITTING_SHARE * plan.duration_s, plan.seed)
        nemesis = Nemesis(made, client, submitter.taken, plan.seed, plan.pace)
        ended = threading.Event()
        progress = Progress(client.runtime.jobs, nemesis, submitter, tell)
        teller = threading.Thread(target=progress.follow, args=(ended,), daemon=True)
        submitter.start()
        teller.start()
        nemesis.run(plan.duration_s, plan.only)
        submitter.join()
        _settle(made, client.runtime.database)
        ended.set()
        teller.join()
        # A collector that went on would take away what the rows, read a moment before, still name.
        made.processes.stop()
        oracle = Oracle(made.settings.model, OPTIONS)
        found = checker.read(client.runtime.database)
        store = client.runtime.store
        verdict = checker.check(found, submitter.taken, oracle.document, store, made.settings.max_crashes)
        told.check_told(found, submitter.taken, receiver, verdict)
        told.check_tenants(found, submitter.taken, verdict)
        recovered = recoveries(found, nemesis.kills)
        for each in sorted(recovered, key=lambda each: -each.again_s)[:_SLOWEST]:
            tell("; ".join(map(str, (each, *each.meanwhile(nemesis.happened)))))
        return Report(
            plan, len(submitter.taken), tuple(nemesis.happened), made.broker.starts, verdict, tuple(recovered)
        )


def _wait_until_up(made: Cluster) -> None:
    """A worker that has never come up can't be struck; a busy machine takes long to start them."""
    deadline = time.monotonic() + _PATIENCE_S
    while made.logged(" ready.") < len(made.workers) and time.monotonic() < deadline:
        time.sleep(0.2)


def percentile(values: list[float], share: float) -> float | None:
    """The value below or at which `share` (0 to 1) of the values lie; None of none."""
    ordered = sorted(values)
    return round(ordered[math.ceil(share * len(ordered)) - 1], 2) if ordered else None


def _settle(made: Cluster, database: Database) -> None:
    """Wait until nothing is left to do, or nothing has been done for a while."""
    made.broker.start()
    made.proxy.speak()
    made.postgres.start()
    done, moved_at = -1, time.monotonic()
    while time.monotonic() - moved_at < _PATIENCE_S:
        with suppress(TransientError):
            left, now_done = _left_and_done(database)
            if not left:
                return
            if now_done != done:
                done, moved_at = now_done, time.monotonic()
        time.sleep(0.5)


def _left_and_done(database: Database) -> tuple[int, int]:
    """Steps and deliveries that have not ended, and those that have ended well."""
    states: Counter[str] = Counter()
    with database.read() as connection:
        for table in (steps, deliveries):
            counted = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
            states.update({row[0]: row[1] for row in counted})
    left = sum(states[state] for state in (StepState.BLOCKED, StepState.READY, StepState.RUNNING))
    return left, states[StepState.DONE] + states[DeliveryState.DELIVERED]


@dataclass(frozen=True)
class Progress:
    """How far a run is, for people."""

    jobs: Jobs
    nemesis: Nemesis
    submitter: Submitter
    tell: Callable[[str], None]

    def follow(self, ended: threading.Event) -> None:
        """Tell it from time to time."""
        while not ended.wait(_TELL_EVERY_S):
            with suppress(TransientError):
                self.tell(self._line())

    def _line(self) -> str:
        done = self.jobs.counts()["format"].get(StepState.DONE, 0)
        happened = self.nemesis.happened
        last = f" · {happened[-1]}" if happened else ""
        return f"{done:5d} of {len(self.submitter.taken)} jobs done · {len(happened)} faults{last}"
