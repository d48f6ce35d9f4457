"""Commands that open the HTTP door: alone, or with everything that it needs."""

import os
import signal
import sys
from contextlib import suppress
from typing import Annotated

import typer

from workers import log
from workers.cli.session import open_client
from workers.db.migrate import prepare
from workers.door import check_may_open, is_loopback, listening_socket, url_of
from workers.jobs.keys import ApiKeys
from workers.runtime import make_runtime
from workers.settings import Settings, settings
from workers.stack import Child, Stack

Host = Annotated[str, typer.Option(help="Address of the HTTP door; any but this machine's own asks for a key.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Of the HTTP door; 0: any.")]


def up(host: Host = "127.0.0.1", port: Port = 8317) -> None:
    """Run everything on this machine until Ctrl-C: broker, database, workers, dispatcher, HTTP API.

    What it keeps lies under VOXQUEUE_HOME (~/.voxqueue). `submit` and `transcribe` of the same home use it, and so
    does every program that knows HTTP:

    curl -F file=@call.wav http://127.0.0.1:8317/v1/jobs
    """
    chosen = settings()
    log.configure(chosen)
    with listening_socket(host, port) as listening:
        if not is_loopback(host):
            _check(chosen, host)
        door = Child("api", _door_command(listening.fileno()), pass_fds=[listening.fileno()])
        with Stack(chosen, beside=[door]), suppress(KeyboardInterrupt):
            print(f"Voxqueue is up: {url_of(listening)}  home {chosen.home_path}", flush=True)
            _say_who_may(chosen)
            signal.pause()


def api(host: Host = "127.0.0.1", port: Port = 8317) -> None:
    """Serve the HTTP API until SIGTERM; workers and a dispatcher run elsewhere. Any number may run at once.

    voxqueue keys create --name web & voxqueue api --host 0.0.0.0
    """
    chosen = settings()
    listening = listening_socket(host, port)
    with open_client(chosen):
        _check(chosen, host)
    print(f"Voxqueue listens: {url_of(listening)}", flush=True)
    _say_who_may(chosen)
    listening.set_inheritable(True)
    # The API stands above the command line and is loaded by a process of its own, which takes this one's place.
    command = _door_command(listening.fileno())
    os.execv(command[0], command)  # noqa: S606  # our own command, without a shell


def _door_command(descriptor: int) -> list[str]:
    return [sys.executable, "-m", "api", "--fd", str(descriptor)]


def _check(chosen: Settings, host: str) -> None:
    database = make_runtime(chosen).database
    prepare(database, is_ours=not chosen.database_url)
    check_may_open(host, database)
    database.dispose()


def _say_who_may(chosen: Settings) -> None:
    database = make_runtime(chosen).database
    if not ApiKeys(database).exist():
        print(
            "No API key exists: every program on this machine may use it. voxqueue keys create ends that.", flush=True
        )
    database.dispose()
