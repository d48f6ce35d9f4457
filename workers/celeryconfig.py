"""Celery's settings, each with the fact that it rests on.

The database is the truth and a message is only a ticket, so messages are acknowledged early, never redelivered by the
broker, and carry nothing but a job id. What is lost on the way is announced again by the dispatcher.
"""

from typing import Any

from kombu import Queue

from pipeline.stages import STEPS
from workers.settings import Settings

TASK_PREFIX = "voxqueue."
DELIVER = "deliver"
"""The queue of events that go out to webhook endpoints; no step of a job waits for it."""

QUEUES: tuple[str, ...] = (*STEPS, DELIVER)

_LONGEST_START_S = 600.0


def task_name(queue: str) -> str:
    """The wire name of the task of a queue; a contract between releases."""
    return f"{TASK_PREFIX}{queue}"


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Everything that `Celery.conf` is given."""
    return {
        **_broker(settings.broker),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A broker that is full, or can't write, refuses even to hand out messages; all workers would die of it at once.
        "broker_channel_error_retry": True,
        "broker_transport_options": _transport_options(settings),
        "imports": tuple(f"workers.tasks.{queue}" for queue in QUEUES),
        "task_queues": [Queue(queue) for queue in QUEUES],
        "task_routes": {task_name(queue): {"queue": str(queue)} for queue in QUEUES},
        "task_create_missing_queues": False,
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_acks_late": False,
        "task_publish_retry": False,
        "task_send_sent_event": False,
        "task_track_started": False,
        "task_time_limit": settings.step_deadline_s,  # kills the process of a step that hangs with a live heartbeat
        # A process that is started anew loads its model before it says that it is up; by Celery's default of 4 s it
        # would be killed while it loads, again and again.
        "worker_proc_alive_timeout": _LONGEST_START_S,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_log_color": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # the lease is in the database, not the broker
        "enable_utc": True,
    }


def publishing_options(settings: Settings) -> dict[str, Any]:
    """Transport options of who hands in jobs: one quick second try, for a connection that the broker has dropped."""
    quick = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.0, "interval_max": 0.1}
    return {**_transport_options(settings), **quick, "socket_timeout": settings.broker_timeout_s}


def _broker(url: str) -> dict[str, Any]:
    # Kombu sets up TLS by the name of its own transport only.
    if url.startswith("rediss:"):
        return {"broker_url": url}
    if url.startswith("redis+socket:"):
        # A scheme with a plus would name the transport itself.
        return {
            "broker_url": url.removeprefix("redis+"),
            "broker_transport": "workers.transport:SparingSocketTransport",
        }
    return {"broker_url": url, "broker_transport": "workers.transport:SparingTransport"}


def _transport_options(settings: Settings) -> dict[str, Any]:
    # Without time-outs, a broker that accepts connections and never answers blocks its caller for ever. Workers wait
    # for messages in blocking reads of one second, well below this one.
    return {
        "socket_timeout": 5.0,
        "socket_connect_timeout": settings.broker_timeout_s,
        "socket_keepalive": not settings.broker.startswith("redis+socket"),
        # Messages that are on their way are not noted in the broker, which costs more than all else that a message does
        # there: kombu would hand them out again after an hour, the dispatcher announces their steps within seconds.
        "ack_emulation": False,
        "priority_steps": [0],  # priority is honoured by the claim; one list a queue saves commands
    }
