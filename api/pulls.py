"""Live calls that this process fetches from an address itself: each a thread, from the first byte to the end."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from pipeline.errors import TransientError, VoxqueueError
from pipeline.options import JobOptions
from workers.client import Client
from workers.jobs.sessions import SessionStatus
from workers.sources import live_link

logger = logging.getLogger(__name__)

_PAUSES_S: Final = (1.0, 4.0, 15.0)
"""Before each attempt in a row to reach again what broke off."""
_LOOK_S: Final = 0.25


class Pull:
    """One live call and where it is fetched.

    A server that breaks off is asked again, and the call goes on with the next piece; one that ends it has ended it.
    """

    def __init__(self, client: Client, url: str, options: JobOptions) -> None:
        """Connect; raises as `live_link` does."""
        self._client = client
        self._url = url
        self._options = options
        self._session: SessionStatus | None = None
        self._is_stopped = self._has_heard = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._connection = ExitStack()
        self._chunks: Iterator[bytes] | None = self._connection.enter_context(live_link(url, client.settings))

    @property
    def session(self) -> SessionStatus:
        """What it belongs to."""
        assert self._session is not None
        return self._session

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes, and what came has been cut."""
        return not self._thread.is_alive()

    def start(self, session: SessionStatus) -> None:
        """Transcribe what comes as this session."""
        self._session = session
        self._thread.start()

    def close(self) -> None:
        """Let go of a connection that was not used."""
        self._connection.close()

    def end(self) -> None:
        """Fetch nothing more: what came is kept, and then the call has ended."""
        self._is_stopped = True

    def break_off(self) -> None:
        """As `end`: nobody else would go on with it."""
        self.end()

    def join(self, timeout_s: float) -> None:
        """Wait until it is over."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        # It comes with onnxruntime, which a door that fetches no streams does without.
        from workers.streaming import end  # noqa: PLC0415

        code = None
        try:
            self._fetch_to_its_end()
        except VoxqueueError as error:
            # What was ended before a word of it came is no audio, and no mistake.
            code = None if self._is_stopped else error.code
            logger.warning("stream.failed", extra={"session": self.session.id, "code": error.code})
        end(self._client, self.session.id, code)

    def _fetch_to_its_end(self) -> None:
        failures = 0
        while True:
            self._has_heard = False
            try:
                self._fetch()
            except TransientError:
                failures = 1 if self._has_heard else failures + 1
                if failures > len(_PAUSES_S) and not self._is_stopped:
                    raise
            else:
                return
            if not self._has_waited(_PAUSES_S[failures - 1]):
                return

    def _fetch(self) -> None:
        from workers.streaming import feed  # noqa: PLC0415  # as above

        session = self._client.sessions.status(self.session.id)
        with self._connection:
            if self._chunks is None:
                self._chunks = self._connection.enter_context(live_link(self._url, self._client.settings))
            chunks, self._chunks = self._chunks, None
            for _ in feed(self._client, session, self._until_stopped(chunks), self._options):
                pass

    def _until_stopped(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self._is_stopped:
                return
            self._has_heard = True
            yield chunk

    def _has_waited(self, pause_s: float) -> bool:
        """Wait; False where it is to end meanwhile."""
        until = time.monotonic() + pause_s
        while not self._is_stopped and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return not self._is_stopped
