"""The collector on a store of files: orphans, retention, deletion; beside running jobs, killed half-way (row 43)."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import update

from pipeline.errors import ResourceBusy
from pipeline.stages import STEPS, Step
from tests.integration.conftest import RuntimeMaker, hand_in
from tests.integration.jobs.conftest import transcript
from workers.collect import Collected, Collector
from workers.db.base import db_now
from workers.db.tables import chores
from workers.dispatch import Dispatcher
from workers.errors import JobDeleted
from workers.jobs import ArtifactRef, Lease
from workers.jobs.results import Result
from workers.runtime import Runtime
from workers.states import JobState
from workers.storage import LocalStore

DAY_S = 86_400.0


@pytest.fixture
def runtime(make_test_runtime: RuntimeMaker) -> Runtime:
    return make_test_runtime(broker_url="redis://127.0.0.1:1/0", keep_audio_days=1)


def writing(content: bytes) -> Callable[..., None]:
    def write(file: object) -> None:
        file.write(content)  # type: ignore[attr-defined]

    return write


def do_step(runtime: Runtime, lease: Lease) -> None:
    """What a worker does: read the input, verified, and leave a result."""
    with runtime.store.open(lease.input) as file:
        content = file.read()
    if lease.step is STEPS[-1]:
        runtime.jobs.finish(lease, Result(transcript=transcript()))
        return
    name = f"{lease.job_id}/{lease.step}.{lease.fence}"
    runtime.jobs.finish(lease, Result(artifact=runtime.store.put(name, writing(content + b"+"))))


def run_until(runtime: Runtime, job_id: str, stop: Step | None = None) -> None:
    for step in STEPS:
        if step is stop:
            return
        lease = runtime.jobs.claim(step, job_id, "worker")
        assert lease is not None
        do_step(runtime, lease)


def files_of(runtime: Runtime) -> set[str]:
    return {entry.key.split("/")[-1].split(".")[0] for entry in runtime.store.entries()}


def make_old(runtime: Runtime, key: str, days: float = 1.1) -> None:
    then = time.time() - days * DAY_S
    os.utime(runtime.settings.artifact_path / key, (then, then))


def test_what_lies_between_the_steps_goes_when_the_job_has_ended(runtime: Runtime) -> None:
    ended, running = hand_in(runtime), hand_in(runtime)
    run_until(runtime, ended)
    run_until(runtime, running, Step.DECODE)
    made = Collector(runtime).collect()
    assert (made.removals, made.orphans) == (1, 0)
    assert made.bytes > 0
    kept = {key.key.split("/")[0] + "/" + key.key.split("/")[1].split(".")[0] for key in runtime.store.entries()}
    assert kept == {f"{ended}/{step}" for step in ("source", "inference")} | {
        f"{running}/{step}" for step in ("source", "preprocess", "features", "inference")
    }
    assert runtime.jobs.receipts(ended)[0].finished_at is not None
    for step in STEPS[3:]:
        lease = runtime.jobs.claim(step, running, "worker")
        assert lease is not None
        do_step(runtime, lease)
    assert runtime.jobs.status(running).state is JobState.COMPLETED


def test_a_file_of_no_job_goes_after_a_day_and_not_before(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    [source] = [entry.key for entry in runtime.store.entries()]
    fresh = runtime.store.put(f"{job_id}/preprocess.1", writing(b"a worker is about to refer to it"))
    orphan = runtime.store.put(f"{job_id}/preprocess.0", writing(b"of a worker that died"))
    part = runtime.settings.artifact_path / job_id / ".half.part"
    part.write_bytes(b"half")
    for key in (source, orphan.key, f"{job_id}/.half.part"):
        make_old(runtime, key)
    made = Collector(runtime).collect()
    assert made == Collected(removals=0, orphans=2, bytes=orphan.size_bytes + 4)
    assert {entry.key for entry in runtime.store.entries()} == {source, fresh.key}


def test_a_deleted_job_is_gone_from_the_store_when_its_receipt_says_so(runtime: Runtime) -> None:
    job_id, other = hand_in(runtime), hand_in(runtime)
    run_until(runtime, job_id)
    receipt = Collector(runtime).delete(job_id)
    assert receipt.finished_at is not None
    assert {entry.key.split("/")[0] for entry in runtime.store.entries()} == {other}
    assert Collector(runtime).delete(job_id).files == receipt.files
    with pytest.raises(JobDeleted):
        runtime.jobs.document(job_id)


class DyingStore(LocalStore):
    """A store whose process ends when it is about to remove its second file."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.left = 1

    def remove(self, keys: object) -> None:
        for key in keys:  # type: ignore[attr-defined]
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            super().remove([key])


