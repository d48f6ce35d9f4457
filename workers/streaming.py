"""Feeds a session: cuts a running stream into pieces and makes each the job that comes next.

What has been cut is in the database before more is read. Where the database or the store is away for a moment the
stream waits, and whoever sends it with it: nothing is dropped.
"""

import io
import logging
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final
from uuid import uuid4

from pipeline.errors import TransientError, VoxqueueError
from pipeline.options import JobOptions
from pipeline.preprocess.cutter import Piece
from pipeline.preprocess.live import cut_stream
from workers.client import Client, JobDetails
from workers.jobs.sessions import NewPiece, SessionStatus

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


def feed(
    client: Client, session: SessionStatus, chunks: Iterable[bytes], options: JobOptions
) -> Iterator[tuple[NewPiece, str]]:
    """Transcribe what arrives in `chunks` as the next pieces of the session; each piece and its job as it is made.

    The session goes on where it stood: what is fed now is later than all that was fed before. When `chunks` raises,
    what came before is cut and kept, and then that is raised.

    Raises:
        InputError: the stream can't be decoded.
        SessionNotFound, NotAllowedInState, SessionTaken: the session can't be fed.
    """
    safe = _UntilError(chunks)
    for number, piece in enumerate(cut_stream(safe, options.preprocess)):
        began_s = session.duration_s
        start_s, settled_s = began_s + piece.start_s, began_s + piece.settled_s
        place = NewPiece(session.id, session.pieces + number, start_s, start_s + piece.duration_s, settled_s)
        details: JobDetails = {"file_name": f"{place.position:05}.wav", "tenant": session.tenant}
        job_id = str(uuid4())
        recording = wav_of(piece)
        _insist(partial(client.enqueue_piece, place, job_id, recording, _options_of(piece, options), **details))
        yield place, job_id
    safe.check()


def end(client: Client, session_id: str, error_code: str | None = None) -> None:
    """Say that the call is over, because of an error if one is named, however long the database is away.

    Raises:
        SessionNotFound: there is no such session.
    """
    _insist(partial(client.sessions.end, session_id, error_code))


class _UntilError:
    """Chunks up to the error with which they end, which is kept for later."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                chunk = next(self._chunks, None)
            except (VoxqueueError, OSError) as error:
                self._error = error
                return
            if chunk is None:
                return
            if chunk:
                yield chunk

    def check(self) -> None:
        """Raise what the chunks ended with."""
        if self._error is not None:
            raise self._error


def _options_of(piece: Piece, options: JobOptions) -> JobOptions:
    """The options of a piece, which has a header whatever the stream has."""
    given = options.preprocess
    named = None if isinstance(given.channels, int) else given.channels
    told = {"encoding": None, "sample_rate_hz": None, "channels": named, "stretches": piece.stretches}
    return options.model_copy(update={"preprocess": given.model_copy(update=told)})


def _insist(act: Callable[[], None]) -> None:
    """Do what may be done twice until it is done, however long the database or the store is away."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return act()
        except TransientError as error:
            logger.warning("stream.waits", extra={"detail": error.sentence})
            time.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)


def wav_of(piece: Piece) -> bytes:
    """The audio of a piece as a WAV file of 16-bit samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(piece.samples.shape[1])
        writer.setsampwidth(piece.samples.itemsize)
        writer.setframerate(piece.sample_rate_hz)
        writer.writeframes(piece.samples.astype("<i2").tobytes())
    return file.getvalue()
