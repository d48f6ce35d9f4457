"""How true the time to go and the percent of jobs are: what was told while they waited and ran, against what happened.

Recordings of many lengths are handed in at once, after a few from which the pace is known. Once a second it is written
down what callers would be told of each job. Afterwards it is known when each ended: an estimate of 60 s for what took
50 s is off by 10 s and 20 %. The percent should be the share of a job's running time that has passed.
"""

import io
import random
import time
from dataclasses import dataclass
from statistics import mean, median
from typing import Final

import soundfile

from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from bench.speech import CALL
from bench.stack import running_stack
from workers.client import Client
from workers.jobs import JobStatus

SEED: Final = 1
JOBS: Final = 24
QUICK_JOBS: Final = 8
KNOWN_JOBS: Final = 3
LENGTHS_S: Final = (5.0, 60.0)
LOOK_EVERY_S: Final = 1.0
# A second is much of what is left at the end; shares are of what takes longer.
LEAST_LEFT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a job at a moment, in seconds since 1970; `eta_s` is None while nothing is known."""

    job_id: str
    at: float
    eta_s: float | None
    progress: float
    is_queued: bool


def recordings(number: int) -> list[bytes]:
    """Stretches of the demo call, of random lengths from random places."""
    samples, rate_hz = soundfile.read(CALL, dtype="int16")
    chance = random.Random(SEED)  # the same stretches each time
    found = []
    for _ in range(number):
        frames = round(chance.uniform(*LENGTHS_S) * rate_hz)
        start = chance.randrange(len(samples) - frames)
        file = io.BytesIO()
        soundfile.write(file, samples[start : start + frames], rate_hz, format="WAV", subtype="ULAW")
        found.append(file.getvalue())
    return found


def watch(client: Client, job_ids: list[str]) -> list[Told]:
    """What is told of these jobs, once a second until the last has ended."""
    told: list[Told] = []
    while True:
        outlooks, at = client.runtime.jobs.forecast(), time.time()
        running = [job for job in map(client.status, job_ids) if not job.is_final]
        if not running:
            return told
        for job in running:
            eta_s = outlooks[job.id].eta_s if job.id in outlooks else None
            told.append(Told(job.id, at, eta_s, job.progress, job.started_at is None))
        time.sleep(LOOK_EVERY_S)


def row_of(name: str, told: list[Told], jobs: dict[str, JobStatus]) -> Row:
    """How far estimates were off; of those with enough left also as a share of it."""
    left = [(each.eta_s, (jobs[each.job_id].ended_at or 0.0) - each.at) for each in told if each.eta_s is not None]
    shares = [eta_s / left_s - 1 for eta_s, left_s in left if left_s >= LEAST_LEFT_S]
    return {
        "of": name,
        "looks": len(left),
        "off_s": median(abs(eta_s - left_s) for eta_s, left_s in left),
        "off": 100 * median(map(abs, shares)),
        "bias": 100 * median(shares),
    }


def percent_off(told: list[Told], jobs: dict[str, JobStatus]) -> float:
    """Mean distance, in points, of the percent from the share of the running time that had passed."""
    off = []
    for each in told:
        job = jobs[each.job_id]
        if each.is_queued or job.started_at is None or job.ended_at is None:
            continue
        off.append(abs(each.progress - (each.at - job.started_at) / (job.ended_at - job.started_at)))
    return 100 * mean(off)


def run(plan: Plan) -> Findings:
    """A backlog, watched to its end."""
    number = QUICK_JOBS if plan.quick else JOBS
    with running_stack() as stack:
        contents = recordings(KNOWN_JOBS + number)
        for each in contents[:KNOWN_JOBS]:
            stack.client.wait(stack.client.enqueue(each).id)
        job_ids = [stack.client.enqueue(each).id for each in contents[KNOWN_JOBS:]]
        told = watch(stack.client, job_ids)
        jobs = {job_id: stack.client.status(job_id) for job_id in job_ids}
    waiting, running = ([each for each in told if each.is_queued is queued] for queued in (True, False))
    rows = [row_of(name, part, jobs) for name, part in (("waiting", waiting), ("running", running), ("all", told))]
    columns = {"of": "jobs", "looks": "looks", "off_s": "off by, s", "off": "off by, %", "bias": "too long by, %"}
    percent = percent_off(told, jobs)
    figures = {
        "eta_off_percent": Figure((float(rows[-1]["off"]),), higher_is_better=False),
        "percent_off_points": Figure((percent,), higher_is_better=False),
    }
    notes = (
        f"Medians; shares of what had {LEAST_LEFT_S:.0f} s and more left. The percent was off by {percent:.1f} points.",
    )
    return Findings(figures, [Report(f"Time to go of {number} jobs", columns, rows, notes)])
