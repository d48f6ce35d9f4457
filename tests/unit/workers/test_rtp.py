"""Sound that comes in packets is repacked as it is, for the decoder in its cage."""

import io
import socket
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from workers.errors import FetchAway, FetchFailed, FetchTimeout
from workers.rtp import received
from workers.settings import Settings
from workers.sources import live

RATE_HZ, FRAME = 8000, 160


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        # The next one is that of RTCP.
        return int(found.getsockname()[1]) // 2 * 2


def send(port: int, samples: NDArray[np.int16], heard: threading.Event) -> None:
    with av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp") as target:
        stream = target.add_stream("pcm_mulaw", rate=RATE_HZ, layout="mono")
        for start in range(0, len(samples), FRAME):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + FRAME].copy(), format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            target.mux(stream.encode(frame))
            time.sleep(0.005)
            if heard.is_set():
                return


def test_packets_of_a_telephone_become_a_stream_until_they_cease() -> None:
    port, heard, found = free_port(), threading.Event(), b""
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(20 * RATE_HZ) / RATE_HZ)).astype(np.int16)
    sender = threading.Thread(target=send, args=(port, tone, heard))
    sender.start()

    def listen() -> None:
        nonlocal found
        for piece in received(f"rtp://127.0.0.1:{port}", 1.0):
            found += piece
            if len(found) > RATE_HZ:
                heard.set()

    listen()
    sender.join()
    with av.open(io.BytesIO(found), "r") as container:
        assert container.streams.audio[0].codec_context.name == "pcm_mulaw"
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(samples[:RATE_HZ].astype(np.float64)))
    assert len(samples) >= RATE_HZ
    assert int(np.argmax(spectrum)) == 440


def test_packets_are_awaited_before_the_first_is_asked_for() -> None:
    port, heard = free_port(), threading.Event()
    pieces = received(f"rtp://127.0.0.1:{port}", 1.0)
    time.sleep(0.5)
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.int16)
    send(port, tone, heard)
    assert len(b"".join(pieces)) >= 1.5 * RATE_HZ


def test_packets_that_never_come_are_given_up() -> None:
    with pytest.raises(FetchTimeout):
        list(received(f"rtp://127.0.0.1:{free_port()}", 0.5))


def test_an_address_where_nobody_is_says_so(tmp_path: Path) -> None:
    absent = f"RTSP://127.0.0.1:{free_port()}/7"
    away = pytest.raises((FetchAway, FetchFailed, FetchTimeout))
    with away, live(absent, Settings(home=tmp_path)) as chunks:
        list(chunks)
