"""When each job that waits will be done, by what the last jobs took: queue position and time to go.

Each step is a queue with some workers. A job is done when the longest of the queues before it has run dry and its own
steps have run. Fairness between tenants can change the order; a forecast goes by priority and age alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from pipeline.stages import STEPS, Step
from workers.db.tables import attempts, jobs, steps
from workers.states import JobState, Outcome, StepState

_SAMPLE = 300
_RECENT_S = 120.0
_UNKNOWN_AUDIO_S = 120.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that a step takes for a second of audio, and how many such steps run at once."""

    work: float
    workers: float


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
    """A step that was done: how long it took, for how much audio, by whom and when."""

    step: Step
    worker: str
    ended_at: float
    took_s: float
    audio_s: float


def outlooks(pending: Iterable[Pending], paces: Mapping[Step, Pace], usual_audio_s: float) -> dict[str, Outlook]:
    """The outlook of each of the jobs, which come in the order in which they will be worked on."""
    ahead_s = dict.fromkeys(STEPS, 0.0)
    found: dict[str, Outlook] = {}
    position = 0
    for job in pending:
        audio_s = usual_audio_s if job.audio_s is None else job.audio_s
        own_s = {step: paces[step].work * audio_s * share for step, share in job.left.items() if step in paces}
        position += job.is_queued
        # What has begun waits no longer: it shares the workers with what is ahead of it.
        waits = (ahead_s[step] / paces[step].workers for step in own_s if job.left[step] == 1.0)
        wait_s = max(waits, default=0.0)
        is_known = all(step in paces for step in job.left)
        found[job.job_id] = Outlook(
            position if job.is_queued else None, round(wait_s + sum(own_s.values()), 1) if is_known else None
        )
        for step, work_s in own_s.items():
            ahead_s[step] += work_s
    return found


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
            # One process of inference has several steps open, each of which takes longer for it.
            at_once = took_s / max(_covered_s(own), 1e-3)
            found[step] = Pace(took_s / sum(run.audio_s for run in own), max(float(len(workers)), at_once))
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
    runs = _runs(connection)
    usual_s = sum(run.audio_s for run in runs) / len(runs) if runs else _UNKNOWN_AUDIO_S
    return outlooks(_pending(connection), paces_of(runs), usual_s)


def _runs(connection: Connection) -> list[Run]:
    query = (
        select(steps.c.name, attempts.c.worker, attempts.c.started_at, attempts.c.ended_at, jobs.c.duration_s)
        .join(steps, steps.c.id == attempts.c.step_id)
        .join(jobs, jobs.c.id == steps.c.job_id)
        .where(attempts.c.outcome == Outcome.DONE, jobs.c.duration_s.is_not(None))
        .order_by(attempts.c.id.desc())
        .limit(_SAMPLE)
    )
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
