"""Models that are slow, and devices that are lost (rows 29 and 30 of docs/faults.md)."""

import pytest

from pipeline.stages import Step
from tests.faults.conftest import MakeScene
from tests.faults.door import Door
from tests.faults.processes import Supervised
from tests.faults.recordings import poisonous, recording
from tests.faults.scene import SMALL, wait_for
from workers.states import JobState

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
MOST_JOBS = 4


def test_a_model_many_times_slower_than_a_lease_keeps_its_steps_and_callers_are_told_to_come_again(
    make_scene: MakeScene,
) -> None:
    door = Door()
    wanted = [Supervised(name, arguments) for name, arguments in SMALL]
    # A second of speech takes twenty, and a lease is over after two.
    made = make_scene(
        [*wanted, door.process], {"VOXQUEUE_FAULTS_SLOW_S": "20"}, lease_s=2, tenant_jobs=MOST_JOBS, threads=1
    )
    door.wait_open()
    for number in range(MOST_JOBS):
        job_id, _ = door.hand_in(recording(number), f"key-{number}")
        made.taken[job_id] = number
    refused = door.ask(recording(MOST_JOBS), "one-too-many")
    assert refused is not None
    assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert int(refused.headers["retry-after"]) >= 1
    made.settle(list(made.taken), timeout_s=300)
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == MOST_JOBS
    # Heartbeats held every lease: nothing was done twice.
    assert [made.step(job_id, Step.INFERENCE).attempt for job_id in made.taken] == [1] * MOST_JOBS
    assert door.hand_in(recording(MOST_JOBS), "one-too-many")[1] == 1


def test_a_process_whose_device_is_lost_ends_and_the_next_one_runs_the_step(make_scene: MakeScene) -> None:
    made = make_scene(None, {"VOXQUEUE_FAULTS_POISON": "device"}, lease_s=60)
    struck = made.hand_in(sound=poisonous())[0]
    beside = made.hand_in(2)
    made.settle([struck, *beside])
    job = made.client.status(struck)
    assert job.state is JobState.COMPLETED
    assert made.step(struck, Step.INFERENCE).attempt == 2
    wait_for(lambda: made.cluster.logged("device.lost") == 1)
    verdict = made.verdict()
    assert verdict.is_clean, verdict
    assert verdict.completed == len(beside)
