"""Beside the steps: events go out to webhook endpoints."""

from typing import Any

from celery import shared_task

from workers.celeryconfig import DELIVER, task_name
from workers.delivery import run_delivery
from workers.runtime import runtime


@shared_task(name=task_name(DELIVER))
def deliver(delivery_id: str, **_newer_arguments: Any) -> None:
    """Send this delivery, or one that should go first."""
    run_delivery(runtime(), delivery_id)
