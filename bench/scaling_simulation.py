"""A day of calls on several workers: how long audio waits, and what workers cost, under three rules of scaling.

Calls come as a Poisson stream that swells and ebbs over the day, of lognormal length. How fast a worker is comes from
the committed figures of `end_to_end`; a host that is asked for takes a while to come. The same calls meet each rule: a
fixed number for the mean load, one more worker for so many jobs that wait, and one for so many seconds of audio.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, cos, pi
from typing import Any, Final

import numpy as np

from bench.comparison import read_earlier
from bench.harness import Figure, Findings, Plan, Unavailable
from bench.report import Report

DAY_S: Final = 86_400
CALLS, QUICK_CALLS = 20_000, 2_000
MEDIAN_CALL_S, SPREAD = 120.0, 1.1
LONGEST_CALL_S: Final = 7200.0
START_S: Final = 90.0
"""From asking for a host to its first step: boot, image, model."""
LOOK_S: Final = 15.0
WAIT_GOAL_S: Final = 120.0
JOBS_A_WORKER: Final = 4
IDLE_S: Final = 300.0
SEEDS, QUICK_SEEDS = (1, 2, 3), (1, 2)

Rule = Callable[[int, float, float], int]
"""How many workers are wanted, by the jobs and the seconds of audio that wait and the speed of a worker."""


@dataclass(frozen=True, slots=True)
class Day:
    """When each call comes and how long it is, in seconds."""

    arrivals_s: Sequence[float]
    lengths_s: Sequence[float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Waits of all calls in seconds, and worker hours that were paid for."""

    waits_s: Sequence[float]
    worker_hours: float
    most: int


def run(plan: Plan) -> Findings:
    """Each rule on the same days."""
    measured = read_earlier("end_to_end")
    if measured is None:
        raise Unavailable("first: python -m bench end_to_end --json bench/results")
    speed = float(next(row["x"] for row in measured["tables"][0]["rows"] if "voxqueue" in row["what"]))
    calls = QUICK_CALLS if plan.quick else CALLS
    rows: list[dict[str, Any]] = []
    p95: dict[str, list[float]] = {}
    for seed in plan.track(QUICK_SEEDS if plan.quick else SEEDS, "days"):
        day = make_day(calls, seed)
        mean_load = ceil(1.05 * sum(day.lengths_s) / speed / DAY_S)
        for name, rule in rules(mean_load).items():
            outcome = simulate(day, rule, speed)
            p95.setdefault(name, []).append(float(np.percentile(outcome.waits_s, 95)))
            if seed == 1:
                rows.append(_row(name, outcome))
    figures = {
        "p95_wait_audio_rule_over_jobs_rule": Figure(
            tuple(ours / theirs for ours, theirs in zip(p95[BY_AUDIO], p95[BY_JOBS], strict=True)),
            higher_is_better=False,
        ),
        "p95_wait_of_audio_rule_s": Figure(tuple(p95[BY_AUDIO]), higher_is_better=False, is_ratio=False),
    }
    hours = sum(day.lengths_s) / 3600
    notes = (
        f"{calls} calls, {hours:.0f} hours a day, a worker {speed:g} times real time, {START_S:g} s to start one.",
    )
    return Findings(figures, [Report("A day of calls, simulated", COLUMNS, rows, notes, ("numpy",))])


FIXED, BY_JOBS, BY_AUDIO = "fixed, for the mean load", "jobs that wait", "seconds of audio that wait"
COLUMNS = {
    "rule": "workers by",
    "p50_s": "p50 wait, s",
    "p95_s": "p95 wait, s",
    "longest_s": "longest wait, s",
    "most": "most workers",
    "worker_hours": "worker hours",
}


def rules(mean_load: int) -> dict[str, Rule]:
    """The three, by name."""
    return {
        FIXED: lambda _jobs, _audio_s, _speed: mean_load,
        BY_JOBS: lambda jobs, _audio_s, _speed: max(1, ceil(jobs / JOBS_A_WORKER)),
        BY_AUDIO: lambda _jobs, audio_s, speed: max(1, ceil(audio_s / speed / WAIT_GOAL_S)),
    }


def make_day(calls: int, seed: int) -> Day:
    """Calls of a day, the most of them at noon."""
    chance = np.random.default_rng(seed)
    times = np.sort(chance.uniform(0, DAY_S, 3 * calls))
    kept = [time for time in times if chance.random() < (1 - cos(2 * pi * time / DAY_S)) / 2][:calls]
    lengths = np.minimum(chance.lognormal(np.log(MEDIAN_CALL_S), SPREAD, len(kept)), LONGEST_CALL_S)
    return Day([float(time) for time in kept], [float(length) for length in lengths])


class Fleet:
    """Workers by when each is free, and the calls that wait for them; each takes the oldest."""

    def __init__(self, day: Day, speed: float, workers: int) -> None:
        self.waiting: deque[int] = deque()
        self.waits_s: list[float] = []
        self.free_at: list[float] = [0.0] * workers
        self._day = day
        self._speed = speed

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that wait."""
        return sum(self._day.lengths_s[index] for index in self.waiting)

    def serve(self, now_s: float) -> None:
        """Give what waits to the workers that are free by now."""
        while self.waiting and self.free_at and self.free_at[0] <= now_s:
            index = self.waiting.popleft()
            began_s = max(heapq.heappop(self.free_at), self._day.arrivals_s[index])
            self.waits_s.append(began_s - self._day.arrivals_s[index])
            heapq.heappush(self.free_at, began_s + self._day.lengths_s[index] / self._speed)

    def resize(self, wanted: int, now_s: float) -> None:
        """Ask for hosts that are missing; those that had nothing to do for `IDLE_S` leave when there are too many."""
        for _ in range(len(self.free_at), wanted):
            heapq.heappush(self.free_at, now_s + START_S)
        while len(self.free_at) > wanted and self.free_at[0] < now_s - IDLE_S:
            heapq.heappop(self.free_at)


def simulate(day: Day, rule: Rule, speed: float) -> Outcome:
    """One day, with the rule asked every `LOOK_S` seconds."""
    fleet = Fleet(day, speed, rule(0, 0.0, speed))
    arrived, paid_s, most, now_s = 0, 0.0, 0, 0.0
    while arrived < len(day.arrivals_s) or fleet.waiting:
        now_s += LOOK_S
        while arrived < len(day.arrivals_s) and day.arrivals_s[arrived] <= now_s:
            fleet.waiting.append(arrived)
            arrived += 1
        fleet.serve(now_s)
        fleet.resize(rule(len(fleet.waiting), fleet.waiting_s, speed), now_s)
        most = max(most, len(fleet.free_at))
        paid_s += LOOK_S * len(fleet.free_at)
    return Outcome(fleet.waits_s, paid_s / 3600, most)


def _row(name: str, outcome: Outcome) -> dict[str, Any]:
    p50, p95 = np.percentile(outcome.waits_s, (50, 95))
    return {
        "rule": name,
        "p50_s": round(float(p50)),
        "p95_s": round(float(p95)),
        "longest_s": round(max(outcome.waits_s)),
        "most": outcome.most,
        "worker_hours": round(outcome.worker_hours, 1),
    }
