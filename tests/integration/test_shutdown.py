"""Workers that are told to stop in the middle of a step, or whose pool process dies: who goes on, who is blamed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.stages import STEPS, Step
from tests.integration.conftest import RuntimeMaker, hand_in
from tests.integration.jobs.conftest import result_of
from workers.handover import Hands
from workers.identity import name_of
from workers.requests import bury, exit_status_in
from workers.runtime import Runtime
from workers.settings import Settings, environment_of
from workers.settings import settings as settings_of_process
from workers.states import JobState, StepState

ROOT = Path(__file__).parents[2]


def wait_until(holds: Callable[[], object], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def working(settings: Settings, queue: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "workers.worker", queue, "1"]
    with (settings.home_path / "worker.log").open("ab") as file:
        process = subprocess.Popen(command, env=environment_of(settings), cwd=ROOT, stdout=file, stderr=file)
    try:
        yield process
    finally:
        # Its pool dies with it.
        process.kill()
        process.wait()


@pytest.fixture
def stuck(make_test_runtime: RuntimeMaker, clean_broker_url: str) -> Runtime:
    """A runtime whose workers, with a lease of minutes, stay in the body of their first step."""
    return make_test_runtime(
        broker_url=clean_broker_url, failpoint="step.body:sleep:120", lease_s=300.0, shutdown_s=1.0, threads=1
    )


def job_at(runtime: Runtime, step: Step) -> str:
    job_id = hand_in(runtime)
    for each in STEPS[: STEPS.index(step)]:
        lease = runtime.jobs.claim(each, job_id, "somebody")
        assert lease is not None
        runtime.jobs.finish(lease, result_of(lease))
    runtime.announcer.announce(job_id, step)
    return job_id


def state_of(runtime: Runtime, job_id: str, step: Step) -> StepState:
    return next(each.state for each in runtime.jobs.status(job_id).steps if each.name is step)


@pytest.mark.parametrize(
    ("step", "how"),
    [
        (Step.PREPROCESS, signal.SIGTERM),
        (Step.PREPROCESS, signal.SIGQUIT),
        (Step.INFERENCE, signal.SIGTERM),
    ],
    ids=["fork, asked", "fork, urged", "spawn, asked"],
)
def test_a_step_that_takes_too_long_is_handed_back_and_another_worker_has_it_at_once(
    stuck: Runtime, step: Step, how: signal.Signals
) -> None:
    job_id = job_at(stuck, step)
    with working(stuck.settings, step) as worker:
        wait_until(lambda: state_of(stuck, job_id, step) is StepState.RUNNING)
        family = psutil.Process(worker.pid).children()
        os.kill(worker.pid, how)
        assert worker.wait(timeout=60) == 0
        assert psutil.wait_procs(family, timeout=10)[1] == []
    job = stuck.jobs.status(job_id)
    assert job.state is JobState.RUNNING
    assert state_of(stuck, job_id, step) is StepState.READY
    kinds = [event.kind for event in stuck.jobs.events_after(job_id)]
    assert kinds[-1] == "step.returned"
    assert "step.lost" not in kinds
    # It was announced too: nobody needs a dispatcher to go on.
    if how is signal.SIGTERM:
        assert stuck.announcer.queue_length(step) >= 1
    lease = stuck.jobs.claim(step, job_id, "another")
    assert lease is not None
    assert lease.fence == 2


def test_a_worker_that_is_asked_to_stop_finishes_what_does_not_take_long(
    make_test_runtime: RuntimeMaker, clean_broker_url: str
) -> None:
    runtime = make_test_runtime(
        broker_url=clean_broker_url, failpoint="step.body:sleep:1", lease_s=300.0, shutdown_s=60.0
    )
    job_id = job_at(runtime, Step.PREPROCESS)
    with working(runtime.settings, Step.PREPROCESS) as worker:
        wait_until(lambda: state_of(runtime, job_id, Step.PREPROCESS) is StepState.RUNNING)
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    # Six bytes are no recording: it was looked at to the end.
    job = runtime.jobs.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "UNRECOGNISED_FORMAT")


def test_a_pool_process_that_dies_frees_its_step_at_once_and_what_it_died_of_is_kept(stuck: Runtime) -> None:
    job_id = job_at(stuck, Step.PREPROCESS)
    with working(stuck.settings, Step.PREPROCESS) as worker:
        wait_until(lambda: state_of(stuck, job_id, Step.PREPROCESS) is StepState.RUNNING)
        [child] = psutil.Process(worker.pid).children()
        child.send_signal(signal.SIGSEGV)
        # The failpoint fires once: the worker's next process does the step to its end.
        wait_until(lambda: stuck.jobs.status(job_id).is_final)
    steps = stuck.jobs.status(job_id).steps
    assert (steps[0].error_code, steps[0].attempt) == ("UNRECOGNISED_FORMAT", 2)
    assert [event.kind for event in stuck.jobs.events_after(job_id)].count("step.lost") == 1


# A worker that takes one message and meets an error that nobody foresaw at the next.
FALLS_OVER = """
from workers.settings import settings
from workers.transport import _SparingChannel
from workers.worker import serve

