"""A runtime on a database of its own and, where a test asks for it, on a real broker."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pytest
from redis import Redis

from workers.db import migrate
from workers.jobs import NewJob
from workers.runtime import Runtime, make_runtime
from workers.settings import read_settings

RuntimeMaker = Callable[..., Runtime]


@pytest.fixture
def make_test_runtime(tmp_path: Path) -> Iterator[RuntimeMaker]:
    """Make a runtime with these settings, quick where the defaults are patient."""
    made: list[Runtime] = []

    def make(**settings: object) -> Runtime:
        quick = {"home": tmp_path, "lease_s": 1.0, "heartbeat_s": 0.1, "reap_s": 0.1, "retry_base_s": 0.01, **settings}
        runtime = make_runtime(read_settings(**quick))
        migrate.upgrade(runtime.database)
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.database.dispose()


@pytest.fixture
def clean_broker_url(broker_url: str) -> Iterator[str]:
    """A broker without a message in it."""
    with Redis.from_url(broker_url) as client:
        client.flushdb()
        yield broker_url
        client.flushdb()


def hand_in(runtime: Runtime, **details: Any) -> str:
    """A job whose recording is six bytes; its id."""
    job_id = str(uuid4())
    source = runtime.store.put(f"{job_id}/source.0", _write_speech)
    return runtime.jobs.create(NewJob(id=job_id, source=source, file_name="call.wav", **details))


def _write_speech(file: BinaryIO) -> None:
    file.write(b"speech")
