"""`voxqueue session`: calls that are transcribed while they go on, shown as far as they are."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pipeline.render import render, to_json
from workers.cli.captions import CharactersPerS, LineCharacters, Lines, caption_options
from workers.cli.jobs import AsJson
from workers.cli.remote import AnyClient, open_door
from workers.cli.tables import print_json
from workers.cli.transcribe import Format, check_format
from workers.client import Client
from workers.jobs.sessions import PieceStatus, SessionStatus, transcript_of

_LOOK_S = 0.3
_LOOK_REMOTE_S = 1.0
_PIPE_WIDTH = 400

app = typer.Typer(no_args_is_help=True, help="Calls that are transcribed while they go on.")
SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="A session id, as `stream` and `list` print it.")]


@app.command()
def show(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    session_id: SessionId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print what comes until the session ends.")] = False,
    output_format: Format = "text",
    as_json: AsJson = False,
    line_characters: LineCharacters = None,
    lines: Lines = None,
    characters_per_s: CharactersPerS = None,
) -> None:
    """Print what has been transcribed of a session; times count from its start.

    With --json: the session, its pieces and their jobs, and the transcript so far.

        voxqueue session show SESSION --follow

        voxqueue session show SESSION --format srt --line-characters 37 --lines 1
    """
    chosen, captions = check_format(output_format), caption_options(line_characters, lines, characters_per_s)
    with open_door() as client:
        session = client.sessions.status(session_id)
        if follow:
            follow_session(client, session_id, partial(print_piece, client))
            return
        found = client.sessions.pieces(session_id)
        transcript = transcript_of(found)
        if transcript is not None:
            # What the pieces of a session ask for is the same for all.
            transcript = client.view(transcript, found[0].job_id)
    if as_json:
        pieces = [_without_document(asdict(each)) for each in found]
        document = None if transcript is None else json.loads(to_json(transcript))
        print_json({**asdict(session), "pieces": pieces, "transcript": document})
    elif transcript is not None:
        sys.stdout.write(render(transcript, chosen, captions))


@app.command("list")
def list_sessions(limit: Annotated[int, typer.Option(min=1, max=1000)] = 20, as_json: AsJson = False) -> None:
    """List the newest sessions."""
    with open_door() as client:
        found = client.sessions.recent(limit=limit)
    print_json([asdict(each) for each in found]) if as_json else _print_sessions(found)


@app.command()
def end(session_id: SessionId) -> None:
    """Say that nothing more will come of a session, as when its streamer died and will not be started again."""
    with open_door() as client:
        client.sessions.end(session_id)


def follow_session(
    client: AnyClient,
    session_id: str,
    tell: Callable[[PieceStatus], None],
    is_left: Callable[[], bool] = lambda: False,
) -> None:
    """Tell of each piece once it is done, in order, until the session has ended, or nobody feeds it any more."""
    position = -1
    while True:
        # Looked at first: whatever is added later is seen below.
        has_ended = is_left() or client.sessions.status(session_id).ended_at is not None
        found = client.sessions.pieces(session_id, after=position)
        for piece in found:
            if not piece.is_final:
                break
            tell(piece)
            position = piece.position
        else:
            if has_ended:
                return
        time.sleep(_LOOK_S if isinstance(client, Client) else _LOOK_REMOTE_S)


def print_piece(client: AnyClient, piece: PieceStatus) -> None:
    """The text of a piece as its job lets it be seen, with the times of the session; why there is none, as an error."""
    transcript = transcript_of([piece])
    if transcript is None:
        print(
            f"error {piece.error_code or piece.state.upper()}: piece {piece.position} ({piece.job_id})", file=sys.stderr
        )
    elif transcript.utterances:
        sys.stdout.write(render(client.view(transcript, piece.job_id), "text"))
        sys.stdout.flush()


def _without_document(piece: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in piece.items() if name != "document"}


def _print_sessions(found: list[SessionStatus]) -> None:
    table = Table(
        Column("session", no_wrap=True, min_width=36), "name", "pieces", "audio", "created", "ended", box=None
    )
    for each in found:
        ended = "" if each.ended_at is None else _at(each.ended_at)
        audio = f"{each.duration_s:.1f} s"
        table.add_row(each.id, Text(each.name), str(each.pieces), audio, _at(each.created_at), ended)
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(table)


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
