"""Whether work gets done, asked through a real broker and answered by a real worker's pool."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from pipeline.stages import Step
from tests.integration.conftest import RuntimeMaker, hand_in
from tests.integration.test_shutdown import working
from workers import health
from workers.db.base import db_now
from workers.db.tables import steps
from workers.dispatch import Dispatcher
from workers.errors import BrokerAway
from workers.health import Answer
from workers.jobs.waiting import Waiting
from workers.runtime import Runtime


@pytest.fixture
def runtime(make_test_runtime: RuntimeMaker, clean_broker_url: str) -> Iterator[Runtime]:
    made = make_test_runtime(broker_url=clean_broker_url, alarm_after_s=30.0, lease_s=300.0)
    yield made
    made.announcer.app.close()


def let_wait(runtime: Runtime, seconds: float) -> None:
    """As if every ready step had been ready for that long."""
    runtime.database.run(
        lambda connection: connection.execute(
            update(steps).where(steps.c.state == "ready").values(ready_at=db_now() - seconds)
        )
    )


def test_a_worker_answers_from_its_pool_and_a_queue_without_one_is_silent(runtime: Runtime) -> None:
    with working(runtime.settings, Step.PREPROCESS):
        deadline = time.monotonic() + 100
        found = health.examine(runtime, ["preprocess", "features"], timeout_s=1.0)
        while found.queues[0].answer is not Answer.ANSWERED:
            assert time.monotonic() < deadline
            found = health.examine(runtime, ["preprocess", "features"], timeout_s=1.0)
    assert [each.answer for each in found.queues] == [Answer.ANSWERED, Answer.SILENT]
    assert [each.is_well for each in found.queues] == [True, False]
    assert not found.is_well
    assert found.document["status"] == "degraded"
    assert found.document["queues"][1]["took_s"] is None


def test_a_queue_whose_workers_are_all_at_work_is_busy_and_well(runtime: Runtime) -> None:
    hand_in(runtime)
    assert runtime.jobs.claim(Step.PREPROCESS, "", "worker") is not None
    hand_in(runtime)
    let_wait(runtime, 1000)
    [found] = health.examine(runtime, ["preprocess"], timeout_s=0.3).queues
    assert (found.answer, found.ready, found.running, found.is_stalled) == (Answer.BUSY, 1, 1, False)
    assert found.oldest_s == pytest.approx(1000, abs=60)
    assert health.stalled(runtime) == []


def answering(runtime: Runtime, token: str) -> None:
    runtime.announcer.answer_ping(token, "preprocess")


def test_steps_that_wait_while_nobody_works_are_an_alarm(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    hand_in(runtime)
    assert health.stalled(runtime) == []
    let_wait(runtime, 31)
    [found] = health.stalled(runtime)
    assert (found.queue, found.ready, found.is_stalled) == ("preprocess", 1, True)
    stop = threading.Event()
    quick = Runtime(**{**vars(runtime), "settings": runtime.settings.model_copy(update={"collect_s": 0.05})})
    thread = threading.Thread(target=Dispatcher(quick)._collect, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 60
    while "queue.stalled" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop.set()
    thread.join()


def test_an_idle_worker_beside_steps_that_have_waited_long_is_an_alarm_too() -> None:
    waiting = Waiting(ready=2, oldest_s=61.0, running=1)
    assert health._judge("decode", 0.01, waiting, 60.0).is_stalled
    assert not health._judge("decode", 0.01, Waiting(2, 59.0, 1), 60.0).is_stalled
    assert not health._judge("decode", None, waiting, 60.0).is_stalled
    assert health._judge("deliver", None, None, 60.0).answer is Answer.SILENT


def test_answers_are_told_apart_by_their_question_and_waited_for_no_longer_than_said(runtime: Runtime) -> None:
    answering(runtime, "one")
    started_at = time.monotonic()
    assert runtime.announcer.await_pong("two", 0.1) is None
    assert time.monotonic() - started_at < 20
    assert runtime.announcer.await_pong("one", 1.0) == "preprocess"


def test_a_broker_that_is_away_is_said_soon(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0")
    started_at = time.monotonic()
    with pytest.raises(BrokerAway):
        health.examine(runtime)
    assert time.monotonic() - started_at < 30


def test_a_step_that_backs_off_or_whose_lease_is_over_counts_neither_as_ready_nor_as_running(runtime: Runtime) -> None:
    job_id = hand_in(runtime)
    runtime.database.run(lambda connection: connection.execute(update(steps).values(ready_at=db_now() + 60)))
    assert runtime.jobs.waiting()["preprocess"] == Waiting(0, 0.0, 0)
    runtime.database.run(
        lambda connection: connection.execute(
            update(steps)
            .where(steps.c.job_id == job_id, steps.c.name == "preprocess")
            .values(state="running", lease_until=db_now() - 1)
        )
    )
    assert runtime.jobs.waiting()["preprocess"] == Waiting(0, 0.0, 0)
