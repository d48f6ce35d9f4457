"""The wire contract and the guarantees that rest on Celery's settings, asked of a real Celery application."""

from pathlib import Path

import pytest
from celery.exceptions import ImproperlyConfigured
from kombu.exceptions import ContentDisallowed, EncodeError
from kombu.serialization import dumps, loads

from pipeline.stages import Step
from workers.app import make_app
from workers.celeryconfig import QUEUES, publishing_options, task_name
from workers.settings import Settings
from workers.transport import SparingTransport

ABSENT = "redis://127.0.0.1:1/0"


def test_the_names_of_tasks_are_those_of_earlier_releases() -> None:
    assert [task_name(queue) for queue in QUEUES] == [
        "voxqueue.preprocess",
        "voxqueue.features",
        "voxqueue.inference",
        "voxqueue.decode",
        "voxqueue.format",
        "voxqueue.deliver",
    ]


def test_every_module_that_is_named_registers_the_task_of_its_queue() -> None:
    app = make_app(Settings(broker_url=ABSENT))
    app.loader.import_default_modules()
    app.finalize()
    ours = {name for name in app.tasks if name.startswith("voxqueue.")}
    assert ours == {task_name(queue) for queue in QUEUES}


@pytest.mark.parametrize("queue", QUEUES)
def test_a_task_goes_to_its_queue(queue: str) -> None:
    app = make_app(Settings(broker_url=ABSENT))
    assert app.amqp.router.route({}, task_name(queue))["queue"].name == queue


def test_a_queue_that_nobody_declared_is_refused() -> None:
    app = make_app(Settings(broker_url=ABSENT))
    with pytest.raises((ImproperlyConfigured, LookupError), match="coffee"):
        app.send_task(task_name(Step.DECODE), queue="coffee")


def test_messages_are_json_and_anything_else_is_refused() -> None:
    app = make_app(Settings(broker_url=ABSENT))
    content_type, encoding, pickled = dumps({"job": 1}, serializer="pickle")
    with pytest.raises(ContentDisallowed):
        loads(pickled, content_type, encoding, accept=app.conf.accept_content)
    with pytest.raises(EncodeError):
        app.send_task(task_name(Step.DECODE), args=(object(),), queue="decode")


def test_nothing_waits_for_a_broker_without_end(tmp_path: Path) -> None:
    chosen = Settings(broker_url=ABSENT, broker_timeout_s=0.7)
    working = make_app(chosen).conf.broker_transport_options
    publishing = publishing_options(chosen)
    assert working["socket_timeout"] > 1
    assert working["socket_connect_timeout"] == publishing["socket_connect_timeout"] == 0.7
    assert (publishing["socket_timeout"], publishing["max_retries"]) == (0.7, 1)
    # A Unix socket has no keep-alive, and asking for it is an error there.
    assert not publishing_options(Settings(home=tmp_path, broker_url=""))["socket_keepalive"]


def test_messages_on_their_way_are_not_noted_in_the_broker() -> None:
    assert make_app(Settings(broker_url=ABSENT)).conf.broker_transport_options["ack_emulation"] is False


def test_a_broker_behind_tls_is_spoken_to_by_the_transport_that_sets_it_up(tmp_path: Path) -> None:
    urls = ("redis://localhost/0", "rediss://localhost/0", "")
    made = [make_app(Settings(home=tmp_path, broker_url=url)).connection_for_write() for url in urls]
    assert [isinstance(each.transport, SparingTransport) for each in made] == [True, False, True]
    assert made[1].ssl
    assert made[2].hostname == f"socket://{tmp_path / 'broker.sock'}"


def test_a_message_is_a_ticket_that_is_never_redelivered_and_leaves_no_result() -> None:
    conf = make_app(Settings(broker_url=ABSENT, step_deadline_s=77)).conf
    assert not conf.task_acks_late
    assert conf.result_backend is None
    assert conf.task_ignore_result
    assert conf.worker_prefetch_multiplier == 1
    assert conf.task_time_limit == 77


def test_a_process_of_a_pool_may_take_minutes_to_load_its_model() -> None:
    assert make_app(Settings(broker_url=ABSENT)).conf.worker_proc_alive_timeout >= 300
