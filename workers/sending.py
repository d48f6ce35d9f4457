"""Sends a call that goes on to a server, over a WebSocket: what a broken connection lost is sent again."""

import json
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from http import HTTPStatus
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pipeline.errors import VoxqueueError
from pipeline.options import JobOptions
from pipeline.preprocess.live import open_samples
from workers.errors import NotAllowedInState, ServerAway
from workers.remote import RemoteClient
from workers.remote.wire import Reply, error_of

_TRIES: Final = 8
_FIRST_PAUSE_S: Final = 0.25
_ANSWER_S: Final = 60.0
_MOST_BYTES: Final = 2**19


def send(client: RemoteClient, session_id: str, chunks: Iterable[bytes], options: JobOptions) -> None:
    """Send a stream whose bytes arrive in `chunks`, and return when all of it is in jobs of the session.

    It is decoded here and sent as 16-bit samples, since each place in those can be named. When `chunks` raises, what
    came before is sent, and then that is raised; the session stays open.

    Raises:
        InputError: the stream can't be decoded.
        ServerAway: the server stays away; it keeps what it has told to be kept.
        SessionNotFound, NotAllowedInState, QuotaExceeded, ...: the session can't be fed.
    """
    with open_samples(chunks, options.preprocess) as samples:
        told = {"encoding": "pcm_s16le", "sample_rate_hz": samples.sample_rate_hz, "channels": samples.channels}
        start = {**told, "options": options.model_dump(mode="json", exclude_defaults=True)}
        with closing(_Call(client, session_id, start)) as call:
            for block in samples.blocks:
                call.put(block)
            call.end()


class _Call:
    """A call on its way: what is not kept yet by the server is kept here."""

    def __init__(self, client: RemoteClient, session_id: str, start: dict[str, Any]) -> None:
        self._address, self._headers = client.socket_address(session_id)
        self._start = start
        self._connection: ClientConnection | None = None
        self._resources = ExitStack()
        self._unkept = bytearray()
        self._first: int | None = None  # the place of the first byte of these in the call
        self._sent = 0  # up to this place
        self._failures = 0
        self._has_said_end = False

    def put(self, block: bytes) -> None:
        """Send some more, on a new connection if the last one broke."""
        self._unkept += block
        self._insist(self._push)

    def end(self) -> None:
        """Say that the call is over, and wait until the server has all of it."""
        try:
            self._insist(self._finish)
        except NotAllowedInState:
            # It has ended, but the connection broke before the server could say so.
            if not self._has_said_end:
                raise

    def close(self) -> None:
        """Close the connection."""
        self._connection = None
        self._resources.close()

    def _insist(self, act: Callable[[ClientConnection], None]) -> None:
        while True:
            try:
                connection = self._connection or self._connect()
                act(connection)
            except InvalidStatus as refused:
                answer = refused.response
                if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise error_of(Reply(answer.status_code, answer.headers, bytes(answer.body or b""))) from refused
                self._wait(refused)
            except (ConnectionClosed, InvalidHandshake, OSError) as error:
                self._wait(error)
            else:
                return

    def _wait(self, error: Exception) -> None:
        self.close()
        self._failures += 1
        if self._failures == _TRIES:
            raise ServerAway(f"{type(error).__name__}: {error}") from error
        time.sleep(_FIRST_PAUSE_S * 2**self._failures)

    def _connect(self) -> ClientConnection:
        connection = self._resources.enter_context(
            connect(self._address, additional_headers=self._headers, open_timeout=_ANSWER_S)
        )
        connection.send(json.dumps(self._start))
        ready = self._hear(connection, _ANSWER_S)
        self._sent = ready["offset"]
        if self._first is None:
            self._first = self._sent
        self._connection = connection
        return connection

    def _push(self, connection: ClientConnection) -> None:
        assert self._first is not None
        for place in range(self._sent - self._first, len(self._unkept), _MOST_BYTES):
            part = bytes(self._unkept[place : place + _MOST_BYTES])
            connection.send(part)
            self._sent += len(part)
        with suppress(TimeoutError):
            while True:
                self._note(self._hear(connection, 0))

    def _finish(self, connection: ClientConnection) -> None:
        self._push(connection)
        self._has_said_end = True
        connection.send('{"type": "end"}')
        while (told := self._hear(connection, _ANSWER_S))["type"] != "ended":
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        """Forget what the server keeps."""
        assert self._first is not None
        if told["offset"] > self._first:
            del self._unkept[: told["offset"] - self._first]
            self._first, self._failures = told["offset"], 0

    @staticmethod
    def _hear(connection: ClientConnection, timeout_s: float) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(connection.recv(timeout_s))
        if told["type"] == "error":
            raise _refusal(told)
        return told


def _refusal(told: dict[str, Any]) -> VoxqueueError:
    document = json.dumps({"code": told["code"], "detail": told["message"]})
    return error_of(Reply(HTTPStatus.BAD_REQUEST, {}, document.encode()))
