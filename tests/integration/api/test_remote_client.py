"""The client over HTTP against the server itself: the verbs of the client in process, with same values and errors."""

import asyncio
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import EmptyUpload, InvalidOptions
from pipeline.options import FormatOptions, RedecodeOptions
from pipeline.stages import Step
from tests.integration.api.conftest import TEXT, Door, DoorMaker
from tests.sinks import raw_server
from workers.cli import app
from workers.errors import (
    FileNotReadable,
    IdempotencyConflict,
    JobFailed,
    JobNotFinished,
    JobNotFound,
    KeyRefused,
    NotAllowedInState,
    ServerAway,
    ServerRefused,
    UrlNotAllowed,
    VersionNotFound,
    WaitTimeout,
)
from workers.remote import AsyncRemoteClient, RemoteClient
from workers.states import JobState, Scope

Act = Callable[[], object]


def run(door: Door, *arguments: str | Path) -> Result:
    given = ["--server", door.url, *map(str, arguments)]
    return CliRunner().invoke(app, given, prog_name="voxqueue")


@pytest.mark.usefixtures("colleague")
def test_a_job_over_http_is_the_one_in_process_from_handing_in_to_the_transcript(door: Door, tmp_path: Path) -> None:
    call = tmp_path / "ein anruf é.wav"
    call.write_bytes(b"RIFF of a kind")
    with RemoteClient(door.url) as client:
        made = client.enqueue(
            call,
            {"decode": {"hotwords": ["Voxqueue"]}},
            roles=("agent",),
            priority=3,
            annotations={"a": [1]},
            tags=["b"],
        )
        ended = client.wait(made.id, timeout_s=60)
        known = door.client.status(made.id)
        for name in (
            "id",
            "state",
            "file_name",
            "version",
            "duration_s",
            "annotations",
            "priority",
            "tags",
            "error_code",
        ):
            assert getattr(ended, name) == getattr(known, name), name
        assert ended.created_at == pytest.approx(known.created_at, abs=0.001)
        assert [step.name for step in ended.steps] == list(Step)
        assert ended.file_name == call.name
        assert client.document(made.id) == door.client.document(made.id)
        assert client.result(made.id) == door.client.result(made.id)
        assert client.rendered(made.id, "srt") == door.client.rendered(made.id, "srt")
        assert [job.id for job in client.recent(JobState.COMPLETED)] == [made.id]
        assert client.recent(JobState.FAILED) == []
        assert not client.cancel(made.id)


def test_a_job_is_canceled_and_tried_again_over_http(door: Door) -> None:
    with RemoteClient(door.url) as client:
        job = client.enqueue(BytesIO(b"RIFF"), file_name="named.wav")
        assert job.file_name == "named.wav"
        with pytest.raises(WaitTimeout):
            client.wait(job.id, timeout_s=0.2)
        assert client.cancel(job.id)
        assert client.status(job.id).state is JobState.CANCELED
        assert client.retry(job.id, Step.PREPROCESS).state is JobState.QUEUED
        with pytest.raises(NotAllowedInState):
            client.retry(job.id)


@pytest.mark.usefixtures("colleague")
def test_a_job_is_decoded_again_over_http_and_its_earlier_version_stays(door: Door) -> None:
    with RemoteClient(door.url) as client:
        job = client.wait(client.enqueue(b"RIFF").id, 60)
        again = client.redecode(job.id, {"hotwords": ("Acme",)})
        assert (client.wait(job.id, 60).version, again.version) == (2, 2)
        assert client.document(job.id, version=1) == door.client.document(job.id, 1)
        assert client.redecode(job.id, RedecodeOptions(format=FormatOptions(profanity="mask"))).version == 3
        chosen = door.client.runtime.jobs.options(job.id)
        assert (chosen.decode.hotwords, chosen.format.profanity) == (("Acme",), "mask")
        client.wait(job.id, 60)
        with pytest.raises(VersionNotFound):
            client.document(job.id, version=4)
        with pytest.raises(InvalidOptions):
            client.redecode(job.id, {"beam_width": 10**9})


@pytest.mark.usefixtures("colleague")
def test_errors_over_http_are_those_in_process(door: Door, tmp_path: Path) -> None:
    with RemoteClient(door.url) as client:
        bad = client.wait(client.enqueue(b"bad one").id, 60)
        assert (bad.state, bad.error_code) == (JobState.FAILED, "CORRUPT_HEADER")
        assert bad.report is not None
        assert bad.report == door.client.status(bad.id).report
        refusals: list[tuple[type[Exception], Act]] = [
            (JobNotFound, lambda: client.status("nobody")),
            (JobFailed, lambda: client.result(bad.id)),
            (EmptyUpload, lambda: client.enqueue(b"")),
            (FileNotReadable, lambda: client.enqueue(tmp_path / "nothing.wav")),
            (InvalidOptions, lambda: client.enqueue(b"RIFF", {"decode": {"beam_width": 10**9}})),
            (InvalidOptions, lambda: client.enqueue(b"RIFF", tenant="north")),
            (InvalidOptions, client.enqueue),
            (UrlNotAllowed, lambda: client.enqueue(b"RIFF", callback_url="http://169.254.169.254/")),
        ]
        for kind, act in refusals:
            with pytest.raises(kind):
                act()


def test_a_transcript_that_is_not_there_yet_is_an_error(door: Door) -> None:
    with RemoteClient(door.url) as client, pytest.raises(JobNotFinished):
        client.result(client.enqueue(b"RIFF").id)


