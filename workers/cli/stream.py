"""`voxqueue stream`: a call is transcribed while it goes on."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast
from uuid import uuid4

import typer

from pipeline.errors import InputError
from pipeline.options import JobOptions
from workers.cli.remote import AnyWorkingSession, working_session
from workers.cli.sessions import follow_session, print_piece
from workers.cli.sources import STANDARD_INPUT, standard_input
from workers.cli.transcribe import Channels, Encoding, Hotwords, Roles, SampleRate, recording_options, split_roles
from workers.client import check_options
from workers.errors import FetchAway, FetchTimeout
from workers.jobs.sessions import NewSession
from workers.settings import Settings, settings
from workers.sources import live, name_of

if TYPE_CHECKING:
    from io import BufferedReader

_PIECE_BYTES = 65_536
_LOOK_S = 0.5


def stream(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    source: Annotated[str, typer.Argument(help="An https://, rtsp:// or rtp:// address, or - for standard input.")],
    session_id: Annotated[
        str, typer.Option("--session", help="Go on with this session, as after a crash; else a new one is made.")
    ] = "",
    roles: Roles = "",
    hotword: Hotwords = None,
    max_segment: Annotated[
        float, typer.Option(min=5, max=30, help="Seconds of speech after which it is transcribed without a pause.")
    ] = 30.0,
    encoding: Encoding = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
) -> None:
    """Transcribe a stream while it goes on, and print what was said as soon as it is known.

    The stream is cut at pauses into jobs of one session, whose id is the first line on standard error: `voxqueue
    session show` shows it, from anywhere. Ctrl-C ends the stream, and what was said so far is still transcribed.

        voxqueue stream https://radio.example/live.mp3

        voxqueue stream rtp://0.0.0.0:5004

        arecord -f S16_LE -r 16000 | voxqueue stream -
    """
    options = recording_options(hotword, encoding, sample_rate, channels)
    options = check_options(_with_segments(options, max_segment), split_roles(roles))
    with working_session() as working, arriving(source, settings()) as chunks:
        sessions = working.client.sessions
        name = "stdin" if source == STANDARD_INPUT else name_of(source)
        session = sessions.status(session_id or sessions.open(NewSession(str(uuid4()), name)))
        print(f"session {session.id}", file=sys.stderr, flush=True)
        transcribe_live(working, session.id, until_interrupted(chunks), options)


def transcribe_live(working: AnyWorkingSession, session_id: str, chunks: Iterator[bytes], options: JobOptions) -> None:
    """Feed the session with `chunks`, end it, and print its transcript until the last piece is done."""
    client, is_left = working.client, threading.Event()
    told = (client, session_id, partial(print_piece, client), is_left.is_set)
    reader = threading.Thread(target=follow_session, args=told, daemon=True)
    reader.start()
    try:
        working.feed(session_id, chunks, options)
    except InputError:
        client.sessions.end(session_id)
        raise
    except (FetchAway, FetchTimeout):
        # A source that broke off leaves the session open, to be gone on with.
        is_left.set()
        _wait_for(reader, working)
        raise
    client.sessions.end(session_id)
    _wait_for(reader, working)


def _wait_for(reader: threading.Thread, working: AnyWorkingSession) -> None:
    while reader.is_alive():
        working.keep_working()
        reader.join(_LOOK_S)


@contextmanager
def arriving(source: str, chosen: Settings) -> Iterator[Iterator[bytes]]:
    """The bytes of what is named on the command line, as they arrive."""
    if source == STANDARD_INPUT:
        file = cast("BufferedReader", standard_input())
        # What is there, rather than all that was asked for: the rest may take its time.
        yield iter(lambda: file.read1(_PIECE_BYTES), b"")
        return
    with live(source, chosen) as chunks:
        yield chunks


def until_interrupted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks until Ctrl-C or SIGTERM, which is taken for the end of the stream; again, it is what it always is."""
    guard = _Guard()
    before = {each: signal.signal(each, guard.interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        while chunk := guard.next_of(chunks):
            yield chunk
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Guard:
    """Lets an interrupt break off the wait for the next chunk, and nothing else."""

    def __init__(self) -> None:
        self._waits = self._has_ended = False

    def interrupt(self, *_signal: object) -> None:
        self._has_ended = True
        if self._waits:
            raise KeyboardInterrupt

    def next_of(self, chunks: Iterator[bytes]) -> bytes:
        if self._has_ended:
            return b""
        try:
            self._waits = True
            return next(chunks, b"")
        except KeyboardInterrupt:
            return b""
        finally:
            self._waits = False


def _with_segments(options: JobOptions, max_segment_s: float) -> JobOptions:
    preprocess = options.preprocess.model_copy(update={"max_segment_s": max_segment_s})
    return options.model_copy(update={"preprocess": preprocess})
