"""Messages that are written straight into their queue are those that Celery would have written."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from celery.signals import before_task_publish
from kombu.exceptions import OperationalError
from redis import Redis

from pipeline.stages import Step
from workers.app import make_app
from workers.celeryconfig import task_name
from workers.settings import read_settings
from workers.tickets import TicketApp

NAME = task_name(Step.FEATURES)


@pytest.fixture
def app(clean_broker_url: str) -> TicketApp:
    made = make_app(read_settings(broker_url=clean_broker_url))
    assert isinstance(made, TicketApp)
    return made


@pytest.fixture
def read_message(clean_broker_url: str) -> Callable[[], dict[str, Any]]:
    """Takes the message that waits, without what is different in each."""

    def read() -> dict[str, Any]:
        with Redis.from_url(clean_broker_url) as broker:
            (text,) = broker.lrange(Step.FEATURES, 0, -1)
            broker.delete(Step.FEATURES)
        message: dict[str, Any] = json.loads(text)
        message["body"] = json.loads(base64.b64decode(message["body"]))
        del message["properties"]["delivery_tag"], message["properties"]["reply_to"]
        del message["headers"]["ignore_result"]  # there is no result either way
        return message

    return read


def test_a_ticket_is_the_message_that_celery_would_write(
    app: TicketApp, read_message: Callable[[], dict[str, Any]]
) -> None:
    chain = [app.signature(task_name(Step.INFERENCE), args=("job",), immutable=True, queue="inference")]
    options = {"queue": "features", "chain": chain, "root_id": "root", "parent_id": "parent", "task_id": "id"}
    for given in (options, {**options, "time_limit": 14400.0, "retry": False}):
        Celery.send_task(app, NAME, args=("job",), **given)
        theirs = read_message()
        sent = app.send_task(NAME, args=("job",), **given)
        assert read_message() == theirs
        assert sent.id == "id"


def test_what_is_no_ticket_goes_the_way_of_celery(app: TicketApp, read_message: Callable[[], dict[str, Any]]) -> None:
    app.send_task(NAME, args=("job",), kwargs={"more": 1}, queue="features", expires=60)
    message = read_message()
    assert message["body"][1] == {"more": 1}
    assert message["headers"]["expires"] is not None
    with pytest.raises(Exception, match="nowhere"):
        app.send_task(NAME, args=("job",), queue="nowhere")


def test_who_listens_to_what_is_published_still_hears_of_it(app: TicketApp) -> None:
    heard = []

    def listen(sender: str, **_details: object) -> None:
        heard.append(sender)

    before_task_publish.connect(listen)
    try:
        app.send_task(NAME, args=("job",), queue="features")
    finally:
        before_task_publish.disconnect(listen)
    assert heard == [NAME]


def test_a_broker_that_is_away_is_the_error_that_celery_raises() -> None:
    app = make_app(read_settings(broker_url="redis://127.0.0.1:1/0"))
    with pytest.raises(OperationalError):
        app.send_task(NAME, args=("job",), queue="features")