read, taken = _SparingChannel._brpop_read, []

def read_one(self, **options):
    if taken:
        raise RuntimeError("defect")
    taken.append(read(self, **options))
    return taken[0]

_SparingChannel._brpop_read = read_one
raise SystemExit(serve(settings(), ["preprocess"], 1))
"""


def test_a_worker_that_falls_over_ends_and_hands_back_what_its_pool_holds(stuck: Runtime) -> None:
    job_id = job_at(stuck, Step.PREPROCESS)
    with subprocess.Popen([sys.executable, "-c", FALLS_OVER], env=environment_of(stuck.settings), cwd=ROOT) as worker:
        wait_until(lambda: state_of(stuck, job_id, Step.PREPROCESS) is StepState.RUNNING)
        stuck.announcer.announce(job_id)
        # By itself Celery would wait for its pool, in which nobody hears that it should end.
        assert worker.wait(timeout=60) not in (0, None)
    assert state_of(stuck, job_id, Step.PREPROCESS) is StepState.READY
    kinds = [event.kind for event in stuck.jobs.events_after(job_id)]
    assert (kinds[-1], "step.lost" in kinds) == ("step.returned", False)


def test_three_deaths_are_evidence_and_a_release_is_another_chance(
    make_test_runtime: RuntimeMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXQUEUE_HOME", str(tmp_path))
    monkeypatch.setenv("VOXQUEUE_DATABASE_URL", "")
    monkeypatch.setenv("VOXQUEUE_BROKER_URL", "redis://127.0.0.1:1/0")
    settings_of_process.cache_clear()
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0")
    poison, other = hand_in(runtime), hand_in(runtime)
    for pid in (11, 12, 13):
        lease = runtime.jobs.claim(Step.PREPROCESS, poison, name_of(pid))
        assert lease is not None
        assert lease.job_id == poison
        bury(pid, "signal 11 (SIGSEGV)")
    [evidence] = runtime.jobs.quarantined()
    assert (evidence.job_id, evidence.step, evidence.crashes) == (poison, Step.PREPROCESS, 3)
    assert [(each.outcome, each.exit_status) for each in evidence.attempts] == [("lost", "signal 11 (SIGSEGV)")] * 3
    assert evidence.input_sha256 == evidence.source_sha256
    assert runtime.jobs.quarantined(other) == []
    assert runtime.jobs.retry(poison) is Step.PREPROCESS
    assert runtime.jobs.quarantined() == []
    assert runtime.jobs.status(poison).state is JobState.QUEUED
    settings_of_process.cache_clear()


def test_the_exit_status_is_read_from_what_the_pool_says() -> None:
    assert exit_status_in("Worker exited prematurely: signal 9 (SIGKILL) Job: 3.") == "signal 9 (SIGKILL)"
    assert exit_status_in("Worker exited prematurely: exitcode 70 Job: 12.") == "exitcode 70"
    assert exit_status_in("gone") == "gone"


def test_hands_that_were_told_to_stop_take_nothing_more(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0")
    job_id = hand_in(runtime)
    hands = Hands()
    hands.hand_back(runtime)
    assert hands.take(lambda: runtime.jobs.claim(Step.PREPROCESS, job_id, "me")) is None
    willing = Hands()
    assert willing.take(lambda: runtime.jobs.claim(Step.PREPROCESS, job_id, "me")) is not None
    willing.hand_back(runtime)
    # A second time, or after the end of the step, there is nothing to give.
    willing.hand_back(runtime)
    kinds = [event.kind for event in runtime.jobs.events_after(job_id)]
    assert kinds.count("step.returned") == 1
    assert state_of(runtime, job_id, Step.PREPROCESS) is StepState.READY
