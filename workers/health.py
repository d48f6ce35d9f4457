"""Whether work gets done: a message through the broker to each queue and back from a process of a worker's pool.

That sees what a connection does not show: a worker that is connected and takes nothing. A queue whose processes all
work does not answer in time either, and is told apart by the leases in the database, which only a live worker keeps.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from pipeline.stages import STEPS
from workers.celeryconfig import QUEUES
from workers.jobs.waiting import Waiting
from workers.runtime import Runtime


class Answer(StrEnum):
    """What became of the question to a queue."""

    ANSWERED = "answered"
    BUSY = "busy"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """A queue: its answer, and after how long; its steps that are ready, the oldest of them, and those that run.

    `is_stalled`: steps have been ready for longer than `alarm_after_s` although a process is idle, or nobody works.
    """

    queue: str
    answer: Answer
    took_s: float | None
    ready: int
    oldest_s: float
    running: int
    is_stalled: bool

    @property
    def is_well(self) -> bool:
        """Whether its work gets done."""
        return self.answer is not Answer.SILENT and not self.is_stalled


@dataclass(frozen=True, slots=True)
class Health:
    """All queues that were asked."""

    queues: tuple[QueueHealth, ...]

    @property
    def is_well(self) -> bool:
        """Whether the work of every queue gets done."""
        return all(each.is_well for each in self.queues)

    @property
    def document(self) -> dict[str, Any]:
        """As a program reads it."""
        return {"status": "ok" if self.is_well else "degraded", "queues": [asdict(each) for each in self.queues]}


def examine(runtime: Runtime, queues: Sequence[str] = QUEUES, timeout_s: float = 2.0) -> Health:
    """Ask each queue, for `timeout_s` in all.

    Raises:
        BrokerAway, DatabaseAway: nobody can be asked.
    """
    token = str(uuid4())
    asked_at = time.monotonic()
    for queue in queues:
        runtime.announcer.send_ping(token, queue, timeout_s)
    took_s: dict[str, float] = {}
    while len(took_s) < len(queues) and (left_s := asked_at + timeout_s - time.monotonic()) > 0:
        if (answered := runtime.announcer.await_pong(token, left_s)) is not None:
            took_s[answered] = round(time.monotonic() - asked_at, 3)
    waiting = runtime.jobs.waiting()
    alarm_after_s = runtime.settings.alarm_after_s
    return Health(tuple(_judge(queue, took_s.get(queue), waiting.get(queue), alarm_after_s) for queue in queues))


def stalled(runtime: Runtime) -> list[QueueHealth]:
    """Queues whose steps wait while nobody works, by the database alone; for an alarm that asks nobody.

    Raises:
        DatabaseAway: the database can't be asked.
    """
    waiting = runtime.jobs.waiting()
    judged = (_judge(step, None, waiting.get(step), runtime.settings.alarm_after_s) for step in STEPS)
    return [each for each in judged if each.is_stalled]


def _judge(queue: str, took_s: float | None, waiting: Waiting | None, alarm_after_s: float) -> QueueHealth:
    held = waiting or Waiting(0, 0.0, 0)
    answer = Answer.ANSWERED if took_s is not None else Answer.BUSY if held.running else Answer.SILENT
    is_stalled = held.oldest_s > alarm_after_s and answer is not Answer.BUSY
    return QueueHealth(queue, answer, took_s, held.ready, round(held.oldest_s, 1), held.running, is_stalled)
