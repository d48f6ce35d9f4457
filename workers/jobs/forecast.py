"""When each job that waits will be done, by what the last jobs took: queue position and time to go.

Each step is a queue of those that the step before lets go on, and has so many of them open at once as were seen of
late. Those that are open share what the step can do. Fairness between tenants can change the order; a forecast goes by
priority and age alone.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from pipeline.stages import STEPS, Step
from workers.db.base import db_now
from workers.db.tables import attempts, jobs, steps
from workers.states import JobState, Outcome, StepState

_SAMPLE = 300
_RECENT_S = 120.0
_UNKNOWN_AUDIO_S = 120.0
_TELLING = 0.1


_DONE = (
    select(steps.c.name, attempts.c.worker, attempts.c.started_at, attempts.c.ended_at, jobs.c.duration_s)
    .join(steps, steps.c.id == attempts.c.step_id)
    .join(jobs, jobs.c.id == steps.c.job_id)
    .where(attempts.c.outcome == Outcome.DONE, jobs.c.duration_s.is_not(None))
    .order_by(attempts.c.id.desc())
    .limit(_SAMPLE)
)
# Those that are open together tell how slow each is for it, long before the first of them is done.
_BEGUN = (
    select(
        *(steps.c.name, attempts.c.worker, attempts.c.started_at, db_now().label("ended_at")),
        (jobs.c.duration_s * steps.c.progress).label("duration_s"),
    )
    .join(steps, (steps.c.id == attempts.c.step_id) & (steps.c.fence == attempts.c.fence))
    .join(jobs, jobs.c.id == steps.c.job_id)
    .where(steps.c.state == StepState.RUNNING, steps.c.progress > _TELLING, jobs.c.duration_s.is_not(None))
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a step takes for a second of audio, with so many `at_once`, and how many processes there are for it.

    One process of inference has several steps open, and one that is left alone has all of it.
    """

    work: float
    at_once: float
    processes: int = 1

    def of_one(self, opened: int) -> float:
        """Seconds of audio that one of so many gets done in a second."""
        return self.at_once / self.work / max(opened, self.processes)


@dataclass(frozen=True, slots=True)
class Pending:
    """A job that has not ended: how long its audio is, if it was read, and what share of each step is left."""

    job_id: str
    is_queued: bool
    audio_s: float | None
    left: Mapping[Step, float]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where a job is: `position` 1 is next, None once it runs; `eta_s` None as long as nothing was ever done."""

    position: int | None
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """A step, or as much of it as is done: how long it took, for how much audio, by whom and until when."""

    step: Step
    worker: str
    ended_at: float
    took_s: float
    audio_s: float


def outlooks(pending: Iterable[Pending], paces: Mapping[Step, Pace], usual_audio_s: float) -> dict[str, Outlook]:
    """The outlook of each of the jobs, which come in the order in which they will be worked on."""
    wanted = list(pending)
    done_s = [0.0] * len(wanted)
    for step, pace in paces.items():
        arriving = []
        for index, job in enumerate(wanted):
            if step in job.left:
                audio_s = usual_audio_s if job.audio_s is None else job.audio_s
                # What has begun waits for nobody.
                arriving.append((job.left[step] == 1.0, done_s[index], index, audio_s * job.left[step]))
        for index, end_s in _ends(sorted(arriving), pace):
            done_s[index] = end_s
    positions = {job.job_id: place for place, job in enumerate((each for each in wanted if each.is_queued), 1)}
    return {
        job.job_id: Outlook(positions.get(job.job_id), round(end_s, 1) if set(job.left) <= set(paces) else None)
        for job, end_s in zip(wanted, done_s, strict=True)
    }


def _ends(arriving: Iterable[tuple[bool, float, int, float]], pace: Pace) -> Iterator[tuple[int, float]]:
    """When each is done, which comes with whether it is new, when, its number, and how much audio is left of it."""
    # By how much audio every open one has got done since the beginning: all get the same.
    opened: list[tuple[float, int]] = []
    now_s = done_s = 0.0
    room = max(1, math.ceil(round(pace.at_once, 3)))
    for _, ready_s, index, audio_s in arriving:
        while opened:
            end_s = now_s + (opened[0][0] - done_s) / pace.of_one(len(opened))
            if len(opened) < room and end_s > ready_s:
                done_s += max(0.0, ready_s - now_s) * pace.of_one(len(opened))
                break
            now_s, (done_s, ended) = end_s, heapq.heappop(opened)
            yield ended, now_s
        now_s = max(now_s, ready_s)
        heapq.heappush(opened, (done_s + audio_s, index))
    while opened:
        now_s += (opened[0][0] - done_s) / pace.of_one(len(opened))
        done_s, ended = heapq.heappop(opened)
        yield ended, now_s


def paces_of(runs: Sequence[Run]) -> dict[Step, Pace]:
    """How quick each step was of late."""
    found = {}
    for step in STEPS:
        own = [run for run in runs if run.step is step and run.audio_s > 0]
        if own:
            newest = max(run.ended_at for run in own)
            # A worker that was replaced is not counted beside the one that replaced it for long.
            workers = {run.worker for run in own if run.ended_at > newest - _RECENT_S}
            took_s = sum(run.took_s for run in own)
            at_once = took_s / max(_covered_s(own), 1e-3)
            work = max(took_s, 1e-3) / sum(run.audio_s for run in own)
            found[step] = Pace(work, max(float(len(workers)), at_once), len(workers))
    return found


def _covered_s(runs: Sequence[Run]) -> float:
    """How long at least one of these was running."""
    covered_s, until = 0.0, 0.0
    for run in sorted(runs, key=lambda each: each.ended_at - each.took_s):
        covered_s += max(0.0, run.ended_at - max(until, run.ended_at - run.took_s))
        until = max(until, run.ended_at)
    return covered_s


def forecast(connection: Connection) -> dict[str, Outlook]:
    """The outlook of every job that has not ended."""
    done = _runs(connection, _DONE)
    usual_s = sum(run.audio_s for run in done) / len(done) if done else _UNKNOWN_AUDIO_S
    return outlooks(_pending(connection), paces_of([*done, *_runs(connection, _BEGUN)]), usual_s)


def _runs(connection: Connection, query: Select[Any]) -> list[Run]:
    return [
        Run(Step(row.name), row.worker, row.ended_at, max(0.0, row.ended_at - row.started_at), row.duration_s)
        for row in connection.execute(query)
    ]


def _pending(connection: Connection) -> list[Pending]:
    query = (
        select(jobs.c.id, jobs.c.state, jobs.c.duration_s, steps.c.name, steps.c.state.label("step"), steps.c.progress)
        .join(steps, steps.c.job_id == jobs.c.id)
        .where(jobs.c.state.in_((JobState.QUEUED, JobState.RUNNING)))
        .order_by((jobs.c.state == JobState.QUEUED), jobs.c.priority.desc(), jobs.c.created_at, jobs.c.id)
    )
    left: dict[str, dict[Step, float]] = {}
    heads: dict[str, tuple[bool, float | None]] = {}
    for row in connection.execute(query):
        heads[row.id] = (row.state == JobState.QUEUED, row.duration_s)
        shares = left.setdefault(row.id, {})
        if row.step != StepState.DONE:
            shares[Step(row.name)] = 1.0 - row.progress
    return [Pending(job_id, *head, left[job_id]) for job_id, head in heads.items()]
