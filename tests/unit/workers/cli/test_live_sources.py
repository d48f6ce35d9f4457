"""Objects and packets that the command line names are read from real servers: a bucket, RTSP, RTP."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import s3
from tests.rtsp import playing
from tests.unit.workers.cli.conftest import TEXT
from tests.unit.workers.cli.test_stream import DEMO_CALL, RATE_HZ, mu_law, run, session_of
from tests.unit.workers.test_rtp import free_port, send
from workers.cli.outcome import Exit
from workers.client import Client
from workers.objects import Bucket
from workers.settings import settings

LINE = f"{TEXT}\n"


@pytest.fixture
def bucket(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a bucket with a recording in it; the credentials are where AWS's tools look for them."""
    with s3.serving() as server:
        name = s3.make_bucket(server)
        chosen = {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything", "VOXQUEUE_S3_ENDPOINT": server}
        for variable, value in chosen.items():
            monkeypatch.setenv(variable, value)
        settings.cache_clear()
        with DEMO_CALL.open("rb") as call:
            Bucket(settings(), name).write("calls/nine.wav", call)
        yield name


def test_an_object_is_transcribed_and_named_after_its_key(colleague: Client, bucket: str) -> None:
    ran = run("transcribe", f"s3://{bucket}/calls/nine.wav", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["text"]) == (Exit.OK, TEXT)
    assert [job.file_name for job in colleague.recent()] == ["nine.wav"]


def test_an_object_that_is_not_there_is_one_plain_line(colleague: Client, bucket: str) -> None:
    ran = run("transcribe", f"s3://{bucket}/calls/ten.wav")
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr.startswith("error OBJECT_NOT_FOUND: ")


def test_a_call_of_an_rtsp_server_is_transcribed_until_the_server_ends_it(colleague: Client) -> None:
    agent = mu_law(0, 7)[::2]
    with playing(agent) as address:
        ran = run("stream", address)
    assert (ran.exit_code, ran.stdout) == (Exit.OK, LINE)
    assert colleague.sessions.status(session_of(ran)).duration_s == pytest.approx(7.0, abs=0.1)


def test_packets_that_somebody_sends_are_transcribed_until_an_interrupt(colleague: Client) -> None:
    port = free_port()
    samples, _ = soundfile.read(DEMO_CALL, frames=7 * RATE_HZ, dtype="int16")

    def call() -> None:
        deadline = time.monotonic() + 60
        while not _is_taken(port):
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.05)
        send(port, np.ascontiguousarray(samples[:, 0]), threading.Event())
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)

    caller = threading.Thread(target=call)
    caller.start()
    ran = run("stream", f"rtp://127.0.0.1:{port}")
    caller.join()
    assert (ran.exit_code, ran.stdout) == (Exit.OK, LINE)
    assert colleague.sessions.status(session_of(ran)).duration_s == pytest.approx(7.0, abs=0.5)


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
