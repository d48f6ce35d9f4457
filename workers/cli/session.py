"""What a command works with: a client, and when nobody else runs them, the processes that do the work."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from pipeline.options import JobOptions
from pipeline.stages import STEPS
from workers.client import Client
from workers.db.migrate import prepare
from workers.jobs import JobStatus
from workers.settings import Settings, settings
from workers.stack import Stack, queues_served

_PING_S = 1.0
_LOOK_S = 0.1


@contextmanager
def open_client(chosen: Settings | None = None) -> Iterator[Client]:
    """A client whose database is ready to be used.

    Raises:
        ConfigurationError, DatabaseAway: it can't be made ready.
    """
    with Client(chosen or settings()) as client:
        prepare(client.runtime.database, is_ours=not client.settings.database_url)
        yield client


class WorkingSession:
    """A client, and the certainty that somebody works for it: other processes, or ours for the time of the session."""

    def __init__(self, chosen: Settings | None = None) -> None:
        self.settings = chosen or settings()
        self.client = Client(self.settings)
        self._stack: Stack | None = None
        self._refused: Stack | None = None
        self._is_served_elsewhere = False

    def __enter__(self) -> Self:
        self.keep_working()
        prepare(self.client.runtime.database, is_ours=not self.settings.database_url)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.client.close()
        if self._stack is not None:
            self._stack.stop()

    def keep_working(self) -> None:
        """Start the workers unless they run; call it while waiting, since another process may have ended its own."""
        if self._stack is not None or self._is_served_elsewhere:
            return
        if self.settings.broker_url and queues_served(self.client.runtime.announcer.app, _PING_S) >= set(STEPS):
            self._is_served_elsewhere = True
            return
        # Kept while another process holds the home: each has connections of its own.
        stack = self._refused or Stack(self.settings, log_to=self.settings.home_path / "log" / "stack.log")
        if not stack.start():
            self._refused = stack
            return
        self._stack = stack
        if self.settings.broker_url:
            print("No worker answers: this command starts its own while it runs.", file=sys.stderr)

    def feed(self, session_id: str, chunks: Iterable[bytes], options: JobOptions) -> None:
        """Make what arrives in `chunks` the next pieces of a session, see `workers.streaming.feed`."""
        from workers.streaming import feed  # noqa: PLC0415  # only here speech is detected

        for _place, _job_id in feed(self.client, self.client.sessions.status(session_id), chunks, options):
            self.keep_working()

    def watch(self, job_ids: Iterable[str]) -> Iterator[JobStatus]:
        """The jobs again and again, each until it has ended, at a pace that a person can follow.

        Jobs that have not ended when the iteration is broken off by an interrupt are canceled.
        """
        running = dict.fromkeys(job_ids)
        try:
            while running:
                self.keep_working()
                yield from self._look(running)
                # Hundreds of jobs are looked at less often: it costs the database more than it tells anyone.
                time.sleep(_LOOK_S * max(bool(running), len(running) / 10))
        except KeyboardInterrupt:
            for job_id in running:
                self.client.cancel(job_id)
            raise

    def _look(self, running: dict[str, None]) -> Iterator[JobStatus]:
        for job_id in tuple(running):
            job = self.client.status(job_id)
            if job.is_final:
                del running[job_id]
            yield job
