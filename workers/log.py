"""Logging: one event a line, with the job and step that it belongs to; never audio, transcripts or file names."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from workers.settings import Settings

_identity: ContextVar[dict[str, object] | None] = ContextVar("identity", default=None)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "data", "taskName"}


@contextmanager
def bound(**identity: object) -> Iterator[None]:
    """Every line logged inside carries `identity` (job, step, attempt)."""
    token = _identity.set({**(_identity.get() or {}), **identity})
    try:
        yield
    finally:
        _identity.reset(token)


def configure(settings: Settings) -> None:
    """Send all log lines to standard error, as text or as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.log_format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # These say at INFO what the step's own event says better.
    for chatty in ("celery.worker.strategy", "celery.app.trace", "alembic", "pyctcdecode", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {**(_identity.get() or {}), **extra}


def _one_word(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text, ensure_ascii=False)


class _TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        fields = " ".join(f"{name}={_one_word(value)}" for name, value in _fields(record).items())
        return f"{super().formatMessage(record)} {fields}".rstrip()


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
