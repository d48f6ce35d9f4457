"""`voxqueue demo`: a bundled call through the whole system, from nothing, leaving nothing behind but its transcript."""

import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from workers.cli.outcome import exit_status_of
from workers.cli.progress import make_progress
from workers.cli.session import WorkingSession
from workers.cli.transcribe import SUFFIXES, check_format, deliver
from workers.client import Client
from workers.jobs import JobStatus
from workers.settings import read_settings
from workers.states import JobState

_ROLES = ("agent", "customer")


def demo(out: Annotated[Path, typer.Option(help="Where the transcript is written.")] = Path("demo-output")) -> None:
    """Transcribe a bundled telephone call: five queues, a database and a broker are started for it, and stopped."""
    with tempfile.TemporaryDirectory(prefix="voxqueue-demo-") as home:
        # Servers that someone may have set up are none of the demo's business.
        chosen = read_settings(home=home, database_url="", broker_url="", artifacts=None)
        with as_file(files("workers") / "demo" / "call.wav") as call, WorkingSession(chosen) as session:
            print(f"{call.name}: 64 s, 8 kHz mu-law, two channels", flush=True)
            job = _run(session, call)
            _show(session.client, job, out.absolute())
    raise typer.Exit(exit_status_of(job))


def _run(session: WorkingSession, call: Path) -> JobStatus:
    seen = session.client.enqueue(call, roles=_ROLES)
    with make_progress() as progress:
        for job in session.watch([seen.id]):
            progress.show(job)
            seen = job
    return seen


def _show(client: Client, job: JobStatus, folder: Path) -> None:
    deliver(client, job, "text", None)
    if job.state is not JobState.COMPLETED:
        return
    print()
    for name in ("json", "srt", "vtt"):
        deliver(client, job, check_format(name), folder / f"call{SUFFIXES[name]}")