def test_a_collector_that_died_half_way_is_followed_by_one_that_finishes(
    runtime: Runtime, make_test_runtime: RuntimeMaker
) -> None:
    job_id = hand_in(runtime)
    run_until(runtime, job_id)
    dying = Runtime(**{**vars(runtime), "store": DyingStore(runtime.settings.artifact_path)})
    with pytest.raises(KeyboardInterrupt):
        Collector(dying).collect()
    assert len(files_of(runtime) & {"preprocess", "features", "decode"}) == 2
    assert [each.finished_at for each in runtime.jobs.receipts(job_id)] == [None]
    # Nothing refers to what may or may not be there: a retry begins before it.
    assert runtime.jobs.retry(job_id, Step.FORMAT) is Step.DECODE
    Collector(runtime).collect()
    assert files_of(runtime) == {"source", "inference"}
    assert [each.finished_at is None for each in runtime.jobs.receipts(job_id)] == [False]
    for step in (Step.DECODE, Step.FORMAT):
        lease = runtime.jobs.claim(step, job_id, "worker")
        assert lease is not None
        do_step(runtime, lease)
    assert runtime.jobs.status(job_id).state is JobState.COMPLETED


@pytest.fixture
def three_collectors(make_test_runtime: RuntimeMaker) -> Iterator[None]:
    """Collectors without a pause between their rounds; two find orphans to be anything older than the deadline."""
    stop = Event()
    eager = {"orphan_after_s": 2.0, "step_deadline_s": 2.0, "broker_url": "redis://127.0.0.1:1/0"}
    runtimes = [make_test_runtime(**eager) for _ in range(3)]

    def collect(runtime: Runtime) -> None:
        while not stop.wait(0.005):
            Collector(runtime).collect()

    threads = [Thread(target=collect, args=(each,)) for each in runtimes]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def test_collectors_that_race_running_jobs_take_nothing_that_is_needed(
    runtime: Runtime, three_collectors: None
) -> None:
    job_ids = [hand_in(runtime) for _ in range(12)]
    for job_id in job_ids:
        run_until(runtime, job_id)
        again = runtime.jobs.retry(job_id, Step.DECODE)
        for step in STEPS[STEPS.index(again) :]:
            lease = runtime.jobs.claim(step, job_id, "worker")
            assert lease is not None
            do_step(runtime, lease)
    assert {runtime.jobs.status(job_id).state for job_id in job_ids} == {JobState.COMPLETED}
    assert {runtime.jobs.status(job_id).version for job_id in job_ids} == {2}


def test_a_round_is_due_once_in_a_while_whoever_asks(runtime: Runtime) -> None:
    assert Collector(runtime).collect_when_due() == Collected()
    assert Collector(runtime).collect_when_due() is None
    runtime.database.run(lambda connection: connection.execute(update(chores).values(begun_at=db_now() - 601)))
    assert Collector(runtime).collect_when_due() == Collected()


def test_a_dispatcher_collects_beside_its_sweeps_even_while_the_broker_is_away(
    make_test_runtime: RuntimeMaker,
) -> None:
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0", collect_s=0.1)
    job_id = hand_in(runtime)
    run_until(runtime, job_id)
    stop = Event()
    thread = Thread(target=Dispatcher(runtime).run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 30
    while files_of(runtime) != {"source", "inference"}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop.set()
    thread.join()


def test_a_full_disk_fails_a_step_for_the_moment_only(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    lease = runtime.jobs.claim(Step.PREPROCESS, job_id, "worker")
    assert lease is not None
    assert runtime.jobs.fail(lease, ResourceBusy("artifact store: No space left on device")) is True
    time.sleep(0.05)
    run_until(runtime, job_id)
    assert isinstance(lease.source, ArtifactRef)
    assert runtime.jobs.status(job_id).state is JobState.COMPLETED
