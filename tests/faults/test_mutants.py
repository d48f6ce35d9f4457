"""The checker tests itself: with a defect planted, what it finds clean without must not be clean any more.

The same mutants can be planted in real processes: `python -m tests.faults --mutant NAME`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pytest
from sqlalchemy import update

from pipeline.render import to_json
from pipeline.stages import STEPS, Step
from tests.faults import checker
from tests.faults.checker import Verdict
from tests.faults.mutants import MUTANTS
from tests.faults.recovery import Kill, recoveries
from tests.integration.jobs.conftest import transcript
from workers.db.base import db_now
from workers.db.migrate import upgrade
from workers.db.tables import steps
from workers.dispatch import Dispatcher
from workers.errors import Fenced
from workers.jobs import Lease, NewJob, reap
from workers.jobs.results import Result
from workers.runtime import Runtime, make_runtime
from workers.settings import Settings


@pytest.fixture
def runtime(empty_database_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """Quick in everything; the first commit of a new job is cut off before it is made."""
    made = make_runtime(
        Settings(
            home=tmp_path,
            database_url=empty_database_url,
            broker_url=valkey_url,
            failpoint="transaction.before_commit@create:cut,transaction.before_commit@answer_first:cut",
        )
    )
    upgrade(made.database)
    made.announcer.app.control.purge()
    yield made
    made.announcer.app.close()
    made.database.dispose()


def hand_in(runtime: Runtime) -> str:
    job_id = str(uuid4())
    source = runtime.store.put(f"{job_id}/source.0", partial(_write, "speech"))
    return runtime.jobs.create(NewJob(id=job_id, source=source, file_name="call.wav"))


def _write(text: str, file: BinaryIO) -> None:
    file.write(text.encode())


def finish(runtime: Runtime, lease: Lease | None) -> None:
    """What a worker does at the end of a step, by what it knows."""
    if lease is None:
        return
    if lease.step is STEPS[-1]:
        result = Result(transcript=transcript())
    else:
        name = f"{lease.job_id}/{lease.step}.{lease.fence}"
        ref = runtime.store.put(name, partial(_write, name))
        result = Result(artifact=ref, duration_s=1.5)
    with suppress(Fenced):
        runtime.jobs.finish(lease, result)


def work(runtime: Runtime, job_id: str, *, until: Step | None = None) -> None:
    """Every step in turn, as far as one is ready."""
    for step in STEPS:
        if step is until:
            return
        finish(runtime, runtime.jobs.claim(step, job_id, "worker-1"))


def overdue(runtime: Runtime) -> None:
    runtime.database.run(lambda connection: connection.execute(update(steps).values(lease_until=db_now() - 1)))


def a_worker_wakes_up_late(runtime: Runtime) -> str:
    """It was stopped past its lease; another holds its step when it finishes."""
    job_id = hand_in(runtime)
    work(runtime, job_id, until=Step.DECODE)
    late = runtime.jobs.claim(Step.DECODE, job_id, "worker-1")
    overdue(runtime)
    runtime.jobs.reap()
    other = runtime.jobs.claim(Step.DECODE, job_id, "worker-2")
    finish(runtime, late)
    finish(runtime, other)
    work(runtime, job_id)
    return job_id


def a_dispatcher_is_slow(runtime: Runtime) -> str:
    """Between its look at overdue steps and its act, the worker finishes."""
    job_id = hand_in(runtime)
    work(runtime, job_id, until=Step.DECODE)
    held = runtime.jobs.claim(Step.DECODE, job_id, "worker-1")
    overdue(runtime)
    with runtime.database.read() as connection:
        lost = reap.lost_steps(connection)
    finish(runtime, held)
    for each in lost:
        runtime.database.run(partial(reap.take_back, lost=each, policy=runtime.jobs.policy))
    work(runtime, job_id, until=Step.FORMAT)
    work(runtime, job_id)
    return job_id


def a_commit_fails(runtime: Runtime) -> str:
    """The caller of a new job is told that it was taken."""
    job_id = hand_in(runtime)
    work(runtime, job_id)
    return job_id


def a_message_is_lost(runtime: Runtime) -> str:
    """The broker was emptied; a worker begins when a message comes, and no sooner."""
    job_id = hand_in(runtime)
    dispatcher = Dispatcher(runtime)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and not runtime.announcer.queue_length(Step.PREPROCESS):
        dispatcher.sweep()
        time.sleep(0.1)
    if runtime.announcer.queue_length(Step.PREPROCESS):
        work(runtime, job_id)
    return job_id


SCENES: dict[str, Callable[[Runtime], str]] = {
    "no-fence": a_worker_wakes_up_late,
    "reaper-without-compare-and-set": a_dispatcher_is_slow,
    "publish-before-commit": a_commit_fails,
    "ack-without-dispatch": a_message_is_lost,
}


def verdict_on(runtime: Runtime, job_id: str) -> Verdict:
    document = to_json(transcript())
    return checker.check(checker.read(runtime.database), {job_id: 0}, lambda _: document, runtime.store, 3)


@pytest.mark.parametrize("name", SCENES)
def test_without_a_defect_everything_is_clean(runtime: Runtime, name: str) -> None:
    verdict = verdict_on(runtime, SCENES[name](runtime))
    assert verdict.is_clean, verdict
    assert verdict.completed == 1


@pytest.mark.parametrize("name", SCENES)
def test_the_checker_notices_the_defect(runtime: Runtime, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    monkeypatch.setattr(mutant.owner, mutant.attribute, mutant.replacement)
    assert not verdict_on(runtime, SCENES[name](runtime)).is_clean


@pytest.mark.parametrize("name", ["publish-before-commit", "no-fence"])
def test_a_verdict_says_which_promise_was_broken(runtime: Runtime, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    monkeypatch.setattr(mutant.owner, mutant.attribute, mutant.replacement)
    verdict = verdict_on(runtime, SCENES[name](runtime))
    assert bool(verdict.lost) is (name == "publish-before-commit")
    assert bool(verdict.twice) is (name == "no-fence")


def test_another_text_than_the_oracles_is_wrong(runtime: Runtime) -> None:
    job_id = a_commit_fails(runtime)
    found = checker.read(runtime.database)
    verdict = checker.check(found, {job_id: 0}, lambda _: "another", runtime.store, 3)
    assert list(verdict.wrong) == [job_id]


def test_bytes_that_were_changed_or_lost_are_wrong(runtime: Runtime) -> None:
    job_id = a_commit_fails(runtime)
    next(iter((runtime.settings.artifact_path / job_id).glob("decode.*"))).write_bytes(b"changed")
    next(iter((runtime.settings.artifact_path / job_id).glob("features.*"))).unlink()
    assert list(verdict_on(runtime, job_id).wrong) == [job_id]


def test_a_job_that_has_not_ended_is_stuck_and_one_that_is_gone_is_lost(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    found = checker.read(runtime.database)
    verdict = checker.check(found, {job_id: 0, "of nobody": 1}, lambda _: "", runtime.store, 3)
    assert (list(verdict.stuck), list(verdict.lost)) == ([job_id], ["of nobody"])


def test_recovery_is_counted_from_the_kill_to_the_next_attempt(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    runtime.jobs.claim(Step.PREPROCESS, job_id, "host:0:4711")
    time.sleep(0.1)
    killed_at = time.time()
    time.sleep(0.3)
    runtime.jobs.reap(["host:0:4711"])
    work(runtime, job_id)
    kills = [Kill("child", 4711, killed_at), Kill("child", 4712, killed_at)]
    (recovery,) = recoveries(checker.read(runtime.database), kills)
    assert (recovery.job_id, recovery.step) == (job_id, Step.PREPROCESS)
    assert 0.25 < recovery.freed_s <= recovery.again_s < 60
