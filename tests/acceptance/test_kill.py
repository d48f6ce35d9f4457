"""`kill -9` of a worker in the middle of a step: the job completes, once."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from pipeline.stages import Step
from tests.acceptance.conftest import DEMO_CALL, ROLES
from workers.client import Client
from workers.jobs import StepStatus
from workers.states import JobState, StepState


@pytest.fixture(scope="module")
def long_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo call four times over: long enough that each step can be met while it runs."""
    path = tmp_path_factory.mktemp("audio") / "long.wav"
    content = DEMO_CALL.read_bytes()
    at = content.index(b"data") + 8
    data = content[at:] * 4
    head = content[: at - 4] + len(data).to_bytes(4, "little")
    path.write_bytes(b"RIFF" + (len(head) + len(data) - 8).to_bytes(4, "little") + head[8:] + data)
    return path


def step_of(client: Client, job_id: str, step: Step) -> StepStatus:
    return next(each for each in client.status(job_id).steps if each.name is step)


def running_process(client: Client, job_id: str, step: Step) -> psutil.Process:
    """The process that runs the step just now."""
    deadline = time.monotonic() + 60
    while (found := step_of(client, job_id, step)).state is not StepState.RUNNING:
        assert found.state is not StepState.DONE, "the step was done before it was seen"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert found.worker is not None
    return psutil.Process(int(found.worker.rpartition(":")[2]))


@pytest.mark.parametrize("who", ["the process of the step", "its worker"])
@pytest.mark.parametrize("step", [Step.PREPROCESS, Step.INFERENCE])
def test_a_job_whose_worker_is_killed_completes_once(client: Client, long_call: Path, step: Step, who: str) -> None:
    recording = long_call if step is Step.PREPROCESS else DEMO_CALL
    job = client.enqueue(recording, roles=ROLES)
    victim = running_process(client, job.id, step)
    os.kill(victim.pid if who == "the process of the step" else victim.ppid(), signal.SIGKILL)
    if step is Step.PREPROCESS:
        # What comes after is as long as the recording, and no part of this test.
        _wait_for_done(client, job.id, step)
        client.cancel(job.id)
    else:
        assert client.wait(job.id, timeout_s=90).state is JobState.COMPLETED
    kinds = [event.kind for event in client.runtime.jobs.events_after(job.id)]
    assert step_of(client, job.id, step).attempt == 2
    assert kinds.count("step.lost") == 1
    assert kinds.count("job.completed") == (step is Step.INFERENCE)


def _wait_for_done(client: Client, job_id: str, step: Step) -> None:
    deadline = time.monotonic() + 90
    while step_of(client, job_id, step).state is not StepState.DONE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
