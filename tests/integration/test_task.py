"""What every step does around its work: claim, hold, end; whatever the work does."""

import errno
import time
from collections.abc import Callable

import pytest
from celery.exceptions import Ignore
from sqlalchemy import update

from pipeline.errors import CorruptHeader, OutOfMemory
from pipeline.stages import Step
from pipeline.values import Recording, Span, Stream, WordSegment
from tests.integration.conftest import hand_in
from workers.db.base import db_now
from workers.db.tables import steps
from workers.errors import Fenced
from workers.jobs import ArtifactRef
from workers.jobs.results import Result
from workers.runtime import Runtime
from workers.states import JobState, StepState
from workers.task import Hold, run_step


@pytest.fixture
def runtime(make_test_runtime: Callable[..., Runtime]) -> Runtime:
    return make_test_runtime()


def work_well(_runtime: Runtime, hold: Hold) -> Result:
    return Result(artifact=ArtifactRef(f"{hold.lease.job_id}/x.{hold.lease.fence}", "0" * 64, 1))


def lose(runtime: Runtime) -> None:
    """Take every running step away from its worker."""
    runtime.database.run(
        lambda connection: connection.execute(
            update(steps).where(steps.c.state == StepState.RUNNING).values(lease_until=db_now() - 1)
        )
    )
    runtime.jobs.reap()


def test_a_step_that_works_is_done_and_its_chain_goes_on(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    run_step(runtime, Step.PREPROCESS, job_id, work_well)
    states = [step.state for step in runtime.jobs.status(job_id).steps]
    assert states[:2] == [StepState.DONE, StepState.READY]


def test_a_second_message_for_a_done_step_does_nothing_and_lets_the_chain_go_on(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    run_step(runtime, Step.PREPROCESS, job_id, work_well)

    def must_not_run(_runtime: Runtime, _hold: Hold) -> Result:
        pytest.fail("the step ran twice")

    run_step(runtime, Step.PREPROCESS, job_id, must_not_run)


@pytest.mark.parametrize(
    "shortage", [OSError(errno.EMFILE, "files"), RuntimeError("can't start new thread"), MemoryError()]
)
def test_a_machine_that_is_short_of_something_is_waited_for(runtime: Runtime, shortage: Exception) -> None:
    job_id = hand_in(runtime)

    def starve(_runtime: Runtime, _hold: Hold) -> Result:
        raise shortage

    with pytest.raises(Ignore):
        run_step(runtime, Step.PREPROCESS, job_id, starve)
    step = runtime.jobs.status(job_id).steps[0]
    assert (step.state, runtime.jobs.status(job_id).error_code) == (StepState.READY, None)


def test_a_message_for_a_step_that_is_not_ready_stops_its_chain(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    with pytest.raises(Ignore):
        run_step(runtime, Step.DECODE, job_id, work_well)


def test_bad_input_fails_the_job_and_stops_the_chain(runtime: Runtime) -> None:
    job_id = hand_in(runtime)

    def refuse(_runtime: Runtime, _hold: Hold) -> Result:
        raise CorruptHeader("no data")

    with pytest.raises(Ignore):
        run_step(runtime, Step.PREPROCESS, job_id, refuse)
    assert runtime.jobs.status(job_id).error_code == "CORRUPT_HEADER"


def test_a_transient_error_is_tried_again(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    tries = []

    def fail_once(inner: Runtime, hold: Hold) -> Result:
        tries.append(hold.lease.fence)
        if len(tries) == 1:
            raise OutOfMemory
        return work_well(inner, hold)

    with pytest.raises(Ignore):
        run_step(runtime, Step.PREPROCESS, job_id, fail_once)
    time.sleep(0.05)
    run_step(runtime, Step.PREPROCESS, job_id, fail_once)
    assert tries == [1, 2]
    assert runtime.jobs.status(job_id).steps[0].state is StepState.DONE


def test_a_defect_fails_the_job_as_internal_and_is_not_hidden_from_celery(runtime: Runtime) -> None:
    job_id = hand_in(runtime)

    def divide(_runtime: Runtime, _hold: Hold) -> Result:
        raise ZeroDivisionError("secret detail")

    with pytest.raises(ZeroDivisionError):
        run_step(runtime, Step.PREPROCESS, job_id, divide)
    job = runtime.jobs.status(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "INTERNAL")
    assert "secret" not in (job.error_message or "")


def test_a_long_step_is_held_by_its_heartbeat(runtime: Runtime) -> None:
    job_id = hand_in(runtime)

    def work_for_two_leases(inner: Runtime, hold: Hold) -> Result:
        until = time.monotonic() + 2 * inner.settings.lease_s
        while time.monotonic() < until:
            assert inner.jobs.reap() == []
            time.sleep(0.1)
        return work_well(inner, hold)

    run_step(runtime, Step.PREPROCESS, job_id, work_for_two_leases)
    assert runtime.jobs.status(job_id).steps[0].attempt == 1


def test_the_progress_of_a_running_step_is_told(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    seen = []

    def work_slowly(inner: Runtime, hold: Hold) -> Result:
        hold.progress(0.4)
        time.sleep(0.5)
        seen.append(inner.jobs.status(job_id).steps[0].progress)
        return work_well(inner, hold)

    run_step(runtime, Step.PREPROCESS, job_id, work_slowly)
    assert seen == [0.4]


def test_a_stream_that_is_watched_tells_how_far_it_is(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    lease = runtime.jobs.claim(Step.PREPROCESS, job_id, "worker-1")
    assert lease is not None
    recording = Recording(duration_s=10.0, sample_rate_hz=8000, codec="WAV/PCM_16", channels=())
    segments = [WordSegment(Span(0, 0.0, 5.0), ()), WordSegment(Span(0, 5.0, 8.0), ())]
    with Hold(runtime, lease) as hold:
        assert list(hold.watch(Stream(recording, segments)).segments) == segments
        time.sleep(0.3)
        assert runtime.jobs.status(job_id).steps[0].progress == 0.8


def test_a_worker_that_lost_its_step_is_stopped_at_its_next_progress_and_writes_nothing(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    noticed = []

    def work_on(inner: Runtime, hold: Hold) -> Result:
        lose(inner)
        try:
            for _ in range(50):
                time.sleep(0.1)
                hold.progress(0.5)
        except Fenced:
            noticed.append(True)
            raise
        return work_well(inner, hold)

    with pytest.raises(Ignore):
        run_step(runtime, Step.PREPROCESS, job_id, work_on)
    assert noticed == [True]
    assert runtime.jobs.status(job_id).steps[0].state is StepState.READY


def test_a_worker_that_lost_its_step_unnoticed_cannot_finish_it(runtime: Runtime) -> None:
    job_id = hand_in(runtime)

    def lose_at_the_end(inner: Runtime, hold: Hold) -> Result:
        lose(inner)
        return work_well(inner, hold)

    with pytest.raises(Ignore):
        run_step(runtime, Step.PREPROCESS, job_id, lose_at_the_end)
    assert runtime.jobs.status(job_id).steps[0].state is StepState.READY
