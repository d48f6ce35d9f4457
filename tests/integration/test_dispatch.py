"""Messages on a real broker: published as a chain, announced again when lost, and never waited for without end."""

import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from pipeline.stages import STEPS, Step
from tests.integration.conftest import hand_in
from workers.dispatch import Dispatcher
from workers.errors import BrokerAway
from workers.identity import own_name
from workers.runtime import Runtime
from workers.stack.presence import queues_served
from workers.states import StepState

RuntimeMaker = Callable[..., Runtime]


@pytest.fixture
def runtime(make_test_runtime: RuntimeMaker, clean_broker_url: str) -> Runtime:
    return make_test_runtime(broker_url=clean_broker_url, republish_s=0.5)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_job_is_one_message_that_carries_the_chain_and_only_the_job_id(
    runtime: Runtime, clean_broker_url: str
) -> None:
    job_id = hand_in(runtime)
    runtime.announcer.announce(job_id)
    assert [runtime.announcer.queue_length(step) for step in STEPS] == [1, 0, 0, 0, 0]
    with Redis.from_url(clean_broker_url) as client:
        [raw] = client.lrange("preprocess", 0, -1)
    message = json.loads(raw)
    assert message["headers"]["task"] == "voxqueue.preprocess"
    args, kwargs, embed = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([job_id], {})
    chained = [signature["task"] for signature in reversed(embed["chain"])]
    assert chained == ["voxqueue.features", "voxqueue.inference", "voxqueue.decode", "voxqueue.format"]
    assert all(signature["args"] == [job_id] and signature["immutable"] for signature in embed["chain"])


def test_a_chain_may_start_in_the_middle(runtime: Runtime) -> None:
    runtime.announcer.announce(hand_in(runtime), Step.DECODE)
    assert [runtime.announcer.queue_length(step) for step in STEPS] == [0, 0, 0, 1, 0]


def test_the_length_of_a_queue_is_its_own_also_behind_a_question_that_no_worker_answered(runtime: Runtime) -> None:
    runtime.announcer.announce(hand_in(runtime))
    # The answer is awaited on a connection that is then used for other things.
    assert queues_served(runtime.announcer.app, 0.2) == set()
    assert [runtime.announcer.queue_length(step) for step in STEPS] == [1, 0, 0, 0, 0]
    assert queues_served(runtime.announcer.app, 0.2) == set()
    assert [runtime.announcer.queue_length(step) for step in STEPS] == [1, 0, 0, 0, 0]


def test_a_job_whose_message_was_lost_is_announced_again(runtime: Runtime, clean_broker_url: str) -> None:
    job_id = hand_in(runtime)
    runtime.announcer.announce(job_id)
    with Redis.from_url(clean_broker_url) as client:
        client.flushdb()
    dispatcher = Dispatcher(runtime)
    assert dispatcher.sweep() == 0
    time.sleep(1.2)
    assert dispatcher.sweep() == 1
    assert runtime.announcer.queue_length(Step.PREPROCESS) == 1
    assert dispatcher.sweep() == 0


def test_a_job_that_was_never_announced_is(runtime: Runtime) -> None:
    hand_in(runtime)
    stop = threading.Event()
    thread = threading.Thread(target=Dispatcher(runtime).run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 10
    while runtime.announcer.queue_length(Step.PREPROCESS) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    thread.join()
    assert runtime.announcer.queue_length(Step.PREPROCESS) == 1


def test_a_silent_broker_is_given_up_in_bounded_time(make_test_runtime: RuntimeMaker, silent_port: int) -> None:
    runtime = make_test_runtime(broker_url=f"redis://127.0.0.1:{silent_port}/0", broker_timeout_s=0.5)
    job_id = hand_in(runtime)
    started_at = time.monotonic()
    with pytest.raises(BrokerAway):
        runtime.announcer.announce(job_id)
    assert time.monotonic() - started_at < 5


def test_a_dead_broker_is_said_to_be_away(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0")
    with pytest.raises(BrokerAway):
        runtime.announcer.announce(hand_in(runtime))
    with pytest.raises(BrokerAway):
        runtime.announcer.queue_length(Step.PREPROCESS)


def test_a_dispatcher_waits_for_a_broker_that_is_away(make_test_runtime: RuntimeMaker) -> None:
    runtime = make_test_runtime(broker_url="redis://127.0.0.1:1/0")
    hand_in(runtime)
    stop = threading.Event()
    thread = threading.Thread(target=Dispatcher(runtime).run, args=(stop,))
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_step_whose_process_was_killed_is_announced_again_without_waiting_for_its_lease(
    make_test_runtime: RuntimeMaker, clean_broker_url: str
) -> None:
    runtime = make_test_runtime(broker_url=clean_broker_url, lease_s=600)
    job_id = hand_in(runtime)
    place = own_name().rpartition(":")[0]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert runtime.jobs.claim(Step.PREPROCESS, job_id, f"{place}:{process.pid}")
        dispatcher = Dispatcher(runtime)
        assert dispatcher.sweep() == 0
        process.kill()
        process.wait()
        assert dispatcher.sweep() == 1
    assert runtime.announcer.queue_length(Step.PREPROCESS) == 1
    assert runtime.jobs.status(job_id).steps[0].state is StepState.READY
