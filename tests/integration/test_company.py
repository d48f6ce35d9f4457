"""Steps of several jobs in one process: each ends by itself, whatever becomes of the others."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from pipeline.errors import CorruptHeader
from pipeline.stages import Step
from tests.integration.conftest import RuntimeMaker, hand_in
from workers.company import Company
from workers.jobs import ArtifactRef
from workers.jobs.results import Result
from workers.runtime import Runtime
from workers.states import JobState, StepState
from workers.task import Hold

STEP = Step.PREPROCESS
Act = Callable[[], None]


@pytest.fixture
def runtime(make_test_runtime: RuntimeMaker) -> Runtime:
    return make_test_runtime(broker_url="redis://127.0.0.1:1/0")


class Scene:
    """A company whose steps wait at a gate; it keeps which ran, in order, and how many at once."""

    def __init__(self, runtime: Runtime, most: int = 8) -> None:
        self.runtime = runtime
        self.gate = threading.Event()
        self.began: list[str] = []
        self.company = Company(runtime, STEP, self._work, lambda count: count < most)
        self.most_at_once = 0
        self._running = 0
        self.acts: dict[str, Act] = {}

    def _work(self, _runtime: Runtime, hold: Hold) -> Result:
        job_id = hold.lease.job_id
        self.began.append(job_id)
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            assert self.gate.wait(10)
            self.acts.get(job_id, lambda: None)()
        finally:
            self._running -= 1
        return Result(artifact=ArtifactRef(f"{job_id}/x.{hold.lease.fence}", "0" * 64, 1))

    def state(self, job_id: str) -> StepState:
        return self.runtime.jobs.status(job_id).steps[0].state

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.began) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_one_message_begins_what_there_is_room_for_and_returns_when_its_own_step_is_done(runtime: Runtime) -> None:
    jobs = [hand_in(runtime) for _ in range(5)]
    scene = Scene(runtime, most=3)
    with ThreadPoolExecutor(1) as messages:
        first = messages.submit(scene.company.serve, jobs[0])
        scene.wait_for(3)
        assert scene.began[0] == jobs[0]
        scene.gate.set()
        assert first.result() is True
    # The message of a step that another one's has begun waits for it, and that of one that was done returns at once.
    for job_id in jobs[1:]:
        scene.company.serve(job_id)
    scene.company.end()
    assert {scene.state(job_id) for job_id in jobs} == {StepState.DONE}
    assert scene.most_at_once == 3
    assert scene.company.serve(jobs[0]) is False


def test_a_job_that_becomes_ready_while_another_runs_is_begun_beside_it(runtime: Runtime) -> None:
    scene = Scene(runtime)
    with ThreadPoolExecutor(1) as messages:
        first = messages.submit(scene.company.serve, hand_in(runtime))
        scene.wait_for(1)
        late = hand_in(runtime)
        scene.wait_for(2)
        scene.gate.set()
        assert first.result()
    scene.company.end()
    assert scene.state(late) is StepState.DONE


def test_an_error_ends_the_job_that_made_it_and_no_other(runtime: Runtime) -> None:
    def refuse() -> None:
        raise CorruptHeader("no data")

    def fall_over() -> None:
        raise ZeroDivisionError

    jobs = [hand_in(runtime) for _ in range(4)]
    scene = Scene(runtime)
    scene.acts = {jobs[1]: refuse, jobs[2]: fall_over}
    scene.gate.set()
    assert scene.company.serve(jobs[0])
    for job_id in jobs[1:]:
        # Unless it had ended by then, which is told to nobody.
        with suppress(ZeroDivisionError):
            scene.company.serve(job_id)
    scene.company.end()
    states = [runtime.jobs.status(job_id) for job_id in jobs]
    assert [each.error_code for each in states] == [None, "CORRUPT_HEADER", "INTERNAL", None]
    assert [each.steps[0].state is StepState.DONE for each in states] == [True, False, False, True]


def test_what_nobody_foresaw_fails_the_message_of_its_own_job(runtime: Runtime) -> None:
    def fall_over() -> None:
        raise ZeroDivisionError

    job_id = hand_in(runtime)
    scene = Scene(runtime)
    scene.acts = {job_id: fall_over}
    scene.gate.set()
    with pytest.raises(ZeroDivisionError):
        scene.company.serve(job_id)


def test_a_canceled_job_stops_and_its_neighbours_go_on(runtime: Runtime) -> None:
    jobs = [hand_in(runtime) for _ in range(2)]
    scene = Scene(runtime)
    with ThreadPoolExecutor(1) as messages:
        first = messages.submit(scene.company.serve, jobs[0])
        scene.wait_for(2)
        runtime.jobs.cancel(jobs[1])
        scene.gate.set()
        assert first.result()
    scene.company.end()
    assert runtime.jobs.status(jobs[1]).state is JobState.CANCELED
    assert scene.state(jobs[0]) is StepState.DONE


def test_a_step_that_was_begun_before_runs_alone_so_that_a_crash_is_its_own(runtime: Runtime) -> None:
    suspect, *others = [hand_in(runtime) for _ in range(4)]
    lease = runtime.jobs.claim(STEP, suspect, "somebody")
    assert lease is not None
    runtime.jobs.give_back(lease)
    scene = Scene(runtime)
    seen: list[int] = []
    scene.acts = {suspect: lambda: seen.append(scene._running)}
    scene.gate.set()
    for job_id in (others[0], suspect, *others[1:]):
        scene.company.serve(job_id)
    scene.company.end()
    assert seen == [1]
    assert {scene.state(job_id) for job_id in (suspect, *others)} == {StepState.DONE}


def test_where_one_crash_is_enough_to_be_set_aside_every_step_runs_alone(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0", max_crashes=1)
    jobs = [hand_in(runtime) for _ in range(3)]
    scene = Scene(runtime)
    scene.gate.set()
    for job_id in jobs:
        scene.company.serve(job_id)
    scene.company.end()
    assert scene.most_at_once == 1
    assert {scene.state(job_id) for job_id in jobs} == {StepState.DONE}


def test_a_message_whose_step_nobody_may_run_now_returns_at_once(runtime: Runtime) -> None:
    scene = Scene(runtime)
    held = hand_in(runtime)
    assert runtime.jobs.claim(STEP, held, "another") is not None
    assert scene.company.serve(held) is False
    assert scene.began == []


def test_the_next_step_of_a_job_is_announced_when_it_ends_beside_another(
    make_test_runtime: RuntimeMaker, clean_broker_url: str
) -> None:
    runtime = make_test_runtime(broker_url=clean_broker_url)
    jobs = [hand_in(runtime) for _ in range(2)]
    scene = Scene(runtime)
    with ThreadPoolExecutor(1) as messages:
        first = messages.submit(scene.company.serve, jobs[0])
        scene.wait_for(2)
        scene.gate.set()
        assert first.result()
    scene.company.end()
    # That of the first is for its own chain.
    assert runtime.announcer.queue_length(Step.FEATURES) == 1
