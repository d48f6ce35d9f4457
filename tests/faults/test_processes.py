"""Processes of workers that die, stop and come back (rows 1, 2, 6, 7, 8, 25, 27 and 28 of docs/faults.md)."""

import os
import signal
import time

import pytest

from pipeline.stages import STEPS, Step
from tests.faults.cluster import ELSEWHERE
from tests.faults.conftest import MakeScene
from tests.faults.processes import Supervised, send
from tests.faults.recordings import poisonous
from tests.faults.recovery import Kill, recoveries
from tests.faults.scene import ALL, Scene, wait_for
from workers.states import JobState, StepState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
# Decode takes this long in its first attempt, and is found in the middle of it.
HANGS = "step.body@decode:sleep:60"


def kill_and_settle(made: Scene, *, main: bool) -> float:
    """Kill the process in the middle of decode, or its worker; seconds until another began."""
    job_id = made.hand_in(1)[0]
    pid = made.running(job_id, Step.DECODE)
    worker = made.cluster.processes.named("worker")
    at = time.time()
    os.kill(worker.pid or pid if main else pid, signal.SIGKILL)
    made.settle([job_id])
    assert made.verdict().is_clean
    (recovery,) = recoveries(made.found(), [Kill("child", pid, at)])
    return recovery.again_s


def test_a_killed_process_of_a_pool_is_missed_at_once_whatever_the_lease(make_scene: MakeScene) -> None:
    made = make_scene(failpoint=HANGS, lease_s=120, heartbeat_s=1)
    # 3 s on a machine that is not busy with other tests; the lease would take two minutes.
    assert kill_and_settle(made, main=False) < 60


def test_a_killed_worker_of_another_host_is_missed_when_its_lease_is_over(make_scene: MakeScene) -> None:
    wanted = [Supervised("worker", ["worker", ALL, "1"], ELSEWHERE), Supervised("dispatch", ["dispatch"])]
    made = make_scene(wanted, failpoint=HANGS, lease_s=4)
    recovery_s = kill_and_settle(made, main=True)
    assert 2 < recovery_s < 60


def test_a_worker_that_was_stopped_past_its_lease_writes_nothing_when_it_wakes_up(make_scene: MakeScene) -> None:
    two = [Supervised(f"worker-{number}", ["worker", ALL, "1"], ELSEWHERE) for number in (1, 2)]
    made = make_scene([*two, Supervised("dispatch", ["dispatch"])], failpoint="finish.before_commit@decode:stop:12")
    job_id = made.hand_in(1)[0]
    made.settle([job_id])
    # The other one has finished; the first wakes up later, finds itself fenced and says so.
    wait_for(lambda: made.cluster.logged("step.fenced") == 1)
    assert made.step(job_id, Step.DECODE).attempt == 2
    assert made.verdict().is_clean


def test_a_worker_that_was_stopped_inside_its_last_transaction_holds_nobody_up_for_long(make_scene: MakeScene) -> None:
    two = [Supervised(f"worker-{number}", ["worker", ALL, "1"], ELSEWHERE) for number in (1, 2)]
    # PostgreSQL ends a transaction in which nothing happens for 20 s, and with it the lock on the step.
    made = make_scene(
        [*two, Supervised("dispatch", ["dispatch"])], failpoint="transaction.before_commit@finish:stop:40"
    )
    job_id = made.hand_in(1)[0]
    made.settle([job_id])
    wait_for(lambda: made.cluster.logged("step.fenced") == 1)
    assert made.step(job_id, Step.PREPROCESS).attempt == 2
    assert made.verdict().is_clean


def test_a_message_that_was_taken_by_a_worker_that_never_ran_it_is_sent_again(make_scene: MakeScene) -> None:
    made = make_scene()
    made.settle(made.hand_in(1))
    worker = made.cluster.processes.named("worker")
    family = worker.family()
    for process in family:
        send(process, signal.SIGSTOP)
    ids = made.hand_in(2)
    # The kernel has given the stopped worker's connection a message, if one was waiting in a blocking read.
    time.sleep(1.0)
    for process in family:
        send(process, signal.SIGKILL)
    made.settle(ids)
    assert made.verdict().is_clean


def test_the_clock_of_a_workers_host_decides_nothing(make_scene: MakeScene) -> None:
    hour_late = {"VOXQUEUE_FAULTS_CLOCK_S": "-3600"}
    hour_early = {"VOXQUEUE_FAULTS_CLOCK_S": "3600"}
    workers = [
        Supervised("late", ["worker", ALL, "1"], hour_late),
        Supervised("dispatch", ["dispatch"], hour_early),
    ]
    made = make_scene(workers)
    ids = made.hand_in(2)
    made.settle(ids)
    assert made.verdict().is_clean
    assert [step.attempt for job_id in ids for step in made.client.status(job_id).steps] == [1] * len(STEPS) * 2


@pytest.mark.parametrize("poison", ["segfault", "abort", "hang"])
def test_an_input_that_takes_three_processes_with_it_is_set_aside_and_the_others_never_notice(
    make_scene: MakeScene, poison: str
) -> None:
    pretend = {"VOXQUEUE_FAULTS_POISON": poison}
    made = make_scene(None, pretend, step_deadline_s=6 if poison == "hang" else 600)
    bad = made.hand_in(sound=poisonous())[0]
    good = made.hand_in(2)
    made.settle([bad, *good], timeout_s=200)
    job = made.client.status(bad)
    assert (job.state, job.error_code) == (JobState.FAILED, "QUARANTINED")
    step = made.step(bad, Step.INFERENCE)
    assert (step.state, step.attempt) == (StepState.QUARANTINED, 3)
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == len(good)


def test_a_model_that_takes_long_to_load_is_waited_for_when_its_process_was_killed(make_scene: MakeScene) -> None:
    # Celery's own patience with a process that is started anew is 4 s.
    made = make_scene(None, {"VOXQUEUE_FAULTS_LOADING_S": "6"}, failpoint="step.body@inference:kill9")
    job_id = made.hand_in(1)[0]
    made.settle([job_id])
    assert made.step(job_id, Step.INFERENCE).attempt == 2
    assert made.verdict().is_clean
