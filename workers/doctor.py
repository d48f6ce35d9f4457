"""Checks of everything that transcribing takes, each with what to do when it fails."""

import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from pipeline.decode.language import GENERAL, load_language_model
from pipeline.errors import VoxqueueError
from workers import health
from workers.celeryconfig import QUEUES
from workers.db.migrate import current_revision, is_usable
from workers.db.session import Database
from workers.errors import DatabaseAway
from workers.health import Answer, QueueHealth
from workers.models import check_weights, find_model
from workers.runtime import make_runtime
from workers.settings import Settings
from workers.stack import is_running

_PING_S = 3.0
# A broker that is silent is tried twice.
_PATIENCE_S = 1.5
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
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_machine, _disk, _model, _language_model, _database]
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


def _language_model(settings: Settings) -> Iterator[Finding]:
    """The model of words that decoding uses, loaded as workers load it, and those that jobs may choose by name."""
    used = settings.language_model or Path(GENERAL)
    try:
        load_language_model(used)
        names = [GENERAL, *_readable(settings.language_models)]
    except VoxqueueError as error:
        advice = "install voxqueue again" if used == Path(GENERAL) else "check VOXQUEUE_LANGUAGE_MODEL"
        yield Finding("language model", is_ok=False, told=error.sentence, advice=advice)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}"
        yield Finding("language model", is_ok=False, told=told, advice="check VOXQUEUE_LANGUAGE_MODELS")
    else:
        told = f"{used} is used" if settings.language_model else "none is used unless a job asks for it"
        yield Finding("language model", is_ok=True, told=f"{told}; jobs may name {', '.join(names)}")


def _readable(folder: Path | None) -> list[str]:
    """The names of the models in a folder; OSError if it, or one of them, can't be read."""
    models = [] if folder is None else sorted(folder.iterdir())
    for model in models:
        model.open("rb").close()
    return [model.stem for model in models]


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
    # Our own database is made, and brought up to date, by whoever uses it first.
    is_ok = is_usable(revision) or not settings.database_url
    told = f"{shown} is " + (f"at revision {revision}" if revision else "empty")
    yield Finding("database", is_ok, told, "" if is_ok else "voxqueue migrate")


def _broker_and_workers(settings: Settings, queues: Sequence[str]) -> Iterator[Finding]:
    if not settings.broker_url and not is_running(settings.home_path):
        yield Finding("broker", is_ok=True, told="embedded; it is started when it is needed")
        return
    patience_s = min(settings.broker_timeout_s, _PATIENCE_S)
    runtime = make_runtime(settings.model_copy(update={"broker_timeout_s": patience_s}))
    started_at = time.monotonic()
    try:
        runtime.announcer.queue_length(queues[0])
        yield Finding("broker", is_ok=True, told=f"answered within {time.monotonic() - started_at:.1f} s")
        if not is_usable(current_revision(runtime.database)):
            # Whose work waits, and who is at it, stands in tables that are not there yet.
            told = "not asked, since the database is not ready"
            yield from (Finding(f"queue {each}", is_ok=False, told=told, advice="voxqueue migrate") for each in queues)
            return
        yield from map(_queue, health.examine(runtime, queues, _PING_S).queues)
    except VoxqueueError as error:
        name, variable = ("database", "DATABASE") if isinstance(error, DatabaseAway) else ("broker", "BROKER")
        yield Finding(name, is_ok=False, told=error.sentence, advice=f"check VOXQUEUE_{variable}_URL")
    finally:
        runtime.announcer.app.close()
        runtime.database.dispose()


def _queue(found: QueueHealth) -> Finding:
    told = {
        Answer.ANSWERED: f"a worker answered after {found.took_s} s",
        Answer.BUSY: f"every worker works ({found.running} steps)",
        Answer.SILENT: "no worker answers",
    }[found.answer]
    advice = "" if found.is_well else f"voxqueue worker --queue {found.queue}"
    if found.is_stalled:
        told += f"; {found.ready} steps are ready, the oldest for {found.oldest_s:.0f} s"
        if found.answer is Answer.ANSWERED:
            advice = "look into the log of the dispatcher: steps are ready and not announced"
    return Finding(f"queue {found.queue}", found.is_well, told, advice)
