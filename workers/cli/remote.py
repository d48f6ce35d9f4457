"""Commands against a server: `--server URL --key KEY`, or VOXQUEUE_SERVER and VOXQUEUE_KEY."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Self

from pipeline.options import JobOptions
from workers.cli.session import WorkingSession, open_client
from workers.client import Client
from workers.jobs import JobStatus
from workers.remote import RemoteClient
from workers.settings import Settings, settings

AnyClient = Client | RemoteClient

REMOTE = frozenset(
    {"submit", "transcribe", "status", "result", "list", "cancel", "retry", "redecode", "batch", "delete"}
    | {"stream", "record", "session", "watch", "usage", "vocabulary", "webhooks"}
)
"""The commands that can work with a server."""

_LOOK_S = 1.0
# What the command line says goes before the environment, for the time of the command.
_NAMED: ContextVar[dict[str, str]] = ContextVar("_NAMED", default={})  # noqa: B039  # never changed, only replaced


@contextmanager
def named_server(url: str | None, key: str | None) -> Iterator[None]:
    """Let commands work with a server that was named on the command line; None leaves what the environment says."""
    token = _NAMED.set({name: value for name, value in (("server", url), ("key", key)) if value is not None})
    try:
        yield
    finally:
        _NAMED.reset(token)


@contextmanager
def open_door() -> Iterator[AnyClient]:
    """A client of the server that was named, or of this machine's services.

    Raises:
        ConfigurationError, DatabaseAway: these can't be made ready.
    """
    chosen = _chosen()
    if not chosen.server:
        with open_client() as client:
            yield client
        return
    with _remote(chosen) as remote:
        yield remote


def working_session() -> "AnyWorkingSession":
    """A session with the server that was named, or with the services of this machine, started where none run."""
    chosen = _chosen()
    return RemoteSession(_remote(chosen)) if chosen.server else WorkingSession(chosen)


class RemoteSession:
    """A client of a server, and a way to watch jobs there."""

    def __init__(self, client: RemoteClient) -> None:
        self.client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.client.close()

    def keep_working(self) -> None:
        """Nothing: the server has workers of its own."""

    def feed(self, session_id: str, chunks: Iterable[bytes], options: JobOptions) -> None:
        """Send what arrives in `chunks` to a session, see `workers.sending.send`."""
        from workers.sending import send  # noqa: PLC0415  # no other command opens a WebSocket

        send(self.client, session_id, chunks, options)

    def watch(self, job_ids: Iterable[str]) -> Iterator[JobStatus]:
        """The jobs again and again, each until it has ended: one as the server tells of it, many at a gentle pace.

        Jobs that have not ended when the iteration is broken off by an interrupt are canceled.
        """
        running = dict.fromkeys(job_ids)
        try:
            if len(running) == 1:
                yield from self._listen(next(iter(running)))
                return
            while running:
                yield from self._look(running)
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

    def _listen(self, job_id: str) -> Iterator[JobStatus]:
        job = self.client.status(job_id)
        yield job
        if job.is_final:
            return
        for heard in self.client.events(job_id):
            job = self.client.status(job_id) if heard.progress is None else _further(job, heard.progress)
            yield job
            if job.is_final:
                return
        yield self.client.wait(job_id)


AnyWorkingSession = WorkingSession | RemoteSession


def _chosen() -> Settings:
    return settings().model_copy(update=_NAMED.get())


def _remote(chosen: Settings) -> RemoteClient:
    return RemoteClient(chosen.server, chosen.key)


def _further(job: JobStatus, progress: Mapping[str, float]) -> JobStatus:
    steps = (replace(step, progress=progress.get(step.name, step.progress)) for step in job.steps)
    return replace(job, steps=tuple(steps))
