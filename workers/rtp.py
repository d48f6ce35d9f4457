"""Live sound over RTSP and RTP. It is only repacked here, never decoded: that is for the confined process."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Final

import av
from av.container import OutputContainer
from av.error import ExitError, FFmpegError, HTTPError
from av.error import TimeoutError as FFmpegTimeout

from pipeline.errors import VoxqueueError
from workers.errors import FetchAway, FetchFailed, FetchTimeout

_PROTOCOLS: Final = "rtp,udp,tcp,rtsp,tls,crypto"
_MOST_WAITING: Final = 4096
"""Pieces of some 20 ms to 100 ms: minutes, for a database that is away."""
# Little is waited for before sound goes on, and each tenth of a second is written as it comes.
_HASTE: Final = {"probesize": "4096", "analyzeduration": "500000", "protocol_whitelist": _PROTOCOLS}
_LIVE: Final = {"live": "1", "cluster_time_limit": "100", "flush_packets": "1"}


def received(url: str, idle_s: float) -> Generator[bytes]:
    """The first sound at `url` as WAV or Matroska, piece by piece, until it ends.

    For `rtp://` the address is that of this machine, where packets are awaited, of a codec with a number of its own
    (RFC 3551: PCMU, PCMA, G.722, GSM), and a call of which nothing came for `idle_s` is over. They are awaited from
    now on, whenever the first is asked for. The caller may stop at any time.

    Raises:
        FetchTimeout: nothing came for `idle_s`, of `rtp://` from the start.
        FetchAway, FetchFailed: it can't be reached, or is no sound.
    """
    waiting: queue.Queue[bytes | VoxqueueError | None] = queue.Queue(_MOST_WAITING)
    relay = _Relay(url, idle_s, waiting)
    threading.Thread(target=relay.run, daemon=True).start()
    return _told(relay, waiting)


def _told(relay: "_Relay", waiting: "queue.Queue[bytes | VoxqueueError | None]") -> Generator[bytes]:
    try:
        while (told := waiting.get()) is not None:
            if isinstance(told, VoxqueueError):
                raise told
            yield told
    finally:
        relay.stop()


class _Relay:
    """A thread that waits for the network, so that whoever reads can be interrupted."""

    def __init__(self, url: str, idle_s: float, waiting: "queue.Queue[bytes | VoxqueueError | None]") -> None:
        self._url = url
        self._idle_s = idle_s
        self._waiting = waiting
        self._is_stopped = self._has_heard = False

    def stop(self) -> None:
        """Nobody reads any more."""
        self._is_stopped = True

    def write(self, data: bytes) -> int:
        """What FFmpeg has packed."""
        self._waiting.put(bytes(data))
        return len(data)

    def run(self) -> None:
        """Repack until it ends."""
        try:
            self._repack()
        except (ExitError, FFmpegTimeout):
            # Packets say nothing of their end.
            is_end = self._has_heard and self._url.lower().startswith("rtp:")
            self._waiting.put(None if is_end else FetchTimeout(f"nothing came for {self._idle_s:g} s"))
        except (HTTPError, ConnectionError) as error:
            self._waiting.put(FetchAway(str(error.strerror or error)))
        except (FFmpegError, ValueError) as error:
            self._waiting.put(FetchFailed(str(error)[:200]))
        else:
            self._waiting.put(None)

    def _repack(self) -> None:
        with av.open(self._url, options=_HASTE, timeout=self._idle_s) as source:
            if not source.streams.audio:
                raise ValueError("there is no sound")
            stream = source.streams.audio[0]
            # Matroska takes no telephone codecs, WAV no others.
            name = "wav" if stream.codec_context.name.startswith(("pcm_", "adpcm_")) else "matroska"
            with av.open(self, "w", format=name, options=_LIVE if name == "matroska" else {}) as target:
                copied = target.add_stream_from_template(stream)
                self._copy(source.demux(stream), target, copied)

    def _copy(
        self, packets: "Iterator[av.Packet[av.AudioStream]]", target: OutputContainer, copied: av.AudioStream
    ) -> None:
        for packet in packets:
            if self._is_stopped:
                return
            # FFmpeg ends with one that is empty.
            if packet.size:
                packet.stream = copied
                self._has_heard = True
                target.mux(packet)
