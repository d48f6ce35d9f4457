"""The program: its commands, and how it ends."""

import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipeline.errors import VoxqueueError
from workers.cli import (
    batches,
    doors,
    formatting,
    jobs,
    keys,
    language,
    preflight,
    quarantine,
    record,
    scoring,
    service,
    sessions,
    showcase,
    stream,
    transcribe,
    upkeep,
    vocabulary,
    watch,
    webhooks,
)
from workers.cli.outcome import exit_status
from workers.cli.remote import REMOTE, named_server

Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the trace of an error.")]

Server = Annotated[
    str | None,
    typer.Option(help=f"URL of a server that does it, or VOXQUEUE_SERVER: {', '.join(sorted(REMOTE))}."),
]
Key = Annotated[str | None, typer.Option(help="API key for it; better in VOXQUEUE_KEY, which `ps` does not show.")]

_HELP = """\
Speech-to-text for phone calls, in the background.

With nothing set up, `voxqueue transcribe call.wav` is all it takes. Settings are VOXQUEUE_* variables: VOXQUEUE_HOME,
VOXQUEUE_DATABASE_URL, VOXQUEUE_BROKER_URL, VOXQUEUE_MODEL, ...

Exit status: 0 all well, 1 a job failed, 2 wrong usage or a bad input file, 3 a service is away or time is up.
"""


class _Program(TyperGroup):
    """The commands, and one plain line for an error that was foreseen."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VoxqueueError as error:
            if ctx.params.get("verbose"):
                traceback.print_exc()
            print(f"error {error.code}: {' '.join(error.sentence.split())}", file=sys.stderr)
            raise typer.Exit(exit_status(error)) from error


app = typer.Typer(cls=_Program, help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.command()(transcribe.transcribe)
app.command()(doors.up)
app.command()(doors.api)
app.command()(preflight.preflight)
app.command()(jobs.submit)
app.command()(jobs.status)
app.command()(jobs.result)
app.command("list")(jobs.list_jobs)
app.command()(jobs.cancel)
app.command()(jobs.retry)
app.command()(batches.batch)
app.command()(upkeep.delete)
app.command()(jobs.redecode)
app.command()(watch.watch)
app.command()(stream.stream)
app.command()(record.record)
app.add_typer(sessions.app, name="session")
app.command()(service.worker)
app.command()(service.dispatch)
app.command()(service.migrate)
app.command()(service.doctor)
app.command()(upkeep.collect)
app.command()(scoring.evaluate)
app.command()(keys.usage)
app.add_typer(keys.app, name="keys")
app.command("format")(formatting.format_words)
app.add_typer(language.app, name="lm")
app.command()(showcase.demo)
app.add_typer(vocabulary.app, name="vocabulary")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(quarantine.app, name="quarantine")


@app.callback()
def program(
    context: typer.Context,
    verbose: Verbose = False,  # noqa: ARG001  # see _Program
    server: Server = None,
    key: Key = None,
) -> None:
    """What holds for every command."""
    if server is not None and context.invoked_subcommand not in REMOTE:
        raise typer.BadParameter(f"only {', '.join(sorted(REMOTE))} go to a server", param_hint="--server")
    context.with_resource(named_server(server, key))


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    app()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    # A service manager's SIGTERM must clean up as Ctrl-C does.
    raise KeyboardInterrupt
