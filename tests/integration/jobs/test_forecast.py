"""Queue position and time to go: against queues that are reckoned by hand, and from rows of both databases."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import update

from pipeline.stages import STEPS, Step
from tests.integration.jobs.conftest import new_job
from workers.db.session import Database
from workers.db.tables import attempts
from workers.jobs import Jobs, Lease
from workers.jobs.forecast import Outlook, Pace, Pending, Run, outlooks, paces_of

PACES = {step: Pace(0.5 if step is Step.INFERENCE else 0.1, 1) for step in STEPS}
ALL = dict.fromkeys(STEPS, 1.0)


def job(name: str, audio_s: float | None = 100.0, *, is_queued: bool = True, **left: float) -> Pending:
    return Pending(name, is_queued, audio_s, {Step(step): share for step, share in left.items()} or ALL)


def test_a_job_alone_takes_what_its_steps_take() -> None:
    assert outlooks([job("a")], PACES, 0.0) == {"a": Outlook(1, 90.0)}


def test_who_waits_waits_for_the_slowest_queue() -> None:
    found = outlooks([job("a"), job("b"), job("c", 10.0)], PACES, 0.0)
    assert [found[name].position for name in "abc"] == [1, 2, 3]
    assert [found[name].eta_s for name in "abc"] == [90.0, 140.0, 141.0]


def test_two_workers_end_the_wait_and_do_not_halve_the_work() -> None:
    paces = {**PACES, Step.INFERENCE: Pace(0.5, 2, 2)}
    assert outlooks([job("a"), job("b")], paces, 0.0)["b"].eta_s == 10.0 + 90.0


def test_a_job_that_runs_has_no_place_and_only_its_rest_to_do() -> None:
    found = outlooks([job("a", is_queued=False, inference=0.5, decode=1.0, format=1.0), job("b")], PACES, 0.0)
    assert found == {"a": Outlook(None, 45.0), "b": Outlook(1, 25.0 + 50.0 + 20.0)}


def test_audio_of_unknown_length_is_taken_for_usual_and_nothing_is_made_up_without_a_pace() -> None:
    assert outlooks([job("a", None)], PACES, 200.0)["a"].eta_s == 180.0
    assert outlooks([job("a")], {}, 0.0) == {"a": Outlook(1, None)}
    assert outlooks([job("a", inference=1.0)], {Step.DECODE: Pace(1, 1)}, 0.0)["a"].eta_s is None


def test_a_pace_is_work_by_audio_and_counts_the_workers_of_late() -> None:
    runs = [
        Run(Step.INFERENCE, "gone", 1000.0, 10.0, 100.0),
        Run(Step.INFERENCE, "one", 2000.0, 20.0, 100.0),
        Run(Step.INFERENCE, "two", 1990.0, 30.0, 100.0),
        Run(Step.DECODE, "one", 2000.0, 5.0, 0.0),
    ]
    (pace,) = paces_of(runs).values()
    assert pace.work == pytest.approx(0.2)
    assert (pace.at_once, pace.processes) == (2, 2)


def test_steps_that_one_process_has_open_together_count_as_so_many_at_once() -> None:
    # Four calls of 100 s in the same 40 s: the queue runs dry at 10 s a call, and each takes 40.
    together = [Run(Step.INFERENCE, "one", 1000.0, 40.0, 100.0) for _ in range(4)]
    (pace,) = paces_of(together).values()
    assert pace.work == pytest.approx(0.4)
    assert pace.at_once == pytest.approx(4.0)
    # The next four are begun together as well: none waits for the others, a fifth does, and then has the model alone.
    begun = [job(name, is_queued=False, inference=0.99) for name in "abcd"]
    found = outlooks([*begun, job("e", inference=1.0)], {Step.INFERENCE: pace}, 0.0)
    assert [found[name].eta_s for name in "abcd"] == [39.6] * 4
    assert found["e"].eta_s == pytest.approx(39.6 + 10.0)


def test_what_is_begun_tells_the_pace_before_it_is_done(
    jobs: Jobs, database: Database, claimed: Callable[..., Lease], run_until: Callable[..., None]
) -> None:
    run_until(jobs.create(new_job()))
    begun = [jobs.create(new_job()) for _ in range(2)]
    for each in begun:
        run_until(each, Step.INFERENCE)
        jobs.heartbeat(claimed(Step.INFERENCE, each), 0.5)
    with database.engine.begin() as connection:
        connection.execute(update(attempts).where(attempts.c.ended_at.is_(None)).values(started_at=time.time() - 100))
    # 200 s of work for two halves, side by side, and none for the one that is done: a whole one takes 100.
    assert [jobs.forecast()[each].eta_s for each in begun] == pytest.approx([50.0] * 2, abs=3.0)


def test_jobs_stand_in_the_order_in_which_they_are_claimed(
    jobs: Jobs, claimed: Callable[..., Lease], run_until: Callable[..., None]
) -> None:
    run_until(jobs.create(new_job()))
    waiting = [jobs.create(new_job(priority=priority)) for priority in (0, 0, 5)]
    running = jobs.create(new_job(priority=9))
    claimed(Step.PREPROCESS, running)
    jobs.cancel(jobs.create(new_job()))
    found = jobs.forecast()
    assert {name: found[name].position for name in found} == {
        running: None, waiting[2]: 1, waiting[0]: 2, waiting[1]: 3,
    }  # fmt: skip
    assert all(outlook.eta_s is not None and outlook.eta_s >= 0 for outlook in found.values())
    assert claimed(Step.PREPROCESS, waiting[0]).job_id == waiting[2]
