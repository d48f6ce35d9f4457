"""What Celery should do our way; a worker imports this module among its tasks, in spawned children too."""

from typing import Any

from celery.signals import setup_logging

from workers import log
from workers.settings import settings


@setup_logging.connect
def configure_logging(**_signal: Any) -> None:
    """Log as the rest of the program does; that someone answers this signal keeps Celery from its own set-up."""
    log.configure(settings())
