"""Checks of everything that transcribing takes, each with what to do when it fails."""

import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from pipeline.errors import VoxqueueError
from workers.app import make_app
from workers.celeryconfig import QUEUES
from workers.db.migrate import current_revision, head_revision
from workers.db.session import Database
from workers.models import check_weights, find_model
from workers.settings import Settings
from workers.stack import is_running, queues_served

_PING_S = 1.0
_LEAST_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `advice` says what to do about a problem."""

    name: str
    is_ok: bool
    told: str
    advice: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """As a program reads it."""
        return asdict(self)


def examine(settings: Settings, queues: Sequence[str] = QUEUES) -> list[Finding]:
    """Run every check, that of the workers for `queues` only; one that fails does not keep the others from running."""
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_machine, _disk, _model, _database]
    findings = [finding for check in checks for finding in check(settings)]
    return [*findings, *_broker_and_workers(settings, queues)]


def _machine(_settings: Settings) -> Iterator[Finding]:
    memory_gib = psutil.virtual_memory().total / 1024**3
    cores = psutil.cpu_count() or 1
    yield Finding(
        "machine", is_ok=True, told=f"Python {platform.python_version()}, {cores} cores, {memory_gib:.1f} GiB"
    )


def _disk(settings: Settings) -> Iterator[Finding]:
    if "://" in settings.artifacts:
        return
    folder = settings.artifact_path
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    told = f"{free / 1024**3:.1f} GiB free for {settings.artifact_path}"
    yield Finding("disk", free >= _LEAST_DISK_BYTES, told, "" if free >= _LEAST_DISK_BYTES else "make room")


def _model(settings: Settings) -> Iterator[Finding]:
    try:
        model = find_model(settings)
        check_weights(settings)
    except VoxqueueError as error:
        yield Finding("model", is_ok=False, told=error.sentence, advice="set VOXQUEUE_MODEL to a folder or hub name")
        return
    yield Finding("model", is_ok=True, told=f"{settings.model} ({model.spec.family}) in {model.folder}")


def _database(settings: Settings) -> Iterator[Finding]:
    database = Database(settings.database)
    shown = database.url.render_as_string(hide_password=True)
    try:
        revision = current_revision(database)
    except VoxqueueError as error:
        yield Finding("database", is_ok=False, told=f"{shown}: {error.sentence}", advice="check VOXQUEUE_DATABASE_URL")
        return
    finally:
        database.dispose()
    is_current = revision == head_revision()
    # Our own database is made, and brought up to date, by whoever uses it first.
    is_ok = is_current or not settings.database_url
    told = f"{shown} is " + (f"at revision {revision}" if revision else "empty")
    yield Finding("database", is_ok, told, "" if is_ok else "voxqueue migrate")


def _broker_and_workers(settings: Settings, queues: Sequence[str]) -> Iterator[Finding]:
    if not settings.broker_url and not is_running(settings.home_path):
        yield Finding("broker", is_ok=True, told="embedded; it is started when it is needed")
        return
    started_at = time.monotonic()
    app = make_app(settings)
    try:
        served = queues_served(app, _PING_S)
    except VoxqueueError as error:
        yield Finding("broker", is_ok=False, told=error.sentence, advice="check VOXQUEUE_BROKER_URL")
        return
    finally:
        app.close()
    yield Finding("broker", is_ok=True, told=f"answered within {time.monotonic() - started_at:.1f} s")
    for queue in queues:
        is_served = queue in served
        told = "a worker answers" if is_served else "no worker answers"
        yield Finding(f"queue {queue}", is_served, told, "" if is_served else f"voxqueue worker --queue {queue}")
