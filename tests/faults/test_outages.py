"""Servers that are away for long (rows 13 and 19 of docs/faults.md)."""

import time

import pytest

from pipeline.stages import Step
from tests.faults.conftest import MakeScene
from tests.faults.door import Door
from tests.faults.processes import Supervised
from tests.faults.recordings import recording
from tests.faults.scene import SMALL, wait_for
from workers.states import Outcome, StepState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
# Three minutes, and then some: Celery by itself would look for the broker once more half a minute later.
BROKER_AWAY_S = 185.0
DATABASE_AWAY_S = 60.0


def test_three_minutes_without_a_broker_fail_no_job_and_work_goes_on_soon_afterwards(make_scene: MakeScene) -> None:
    made = make_scene(failpoint="step.body@features:sleep:3")
    begun = made.hand_in(1)
    made.running(begun[0], Step.FEATURES)
    made.cluster.broker.kill()
    waiting = made.hand_in(5)
    time.sleep(BROKER_AWAY_S)
    during = made.client.runtime.jobs.counts()
    made.cluster.broker.start()
    back_at = time.time()
    made.settle([*begun, *waiting])
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == 6
    # The chain was cut in its middle: the step in hand was finished, and no other could be told of.
    assert during["features"][StepState.DONE] == 1
    assert during["format"].get(StepState.DONE, 0) == 0
    attempts = made.found().attempts
    assert {row.outcome for row in attempts} == {Outcome.DONE}
    assert min(row.started_at for row in attempts if row.started_at > back_at) - back_at < 10


def test_a_minute_without_a_database_lets_workers_fence_themselves_and_the_door_say_so(make_scene: MakeScene) -> None:
    door = Door()
    wanted = [Supervised(name, arguments) for name, arguments in SMALL]
    made = make_scene([*wanted, door.process], failpoint="step.body@features:sleep:20")
    door.wait_open()
    first = made.hand_in(1)
    made.running(first[0], Step.FEATURES)
    made.cluster.postgres.crash()
    gone_at = time.time()
    refused = door.ask(recording(1), "key-1")
    assert refused is not None
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    # Its lease is over by the time it ends, so that another may hold the step for all it knows.
    wait_for(lambda: made.cluster.logged("step.fenced") == 1)
    assert time.time() - gone_at < DATABASE_AWAY_S
    time.sleep(max(0.0, gone_at + DATABASE_AWAY_S - time.time()))
    made.cluster.postgres.start()
    job_id, _ = door.hand_in(recording(1), "key-1")
    made.taken[job_id] = 1
    made.settle([*first, job_id])
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == 2
    found = made.found()
    # Nothing was accepted that had been done without a lease.
    assert [row.outcome for row in found.attempts if row.worker and row.outcome != Outcome.DONE] == [Outcome.LOST]
    assert not [row for row in found.attempts if gone_at < row.started_at < gone_at + DATABASE_AWAY_S]
