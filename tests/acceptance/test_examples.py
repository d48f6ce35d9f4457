"""Each example app is started, handed a recording, told by a signed webhook, and asked for the text."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx2
import pytest

from pipeline.stages import STEPS, Step
from tests.acceptance.conftest import ROOT, wait_until
from tests.integration.jobs.conftest import transcript
from workers.client import Client
from workers.db import migrate
from workers.delivery import run_delivery
from workers.jobs import ArtifactRef
from workers.jobs.results import Result
from workers.settings import Settings
from workers.states import JobState


@dataclass(frozen=True)
class Example:
    """A running app, and the client that does the work of the queues behind it."""

    http: httpx2.Client
    client: Client


@pytest.fixture(params=["flask", "django", "fastapi"])
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Example]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(home=tmp_path, broker_url="redis://127.0.0.1:1/0", outbound_allow="127.0.0.1")
    with Client(settings) as client, (tmp_path / "app.log").open("w+") as log:
        migrate.upgrade(client.runtime.database)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "VOXQUEUE_HOME": str(tmp_path),
            "VOXQUEUE_BROKER_URL": settings.broker_url,
            "VOXQUEUE_BROKER_TIMEOUT_S": "0.2",
            "VOXQUEUE_OUTBOUND_ALLOW": "127.0.0.1",
            "WEBHOOK_SECRET": client.runtime.webhooks.callback_secret(),
            "CALLBACK_URL": f"http://127.0.0.1:{port}/hooks/voxqueue",
        }
        command = [sys.executable, str(ROOT / "examples" / request.param / "app.py"), str(port)]
        with (
            _running(command, environment, log),
            httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
        ):
            yield Example(http, client)


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: IO[str]) -> Iterator[None]:
    with subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT / "tests") as process:
        try:
            wait_until(lambda: _answers(int(command[-1])) or process.poll() is not None, timeout_s=120)
            log.seek(0)
            assert process.poll() is None, log.read()
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def complete(client: Client, job_id: str) -> None:
    """Do every step without hearing anything."""
    for step in STEPS:
        lease = client.runtime.jobs.claim(step, job_id, "colleague")
        assert lease is not None
        artifact = ArtifactRef(f"{job_id}/{step}.{lease.fence}", "a" * 64, 1)
        is_last = step is Step.FORMAT
        done = Result(transcript=transcript("all is well")) if is_last else Result(artifact=artifact, duration_s=1.5)
        client.runtime.jobs.finish(lease, done)


def test_an_app_takes_a_recording_is_told_of_its_end_and_shows_the_text(example: Example) -> None:
    answer = example.http.post("/calls", files={"file": ("call.wav", b"RIFF of a kind")})
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    assert example.client.status(job_id).file_name == "call.wav"
    shown = example.http.get(f"/calls/{job_id}").json()
    assert (shown["status"], shown["text"], shown["told"]) == ("queued", None, False)

    complete(example.client, job_id)
    [delivery] = example.client.runtime.webhooks.deliveries()
    forged = example.http.post("/hooks/voxqueue", content=delivery.payload, headers=_forged(delivery.id))
    assert forged.status_code == 401
    assert example.http.get(f"/calls/{job_id}").json()["told"] is False

    run_delivery(example.client.runtime, delivery.id)
    assert example.client.runtime.webhooks.delivery(delivery.id).state == "delivered"
    shown = example.http.get(f"/calls/{job_id}").json()
    assert (shown["status"], shown["text"], shown["told"]) == (JobState.COMPLETED, "all is well", True)

    unknown = example.http.get("/calls/nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "JOB_NOT_FOUND")


def _forged(message_id: str) -> dict[str, str]:
    signature = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(time.time())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }
