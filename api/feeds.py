"""Live calls as they come in: each a thread that cuts it into pieces, and that outlives a connection which breaks."""

import logging
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from api.errors import InvalidRequest
from api.pulls import Pull
from pipeline.errors import VoxqueueError
from pipeline.options import JobOptions
from workers.client import Client
from workers.errors import QuotaExceeded, SystemFull
from workers.jobs.sessions import SessionStatus

logger = logging.getLogger(__name__)

_MOST_WAITING_BYTES: Final = 2**20
"""Of audio that was not worked on yet; who sends faster waits."""
_LOOK_S: Final = 0.25
_ENDING_S: Final = 10.0
_RETRY_AFTER_S: Final = 30.0
_PHONE_RATE_HZ: Final = 8000
_SAMPLE_BYTES: Final = {"pcm_mulaw": 1, "pcm_alaw": 1, "pcm_s16le": 2, "pcm_s16be": 2}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the samples of a stream without a header follow one another."""

    rate_hz: int
    frame_bytes: int

    @classmethod
    def of(cls, options: JobOptions) -> "Layout":
        """What these options declare.

        Raises:
            InvalidRequest: nothing from which a place in the stream can be told.
        """
        told = options.preprocess
        if told.encoding not in _SAMPLE_BYTES:
            raise InvalidRequest(f"encoding: one of {', '.join(_SAMPLE_BYTES)}", [("encoding", "not for streams")])
        frame_bytes = _SAMPLE_BYTES[told.encoding] * (told.channel_count or 1)
        return cls(told.sample_rate_hz or _PHONE_RATE_HZ, frame_bytes)

    def bytes_until(self, moment_s: float) -> int:
        """Bytes of whole frames before a moment."""
        return round(moment_s * self.rate_hz) * self.frame_bytes


class Feed:
    """One live call. Offsets count bytes from the start of the call.

    `offset` is up to where it came in: from there it goes on. `kept` is up to where nothing can get lost any more,
    whatever happens to this process. `reader` is the connection that may bring more; the newest takes it over.
    `is_whole` is set once its sender has said that the call is over.
    """

    def __init__(self, client: Client, session: SessionStatus, options: JobOptions) -> None:
        self.session = session
        self.options = options
        self.layout = Layout.of(options)
        self.offset = self.kept = self.layout.bytes_until(session.duration_s)
        self.error: VoxqueueError | None = None
        self.reader: object | None = None
        self._client = client
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self.is_whole = self._is_broken_off = self._is_closed = False
        self._left_at = time.monotonic()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is taken, and what came has been cut."""
        return not self._thread.is_alive()

    def start(self) -> None:
        """Begin to work on what comes in."""
        self._thread.start()

    def attach(self, reader: object) -> None:
        """Let a connection bring more."""
        self.reader = reader

    def detach(self, reader: object) -> None:
        """The connection is gone; another one may come."""
        if self.reader is reader:
            self.reader, self._left_at = None, time.monotonic()

    def offer(self, chunk: bytes) -> bool:
        """Take the next bytes; False while there is no room for them."""
        with self._lock:
            has_room = not self._waiting_bytes or self._waiting_bytes + len(chunk) <= _MOST_WAITING_BYTES
            if self._is_closed or not has_room:
                return False
            self._waiting_bytes += len(chunk)
            self.offset += len(chunk)
            self._chunks.put(chunk)
        return True

    def end(self) -> None:
        """Nothing more will come: the call is over."""
        self.is_whole = True

    def break_off(self) -> None:
        """Take nothing more for now: another process may go on."""
        self._is_broken_off = True

    def join(self, timeout_s: float) -> None:
        """Wait until it is over."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        # It comes with onnxruntime, which a door that takes no streams does without.
        from workers.streaming import end, feed  # noqa: PLC0415

        arriving = self._arriving()
        try:
            # A call that is ended, or picked up and left, need not bring anything.
            for first in arriving:
                for place, _job_id in feed(self._client, self.session, chain([first], arriving), self.options):
                    self.kept = self.layout.bytes_until(place.settled_s)
            if self.is_whole:
                end(self._client, self.session.id)
        except VoxqueueError as error:
            self.error = error
            logger.warning("stream.failed", extra={"session": self.session.id, "code": error.code})

    def _arriving(self) -> Iterator[bytes]:
        while True:
            try:
                chunk = self._chunks.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._close():
                    return
                continue
            with self._lock:
                self._waiting_bytes -= len(chunk)
            yield chunk

    def _close(self) -> bool:
        """Take nothing more if that is due, and all that was taken is worked on."""
        is_left = self.reader is None and time.monotonic() - self._left_at > self._client.settings.stream_grace_s
        is_due = self.is_whole or self._is_broken_off or is_left
        with self._lock:
            self._is_closed = is_due and self._chunks.empty()
        return self._is_closed


class Feeds:
    """The live calls of this process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._feeds: dict[str, Feed | Pull] = {}

    def attach(self, session: SessionStatus, options: JobOptions, reader: object) -> Feed:
        """The feed of this session, gone on with or begun; `reader` is who brings what comes next.

        Raises:
            InvalidRequest: it can't be a stream, or is another than the one that is going on.
            SystemFull, QuotaExceeded: there are too many live calls, of all or of this tenant.
        """
        feed = self._live().get(session.id)
        if isinstance(feed, Pull):
            raise InvalidRequest("this call is fetched from an address")
        if feed is None:
            feed = Feed(self._client, session, options)
            self._check_room(session.tenant)
            self._feeds[session.id] = feed
            feed.attach(reader)
            feed.start()
        elif feed.options != options:
            raise InvalidRequest("this call is going on with other options")
        feed.attach(reader)
        return feed

    def check_room(self, tenant: str) -> None:
        """Raise SystemFull or QuotaExceeded where there are too many live calls, of all or of this tenant."""
        self._live()
        self._check_room(tenant)

    def pull(self, made: Pull, session: SessionStatus) -> None:
        """Let a connection that was made be the audio of this session."""
        made.start(session)
        self._feeds[session.id] = made

    def end(self, session_id: str) -> bool:
        """End the call; False when it is not live here."""
        feed = self._live().get(session_id)
        if feed is not None:
            feed.end()
        return feed is not None

    def close(self) -> None:
        """Keep what has come in of every call."""
        act_on = list(self._live().values())
        for each in act_on:
            each.break_off()
        until = time.monotonic() + _ENDING_S
        for each in act_on:
            each.join(max(0.0, until - time.monotonic()))

    def _live(self) -> dict[str, Feed | Pull]:
        self._feeds = {name: each for name, each in self._feeds.items() if not each.is_over}
        return self._feeds

    def _check_room(self, tenant: str) -> None:
        settings = self._client.settings
        if len(self._feeds) >= settings.streams:
            raise SystemFull(f"{settings.streams} live calls", retry_after_s=_RETRY_AFTER_S)
        if sum(each.session.tenant == tenant for each in self._feeds.values()) >= settings.tenant_streams:
            raise QuotaExceeded(f"{settings.tenant_streams} live calls", retry_after_s=_RETRY_AFTER_S)
