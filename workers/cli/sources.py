"""What a command line names as a recording: a file, an address, or standard input."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Unpack

import typer

from pipeline.options import JobOptions
from workers.client import Client, JobDetails, Roles
from workers.errors import FileNotReadable
from workers.jobs import JobStatus
from workers.remote import RemoteClient
from workers.sources import Source, is_remote, name_of

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Named:
    """A recording that was named on the command line, and what it is called."""

    source: Source
    name: str

    def enqueue(
        self, client: Client | RemoteClient, options: JobOptions, *, roles: Roles = (), **details: Unpack[JobDetails]
    ) -> JobStatus:
        """Hand it in; raises as `Client.enqueue` does."""
        details["file_name"] = self.name
        return client.enqueue(self.source, options, roles=roles, **details)


def source_of(text: str) -> Named:
    """What `text` names, looked at before any work is begun.

    Raises:
        FileNotReadable: the file is not there or is no file.
    """
    if text == STANDARD_INPUT:
        return Named(standard_input(), "stdin")
    if not is_remote(text):
        check_readable(Path(text))
    return Named(text, name_of(text))


def standard_input() -> BinaryIO:
    """Standard input as bytes; a usage error when that is a terminal."""
    if sys.stdin.isatty():
        raise typer.BadParameter("standard input is a terminal: pipe a recording into this command", param_hint="-")
    return sys.stdin.buffer


def check_readable(file: Path) -> None:
    """Look at a file before any work is begun.

    Raises:
        FileNotReadable: it is not there or is no file.
    """
    if not file.is_file():
        raise FileNotReadable(str(file))
