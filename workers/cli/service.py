"""Commands that run or look after the service."""

import json
import signal
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated

import typer

from workers import log
from workers.celeryconfig import QUEUES
from workers.cli.jobs import AsJson
from workers.cli.outcome import Exit
from workers.cli.tables import print_json
from workers.db import migrate as migrations
from workers.errors import ConfigurationError
from workers.runtime import make_runtime
from workers.settings import settings
from workers.stack import Stack


def up(port: Annotated[int, typer.Option(min=0, max=65535, help="Of the HTTP door; 0: any.")] = 8317) -> None:
    """Run everything on this machine until Ctrl-C: broker, database, workers, dispatcher.

    What it keeps lies under VOXQUEUE_HOME (~/.voxqueue). `submit` and `transcribe` of the same home use it.
    """
    chosen = settings()
    log.configure(chosen)
    with _health_door(port) as door, Stack(chosen), suppress(KeyboardInterrupt):
        threading.Thread(target=door.serve_forever, name="http", daemon=True).start()
        print(f"Voxqueue is up: http://127.0.0.1:{door.server_port}/healthz  home {chosen.home_path}", flush=True)
        signal.pause()


def worker(
    queue: Annotated[str, typer.Option(help="Queues to serve, with commas: " + ",".join(QUEUES))],
    concurrency: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core, one for inference.")] = 0,
) -> None:
    """Work on some of the queues until SIGTERM, which finishes the steps in hand first.

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


def _health_door(port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), _HealthDoor)
    except OSError as error:
        raise ConfigurationError(f"--port {port}: {error.strerror}") from error


class _HealthDoor(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/healthz"
        body = json.dumps({"status": "ok" if found else "not found"}).encode()
        self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_line: object) -> None:
        """Health checks are no events."""
