"""`voxqueue watch`: recordings that are put into a folder are transcribed."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from workers.cli.remote import working_session
from workers.cli.transcribe import (
    SUFFIXES,
    Channels,
    Encoding,
    Format,
    Hotwords,
    Roles,
    SampleRate,
    check_format,
    recording_options,
    split_roles,
)
from workers.client import check_options
from workers.errors import FileNotReadable
from workers.patterns import NamePattern
from workers.watching import Seen, Watched, Watcher


def watch(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    folder: Annotated[Path, typer.Argument(help="The folder; those inside it are watched as well.")],
    pattern: Annotated[
        str, typer.Option(help="Only such names, whose fields become annotations: '{agent}_{date:%Y%m%d}_*.wav'.")
    ] = "",
    done: Annotated[Path | None, typer.Option("--done-dir", help="Move a file there once it is taken.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the transcripts there.")] = None,
    output_format: Format = "text",
    roles: Roles = "",
    hotword: Hotwords = None,
    encoding: Encoding = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
    settle: Annotated[float, typer.Option(min=0, help="Seconds without a change after which a file is whole.")] = 2.0,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds from look to look.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="End when everything that is there is dealt with.")] = False,
) -> None:
    """Transcribe every recording that is put into a folder, each once, until Ctrl-C.

    What was taken is remembered in the database, or by the server: a watcher that was killed loses nothing and takes
    nothing twice.

        voxqueue watch /var/spool/asterisk/monitor --pattern '{queue}-{caller}-{date:%Y%m%d-%H%M%S}.wav'

        voxqueue watch calls --done-dir calls/done --out transcripts --roles agent,customer
    """
    chosen = check_format(output_format)
    options = check_options(recording_options(hotword, encoding, sample_rate, channels), split_roles(roles))
    if not folder.is_dir():
        raise FileNotReadable(f"{folder} is no folder")
    watched = Watched(folder, options, _pattern(pattern), settle, done, out, chosen, SUFFIXES[chosen])
    with working_session() as session, suppress(KeyboardInterrupt):
        watcher = Watcher(session.client, watched)
        while True:
            for seen in watcher.look(time.monotonic()):
                _tell(seen)
            if once and watcher.is_idle:
                return
            session.keep_working()
            time.sleep(every)


def _pattern(text: str) -> NamePattern | None:
    try:
        return NamePattern(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--pattern") from error


def _tell(seen: Seen) -> None:
    is_bad = seen.kind in {"refused", "failed"}
    print(f"{seen.kind} {seen.name}: {seen.detail}", file=sys.stderr if is_bad else sys.stdout, flush=True)
