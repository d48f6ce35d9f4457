"""How long what a killed process held waited for another attempt, and what else was wrong meanwhile."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.checker import Tables
from workers.states import Outcome

OUTAGES = frozenset(
    {"kill_broker", "black_hole", "starve_broker", "fill_broker_disk", "crash_postgres", "crowd_postgres"}
)
"""Faults that take a server away from everybody for as long as they last."""


@dataclass(slots=True)
class Happened:
    """A fault of a run that began at `started_at`; it lasts from `began_at` to `ended_at`; seconds since 1970."""

    started_at: float
    name: str
    detail: str = "a server was away"
    began_at: float = field(default_factory=time.time)
    ended_at: float = 0.0

    def __post_init__(self) -> None:
        self.ended_at = self.began_at

    def __str__(self) -> str:
        return f"{self.began_at - self.started_at:.0f} s {self.name}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that ended because of what was killed: a `child` of a pool, or a `main` process; `at` since 1970."""

    what: str
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """A step that a killed process held: free again after `freed_s`, worked on again after `again_s`."""

    kill: Kill
    job_id: str
    step: str
    freed_s: float
    again_s: float

    def without_servers_s(self, happened: Iterable[Happened]) -> float:
        """How much of its wait the broker or the database was taken away: nothing could go on."""
        end = self.kill.at + self.again_s
        away_s, reached = 0.0, self.kill.at
        for each in sorted(happened, key=lambda each: each.began_at):
            if each.name in OUTAGES:
                away_s += max(0.0, min(each.ended_at, end) - max(each.began_at, reached))
                reached = max(reached, min(each.ended_at, end))
        return away_s

    def meanwhile(self, happened: Iterable[Happened]) -> list[Happened]:
        """What else was wrong between the kill and the next attempt."""
        until = self.kill.at + self.again_s
        return [each for each in happened if each.began_at < until and each.ended_at > self.kill.at]

    def __str__(self) -> str:
        return (
            f"{self.step} of {self.job_id}: {self.kill.what} {self.kill.pid} killed, "
            f"free after {self.freed_s:.1f} s, again after {self.again_s:.1f} s"
        )


def recoveries(found: Tables, kills: Iterable[Kill]) -> list[Recovery]:
    """One for each step that a killed process held and that was tried again."""
    names = {row.id: (row.job_id, row.name) for row in found.steps}
    later = {(row.step_id, row.fence): row.started_at for row in found.attempts}
    lost = [row for row in found.attempts if row.outcome == Outcome.LOST]
    made = []
    for kill in kills:
        for row in lost:
            held = row.worker.rpartition(":")[2] == str(kill.pid) and row.started_at <= kill.at <= row.ended_at
            again_at = later.get((row.step_id, row.fence + 1))
            if held and again_at is not None:
                made.append(Recovery(kill, *names[row.step_id], row.ended_at - kill.at, again_at - kill.at))
    return made


def waits_s(made: Iterable[Recovery], happened: Sequence[Happened]) -> list[float]:
    """Seconds until another attempt, without those in which a server was taken away."""
    return [each.again_s - each.without_servers_s(happened) for each in made]
