"""`voxqueue record`: what is spoken into the microphone is transcribed while it is spoken."""

import sys
from typing import Annotated
from uuid import uuid4

import typer

from workers.cli.remote import working_session
from workers.cli.stream import transcribe_live, until_interrupted
from workers.cli.transcribe import Hotwords, Roles, recording_options, split_roles
from workers.client import check_options
from workers.jobs.sessions import NewSession
from workers.microphone import Listen, Microphone, at_most, listen


def record(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    seconds: Annotated[float, typer.Option(min=0, help="End after so many; 0: with Ctrl-C.")] = 0,
    device: Annotated[str, typer.Option(help="Number or part of the name of the microphone; else the default.")] = "",
    sample_rate: Annotated[int, typer.Option(min=4000, max=192_000, help="In Hz.")] = 16_000,
    channels: Annotated[int, typer.Option(min=1, max=8)] = 1,
    roles: Roles = "",
    hotword: Hotwords = None,
) -> None:
    """Transcribe what is spoken into the microphone, and print it as soon as it is known.

    It is a stream like any other: the first line on standard error names its session. Needs `pip install
    'voxqueue[microphone]'` and PortAudio.

        voxqueue record --seconds 30
    """
    record_from(listen, Microphone(device, sample_rate, channels), seconds, (roles, hotword))


def record_from(
    opened: Listen, microphone: Microphone, seconds: float, said: tuple[str, list[str] | None] = ("", None)
) -> None:
    """Transcribe what `opened` hears; `said` are roles and hotwords as the command line has them."""
    roles, hotword = said
    declared = recording_options(hotword, "pcm_s16le", microphone.sample_rate_hz, microphone.channels)
    options = check_options(declared, split_roles(roles))
    # Before anything is started, since there may be no microphone.
    with opened(microphone) as blocks, working_session() as working:
        session_id = working.client.sessions.open(NewSession(str(uuid4()), "microphone"))
        print(f"session {session_id}", file=sys.stderr, flush=True)
        transcribe_live(working, session_id, until_interrupted(at_most(blocks, microphone, seconds)), options)
