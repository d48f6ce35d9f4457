"""The HTTP door on a real socket, and a colleague who does the work of all steps without hearing anything."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.app import make_app
from api.server import make_server
from pipeline.errors import CorruptHeader
from pipeline.preflight import Finding, Severity, Unusable
from pipeline.stages import STEPS, Step
from pipeline.values import Channel, Recording, Transcript, Utterance, Word
from workers.client import Client
from workers.db import migrate
from workers.door import listening_socket, url_of
from workers.jobs import ArtifactRef, Lease
from workers.jobs.keys import DEFAULT_SCOPES, ApiKeys
from workers.jobs.results import Result
from workers.settings import read_settings
from workers.states import Scope

TEXT = "My card number is 4111 1111 1111 1111."
ADVICE = "Fetch it again."
WORDS = tuple(Word(word, 0.5 + index / 10, 0.55 + index / 10, 0.9) for index, word in enumerate(TEXT.split()))
SPOKEN = Utterance(0, "agent", 0.5, 1.5, TEXT, 0.9, WORDS)
TRANSCRIPT = Transcript(TEXT, "en", "tiny.en", Recording(2.0, 8000, "WAV/ULAW", (Channel(0, "agent"),)), (SPOKEN,))
WAIT_S = 30


@dataclass(frozen=True)
class Door:
    """A running door: its address, and the client behind it for what HTTP does not show."""

    url: str
    client: Client

    def key(self, tenant: str = "default", scopes: frozenset[Scope] = DEFAULT_SCOPES) -> str:
        return ApiKeys(self.client.runtime.database).create(tenant, "test", scopes)[1]

    def http(self, key: str | None = None, **changes: Any) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=WAIT_S, **changes)

    def submit(self, key: str | None = None, content: bytes = b"RIFF of a kind", **fields: Any) -> dict[str, Any]:
        with self.http(key) as http:
            answer = http.post("/v1/jobs", files={"file": ("call.wav", content)}, data=fields)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def step(self, step: Step, job_id: str = "") -> None:
        """Do one step of some job, well."""
        lease = self.client.runtime.jobs.claim(step, job_id, "colleague")
        assert lease is not None
        end(self.client, lease)

    def complete(self, job_id: str) -> None:
        for step in STEPS:
            self.step(step, job_id)


DoorMaker = Callable[..., Door]


@pytest.fixture
def open_door(tmp_path: Path) -> Iterator[DoorMaker]:
    """Open a door with these settings; `is_open` lets this machine in without a key."""
    with ExitStack() as stack:

        def make(*, is_open: bool = True, **settings: object) -> Door:
            quick = {"home": tmp_path, "broker_url": "redis://127.0.0.1:1/0", "broker_timeout_s": 0.2, **settings}
            client = Client(read_settings(**quick))
            migrate.upgrade(client.runtime.database)
            return stack.enter_context(_serving(client, is_open=is_open))

        yield make


@contextmanager
def _serving(client: Client, *, is_open: bool) -> Iterator[Door]:
    listening = listening_socket("127.0.0.1", 0)
    server = make_server(make_app(client, is_open=is_open))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield Door(url_of(listening), client)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def door(open_door: DoorMaker) -> Door:
    return open_door()


@pytest.fixture
def http(door: Door) -> Iterator[httpx2.Client]:
    with door.http() as client:
        yield client


@pytest.fixture
def colleague(door: Door) -> Iterator[None]:
    """Someone who ends every step of every job; recordings that begin with `bad` are refused."""
    with at_work(door.client):
        yield


@contextmanager
def at_work(client: Client) -> Iterator[None]:
    """The same at another door."""
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(client, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _work(client: Client, stop: threading.Event) -> None:
    while not stop.wait(0.01):
        for step in STEPS:
            while lease := client.runtime.jobs.claim(step, "", "colleague"):
                end(client, lease)


def end(client: Client, lease: Lease) -> None:
    """End a step, well unless the recording is bad."""
    jobs, store = client.runtime.jobs, client.runtime.store
    with store.open(lease.source) as recording:
        is_bad = recording.read(3) == b"bad"
    if is_bad:
        error = CorruptHeader("no data")
        error.report = Unusable("wav", None, None, None, 0.0, (Finding(error.code, Severity.ERROR, None, ADVICE),))
        jobs.fail(lease, error)
        return
    artifact = ArtifactRef(f"{lease.job_id}/{lease.step}.{lease.fence}", "a" * 64, 1)
    is_last = lease.step is Step.FORMAT
    jobs.finish(lease, Result(transcript=TRANSCRIPT) if is_last else Result(artifact=artifact, duration_s=2.0))