def test_the_same_key_over_http_is_the_same_job(door: Door) -> None:
    with RemoteClient(door.url) as client:
        first = client.enqueue(b"RIFF", idempotency_key="key")
        assert client.enqueue(b"RIFF", idempotency_key="key").id == first.id
        assert client.enqueue(b"RIFF").id != first.id
        with pytest.raises(IdempotencyConflict):
            client.enqueue(b"RIFX", idempotency_key="key")


def test_a_server_with_keys_lets_in_who_has_one_and_to_what_it_allows(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    with RemoteClient(door.url) as client, pytest.raises(KeyRefused):
        client.recent()
    with RemoteClient(door.url, door.key(scopes=frozenset({Scope.READ}))) as client:
        assert client.recent() == []
        with pytest.raises(ServerRefused, match="FORBIDDEN"):
            client.enqueue(b"RIFF")
    with RemoteClient(door.url, door.key("north")) as client:
        job = client.enqueue(b"RIFF")
    assert door.client.status(job.id).tenant == "north"


@pytest.mark.usefixtures("colleague")
def test_events_are_heard_from_the_first_to_the_last_and_after_that_there_are_none(door: Door) -> None:
    with RemoteClient(door.url) as client:
        job = client.enqueue(b"RIFF")
        heard = [event for event in client.events(job.id) if event.progress is None]
        kinds = [event.kind for event in heard]
        assert (kinds[0], kinds[-1], kinds.count("step.done")) == ("job.queued", "job.completed", 5)
        ids = [event.id or 0 for event in heard]
        assert ids == sorted(set(ids))
        assert [event.id for event in client.events(job.id, after=ids[-3])] == ids[-2:]
        assert list(client.events(job.id, after=ids[-1])) == []
        with pytest.raises(JobNotFound):
            list(client.events("nobody"))


def test_a_stream_of_events_that_breaks_is_taken_up_after_the_last_one_that_was_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.remote.clients.RECONNECT_S", 0.01)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99999\r\n\r\n"
    connections = iter(range(100))

    def tell(talk: object) -> None:
        number = next(connections)
        event = {"id": number, "job_id": "7", "step": None, "reason": None}
        kind = "job.completed" if number == 3 else "step.started"
        told = f"id: {number}\nevent: {kind}\ndata: {json.dumps(event)}\n\n".encode()
        over = b"HTTP/1.1 204 No Content\r\n\r\n"
        talk.wfile.write(head + told if number <= 3 else over)  # type: ignore[attr-defined]

    with raw_server(tell) as port, RemoteClient(f"http://127.0.0.2:{port}") as client:
        assert [event.id for event in client.events("7")] == [0, 1, 2, 3]
    with RemoteClient(f"http://127.0.0.2:{port}") as client, pytest.raises(ServerAway, match="broke off"):
        list(client.events("7"))


@pytest.mark.usefixtures("colleague")
def test_the_client_of_asyncio_has_the_same_verbs(door: Door, tmp_path: Path) -> None:
    call = tmp_path / "call.wav"
    call.write_bytes(b"RIFF of a kind")

    async def work() -> None:
        async with AsyncRemoteClient(door.url) as client:
            jobs = await asyncio.gather(*(client.enqueue(call, roles=("agent",)) for _ in range(5)))
            kinds = [event.kind async for event in client.events(jobs[0].id)]
            assert kinds[-1] == "job.completed"
            ended = await asyncio.gather(*(client.wait(job.id, 60) for job in jobs))
            assert {job.state for job in ended} == {JobState.COMPLETED}
            assert (await client.result(jobs[0].id)).text == TEXT
            assert (await client.rendered(jobs[0].id, "text")).strip()
            assert len(await client.recent(limit=3)) == 3
            assert not await client.cancel(jobs[0].id)
            assert (await client.retry(jobs[0].id, Step.FORMAT)).version == 2
            assert (await client.status(jobs[1].id)).version == 1
            with pytest.raises(JobNotFound):
                await client.status("nobody")
            with pytest.raises(EmptyUpload):
                await client.enqueue(b"")

    asyncio.run(work())


@pytest.mark.usefixtures("colleague")
def test_the_command_line_transcribes_on_a_server(door: Door, tmp_path: Path) -> None:
    call, other = tmp_path / "call.wav", tmp_path / "other.wav"
    for path in (call, other):
        path.write_bytes(b"RIFF of a kind")
    ran = run(door, "transcribe", call, "--roles", "agent")
    assert (ran.exit_code, TEXT in ran.stdout) == (0, True), ran.output
    assert "format done" in ran.stderr
    ran = run(door, "transcribe", call, other, "--json")
    assert [json.loads(line)["text"] for line in ran.stdout.splitlines()] == [TEXT] * 2
    job_id = run(door, "submit", call).stdout.strip()
    door.client.wait(job_id, 60)
    assert "completed" in run(door, "status", job_id).stdout
    assert job_id in run(door, "list").stdout
    assert "-->" in run(door, "result", job_id, "--format", "vtt").stdout
    assert "ended before" in run(door, "cancel", job_id).stdout
    assert run(door, "retry", job_id, "--from-step", "format").stdout.strip() in {"queued", "running", "completed"}
    assert len(door.client.recent()) == 4


@pytest.mark.usefixtures("colleague")
def test_a_bad_recording_on_a_server_has_the_exit_status_that_it_has_here(door: Door, tmp_path: Path) -> None:
    call = tmp_path / "call.wav"
    call.write_bytes(b"bad one")
    ran = run(door, "transcribe", call)
    assert ran.exit_code == 2
    assert "error CORRUPT_HEADER: call.wav: " in ran.stderr
