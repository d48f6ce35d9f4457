"""Commands that run or look after the service."""

import signal
import threading
from typing import Annotated

import typer

from workers import log
from workers.celeryconfig import QUEUES
from workers.cli.jobs import AsJson
from workers.cli.outcome import Exit
from workers.cli.tables import print_json
from workers.db import migrate as migrations
from workers.runtime import make_runtime
from workers.settings import settings


def worker(
    queue: Annotated[str, typer.Option(help="Queues to serve, with commas: " + ",".join(QUEUES))],
    concurrency: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core, one for inference.")] = 0,
) -> None:
    """Work on some of the queues until SIGTERM, which finishes the steps in hand, or hands them back after 20 s.

    VOXQUEUE_SHUTDOWN_S is that time. SIGQUIT hands them back at once.

    voxqueue worker --queue preprocess,features --concurrency 4
    """
    from workers.worker import serve  # noqa: PLC0415  # only here Celery's worker is needed

    names = [name.strip() for name in queue.split(",") if name.strip()]
    if not names or not set(names) <= set(QUEUES):
        raise typer.BadParameter(f"{queue!r}: the queues are {', '.join(QUEUES)}", param_hint="--queue")
    raise typer.Exit(serve(settings(), names, concurrency))


def dispatch() -> None:
    """Take back steps that were lost and announce again what no worker was told of, until SIGTERM.

    Any number may run at once.
    """
    from workers.dispatch import Dispatcher  # noqa: PLC0415  # loads quicker without

    chosen = settings()
    log.configure(chosen)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    Dispatcher(make_runtime(chosen)).run(stop)


def migrate(to: Annotated[str, typer.Option("--to", help="A revision, or base: an empty database.")] = "head") -> None:
    """Bring the database to the newest revision, or to another one."""
    database = make_runtime(settings()).database
    migrations.move(database, to)
    print(f"{database.url.render_as_string(hide_password=True)} is at {migrations.current_revision(database)}")


def doctor(
    queue: Annotated[
        list[str] | None, typer.Option(help="Ask only for a worker of this queue; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check all that transcribing takes, and say what to do where something is wrong (exit status 3)."""
    from workers.doctor import examine  # noqa: PLC0415  # it imports what the others don't need

    findings = examine(settings(), queue or QUEUES)
    if as_json:
        print_json({"ok": all(each.is_ok for each in findings), "checks": [each.document for each in findings]})
    else:
        for each in findings:
            print(f"{'ok     ' if each.is_ok else 'PROBLEM'}  {each.name:<20} {each.told}")
            if each.advice:
                print(f"{'':<30} {each.advice}")
    if not all(each.is_ok for each in findings):
        raise typer.Exit(Exit.AWAY)
