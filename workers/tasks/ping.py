"""Beside the steps: an answer from the very place where steps are run, for whoever asks whether a worker is well."""

from typing import Any

from celery import shared_task

from workers.app import PING
from workers.runtime import runtime


@shared_task(name=PING)
def ping(token: str, queue: str, **_newer_arguments: Any) -> None:
    """Say that this queue is served; through the broker, as the question came."""
    runtime().announcer.answer_ping(token, queue)
