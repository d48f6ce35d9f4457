"""Batches and deletion by the clients over HTTP and the command line: as in process."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import InvalidOptions
from tests.integration.api.conftest import Door
from workers.cli import app
from workers.client import Client
from workers.details import EnqueueArguments
from workers.errors import BatchNotFound, JobDeleted, UrlNotAllowed
from workers.jobs import JobStatus
from workers.remote import AsyncRemoteClient, RemoteClient
from workers.states import JobState

RECORDINGS: list[EnqueueArguments] = [
    {"source": b"RIFF of a kind", "roles": ("agent",), "tags": ["a"], "file_name": "one.wav"},
    {"url": "http://127.0.0.1/2.wav"},
    {"source": b"another", "options": {"decode": {"hotwords": ["Acme"]}}},
]


def check(client: Client | RemoteClient) -> None:
    made, again = (client.enqueue_batch(RECORDINGS, idempotency_key="night") for _ in range(2))
    assert made.batch.id == again.batch.id
    first, refused, second = made.items
    assert isinstance(first, JobStatus)
    assert isinstance(second, JobStatus)
    assert isinstance(refused, UrlNotAllowed)
    assert (first.file_name, first.tags, second.state) == ("one.wav", ("a",), JobState.QUEUED)
    assert [item.id for item in again.items if isinstance(item, JobStatus)] == [first.id, second.id]
    assert client.batch(made.batch.id).counts == {JobState.QUEUED: 2}
    assert client.cancel_batch(made.batch.id) == 2
    assert client.batch(made.batch.id).is_final
    assert client.delete(first.id).job_id == first.id
    with pytest.raises(JobDeleted):
        client.document(first.id)
    with pytest.raises(InvalidOptions):
        client.enqueue_batch([])
    with pytest.raises(BatchNotFound):
        client.batch("0b1f8f0a-5f0e-4a51-9d8e-6f1d2c3b4a59")


def test_a_batch_in_process(door: Door) -> None:
    check(door.client)


def test_a_batch_over_http_is_as_in_process(door: Door) -> None:
    with RemoteClient(door.url) as client:
        check(client)


def test_a_batch_by_asyncio(door: Door) -> None:
    async def act() -> None:
        async with AsyncRemoteClient(door.url) as client:
            made = await client.enqueue_batch(RECORDINGS[:1])
            assert (await client.batch(made.batch.id)).counts == {JobState.QUEUED: 1}
            assert await client.cancel_batch(made.batch.id) == 1
            [job] = made.items
            assert isinstance(job, JobStatus)
            assert (await client.delete(job.id)).files == 1

    asyncio.run(act())


def run(door: Door, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["--server", door.url, *map(str, arguments)], prog_name="voxqueue")


def test_the_command_line_hands_in_a_manifest_and_stops_the_batch(door: Door, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(b"RIFF of a kind")
    manifest = tmp_path / "calls.jsonl"
    lines = [{"file": "call.wav", "hotwords": ["Acme"], "metadata": {"n": 1}}, {"audio_url": "http://127.0.0.1/2.wav"}]
    manifest.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    made = run(door, "submit", "--batch", manifest)
    assert made.exit_code == 0
    assert "recording 2 was refused: URL_NOT_ALLOWED" in made.stderr
    [batch_id] = made.stdout.split()
    assert run(door, "batch", batch_id).stdout == "running\n1 queued\n"
    shown = json.loads(run(door, "batch", batch_id, "--cancel", "--json").stdout)
    assert (shown["is_final"], shown["counts"]) == (True, {"canceled": 1})
    [job] = door.client.recent()
    assert job.annotations == {"n": 1}
    assert f"deleted {job.id}" in run(door, "delete", job.id).stdout


@pytest.mark.parametrize("line", ["{", "[]", '{"file": "nothing.wav"}', '{"file": "a.wav", "tenant": "x"}'])
def test_a_manifest_that_is_wrong_is_refused_with_its_line(door: Door, tmp_path: Path, line: str) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    manifest = tmp_path / "calls.jsonl"
    manifest.write_text(f"{line}\n")
    ran = run(door, "submit", "--batch", manifest)
    assert ran.exit_code == 2
    assert "nothing.wav" in ran.stderr or "calls.jsonl:1" in ran.stderr
    assert door.client.recent() == []
