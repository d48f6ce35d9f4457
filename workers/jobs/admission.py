"""Whether one more job is taken: by what its tenant has in flight, by the work that waits in all, by the disk.

A job that is refused was not written, and the answer says when to come again. The broker plays no part: a job is in the
database first. Limits are soft by the number of callers at the same instant, who do not wait for each other.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from workers.db.base import db_now
from workers.db.tables import jobs
from workers.errors import QuotaExceeded, SystemFull
from workers.jobs.values import NewJob
from workers.states import JobState

_BYTES_A_SECOND = 16_000.0  # two channels of G.711, the recording that a phone system leaves
_IN_FLIGHT = (JobState.QUEUED, JobState.RUNNING)
_MEASURED_S = 3600.0
_MEASURED_JOBS = 200
_FRESH_FOR_S = 2.0
_UNKNOWN_WAIT_S = 10.0
_FULL_DISK_WAIT_S = 60.0
_LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be in flight: of one tenant in jobs, bytes and seconds of audio; in all as a time to be done."""

    tenant_jobs: float = math.inf
    tenant_bytes: float = math.inf
    tenant_audio_s: float = math.inf
    service_level_s: float = math.inf
    used_share: float = 1.0

    @property
    def is_open(self) -> bool:
        """Whether nothing but the disk is limited."""
        return all(map(math.isinf, (self.tenant_jobs, self.tenant_bytes, self.tenant_audio_s, self.service_level_s)))


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds of audio that wait or are worked on, and how many seconds of it are done in a second; None: unknown."""

    backlog_s: float
    speed: float | None


@dataclass(slots=True)
class Gate:
    """The limits of one process, with what it measured a moment ago; may be used by many threads."""

    limits: Limits = field(default_factory=Limits)
    used_share: Callable[[], float | None] = lambda: None
    _load: Load = field(default_factory=lambda: Load(0.0, None))
    _measured_at: float = -math.inf
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check_disk(self) -> None:
        """Refuse while the store is nearly full: steps in hand still need room.

        Raises:
            SystemFull: it is.
        """
        share = self.used_share()
        if share is not None and share > self.limits.used_share:
            raise SystemFull(f"the store is {share:.0%} full", _FULL_DISK_WAIT_S)

    def load(self, connection: Connection) -> Load:
        """The load now, or a moment ago."""
        with self._lock:
            if time.monotonic() - self._measured_at > _FRESH_FOR_S:
                self._load = measure(connection)
                self._measured_at = time.monotonic()
            return self._load


def estimate_s(size_bytes: int) -> float:
    """Seconds of audio in a recording of which nothing but its size is known yet."""
    return size_bytes / _BYTES_A_SECOND


def admit(connection: Connection, job: NewJob, gate: Gate) -> None:
    """Return if the job may be taken.

    Raises:
        QuotaExceeded: its tenant has too much in flight.
        SystemFull: all tenants together do, or the store is full.
    """
    gate.check_disk()
    if gate.limits.is_open:
        return
    load = gate.load(connection)
    _admit_tenant(connection, job, gate.limits, load)
    if load.speed is None:
        return
    late_s = (load.backlog_s + estimate_s(job.source.size_bytes)) / load.speed - gate.limits.service_level_s
    if late_s > 0:
        told = f"{load.backlog_s:.0f} s of audio wait, done at {load.speed:.1f} times the speed of speech"
        raise SystemFull(told, _bounded(late_s))


def _admit_tenant(connection: Connection, job: NewJob, limits: Limits, load: Load) -> None:
    number, size, audio_s = connection.execute(_in_flight(), {"of_tenant": job.tenant}).one()
    held = (
        ("jobs", number + 1, limits.tenant_jobs),
        ("bytes", int(size) + job.source.size_bytes, limits.tenant_bytes),
        ("seconds of audio", audio_s + estimate_s(job.source.size_bytes), limits.tenant_audio_s),
    )
    for unit, wanted, limit in held:
        if wanted > limit and number:
            # What is over the limit is worked off at the speed of all, if nothing else is in the way.
            over_s = float(audio_s) * (wanted - limit) / wanted
            wait_s = over_s / load.speed if load.speed else _UNKNOWN_WAIT_S
            raise QuotaExceeded(f"{number} jobs in flight; {limit:.0f} {unit} are allowed", _bounded(wait_s))


@cache
def _in_flight() -> Select[Any]:
    return (
        select(func.count(), func.coalesce(func.sum(jobs.c.source_bytes), 0), func.coalesce(func.sum(_audio_s()), 0.0))
        .select_from(jobs)
        .where(jobs.c.tenant == bindparam("of_tenant"), jobs.c.state.in_(_IN_FLIGHT))
    )


def measure(connection: Connection) -> Load:
    """The load by the jobs in flight and those that were completed within the last hour.

    Speed is the audio of the latest jobs over the time in which at least one of them was worked on: hours in which
    nobody handed in anything do not make the service slow.
    """
    backlog_s = connection.execute(
        select(func.coalesce(func.sum(_audio_s()), 0.0)).where(jobs.c.state.in_(_IN_FLIGHT))
    ).scalar_one()
    rows = connection.execute(
        select(jobs.c.started_at, jobs.c.ended_at, jobs.c.duration_s)
        .where(
            jobs.c.ended_at > db_now() - _MEASURED_S,
            jobs.c.state == JobState.COMPLETED,
            jobs.c.started_at.is_not(None),
            jobs.c.duration_s.is_not(None),
        )
        .order_by(jobs.c.ended_at.desc())
        .limit(_MEASURED_JOBS)
    ).all()
    busy_s = _covered_s([(row.started_at, row.ended_at) for row in rows])
    audio_s = sum(row.duration_s for row in rows)
    return Load(float(backlog_s), audio_s / busy_s if busy_s > 0 and audio_s > 0 else None)


def _audio_s() -> ColumnElement[float]:
    return func.coalesce(jobs.c.duration_s, jobs.c.estimated_s, 0.0)


def _covered_s(spans: list[tuple[float, float]]) -> float:
    covered, reached = 0.0, -math.inf
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def _bounded(wait_s: float) -> float:
    return float(math.ceil(min(_LONGEST_WAIT_S, max(1.0, wait_s))))
