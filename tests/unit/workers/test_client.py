import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.errors import EmptyUpload, InvalidOptions, ResourceBusy
from pipeline.options import JobOptions
from pipeline.render import to_json
from pipeline.stages import STEPS, Step
from pipeline.values import Channel, Recording, Transcript
from workers.client import Client
from workers.db import migrate
from workers.errors import DatabaseAway, FileNotReadable, IdempotencyConflict, JobNotFinished, JobNotFound, WaitTimeout
from workers.jobs import ArtifactRef, JobStatus
from workers.jobs.results import Result
from workers.settings import Settings
from workers.states import JobState, StepState

BROKER_TIMEOUT_S = 0.3
TRANSCRIPT = Transcript("Hello.", "en", "tiny.en", Recording(1.5, 8000, "WAV/ULAW", (Channel(0, "agent"),)), ())


def client_of(home: Path, broker_url: str) -> Client:
    client = Client(Settings(home=home, broker_url=broker_url, database_url="", broker_timeout_s=BROKER_TIMEOUT_S))
    migrate.upgrade(client.runtime.database)
    return client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client whose broker refuses connections: most of what a client does takes none."""
    with client_of(tmp_path, "redis://127.0.0.1:1/0") as made:
        yield made


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def complete(client: Client, job_id: str) -> None:
    for step in STEPS:
        lease = client.runtime.jobs.claim(step, job_id, "worker")
        assert lease is not None
        artifact = ArtifactRef(f"{job_id}/{step}", "a" * 64, 1)
        done = Result(transcript=TRANSCRIPT) if step is STEPS[-1] else Result(artifact=artifact, duration_s=1.5)
        client.runtime.jobs.finish(lease, done)


def kept_files(client: Client) -> list[Path]:
    return [path for path in client.settings.artifact_path.rglob("*") if path.is_file()]


def test_a_recording_may_be_a_path_its_bytes_or_a_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF of a kind")
    with path.open("rb") as file:
        jobs = [
            client.enqueue(source) for source in (path, str(path), b"RIFF of a kind", file, BytesIO(b"RIFF of a kind"))
        ]
        assert not file.closed
    assert [job.file_name for job in jobs] == ["call.wav", "call.wav", "recording", "call.wav", "recording"]
    assert {path.read_bytes() for path in kept_files(client)} == {b"RIFF of a kind"}
    assert len(kept_files(client)) == 5


def test_a_new_job_waits_for_its_first_step(client: Client) -> None:
    job = client.enqueue(b"audio", external_id="crm-7", annotations={"team": "north"}, priority=3)
    assert (job.state, job.external_id, job.annotations) == (JobState.QUEUED, "crm-7", {"team": "north"})
    assert [step.state for step in job.steps] == [StepState.READY, *[StepState.BLOCKED] * 4]


def test_roles_go_with_the_options(client: Client) -> None:
    job = client.enqueue(b"audio", {"decode": {"hotwords": ["Harbor"]}}, roles=("agent", None))
    lease = client.runtime.jobs.claim(Step.PREPROCESS, job.id, "worker")
    assert lease is not None
    assert lease.options == JobOptions.model_validate(
        {"decode": {"hotwords": ("Harbor",)}, "preprocess": {"roles": ("agent", None)}}
    )


def test_an_empty_recording_is_refused_and_leaves_nothing(client: Client) -> None:
    with pytest.raises(EmptyUpload):
        client.enqueue(b"")
    assert kept_files(client) == []
    assert client.recent() == []


def test_a_file_that_cannot_be_read_is_refused(client: Client, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.wav", tmp_path):
        with pytest.raises(FileNotReadable, match=path.name):
            client.enqueue(path)


@pytest.mark.parametrize("options", [{"decode": {"beam_width": 0}}, {"decoed": {}}, {"inference": {"beam_size": "x"}}])
def test_wrong_options_are_refused_by_name(client: Client, options: dict[str, object]) -> None:
    with pytest.raises(InvalidOptions, match=next(iter(options))):
        client.enqueue(b"audio", options)
    assert kept_files(client) == []


def test_the_same_key_makes_one_job_and_keeps_one_copy(client: Client) -> None:
    first, second = (client.enqueue(b"audio", idempotency_key="key") for _ in range(2))
    assert first.id == second.id
    assert len(kept_files(client)) == 1
    with pytest.raises(IdempotencyConflict):
        client.enqueue(b"other audio", idempotency_key="key")
    assert len(kept_files(client)) == 1


def test_a_dead_broker_delays_the_job_and_not_the_caller(client: Client) -> None:
    started_at = time.monotonic()
    assert client.enqueue(b"audio").state is JobState.QUEUED
    assert time.monotonic() - started_at < BROKER_TIMEOUT_S + 2


def test_a_silent_broker_does_not_block_the_caller(tmp_path: Path, silent_broker: str) -> None:
    with client_of(tmp_path, silent_broker) as client:
        started_at = time.monotonic()
        job = client.enqueue(b"audio")
        assert time.monotonic() - started_at < 4 * BROKER_TIMEOUT_S + 2
        assert client.status(job.id).state is JobState.QUEUED


def test_a_live_broker_gets_the_chain_of_all_steps(tmp_path: Path, broker_url: str) -> None:
    with client_of(tmp_path, broker_url) as client:
        announcer = client.runtime.announcer
        before = announcer.queue_length(Step.PREPROCESS)
        client.enqueue(b"audio")
        assert announcer.queue_length(Step.PREPROCESS) == before + 1
        announcer.app.control.purge()


def test_waiting_ends_with_the_job(client: Client) -> None:
    job = client.enqueue(b"audio")
    threading.Timer(0.2, client.cancel, (job.id,)).start()
    assert client.wait(job.id, timeout_s=10).state is JobState.CANCELED


@pytest.mark.parametrize(("ends_after_s", "looks"), [(0.3, 8), (2.0, 30), (30.0, 75), (600.0, 650)])
def test_an_end_is_seen_a_tenth_later_at_most(
    client: Client, monkeypatch: pytest.MonkeyPatch, ends_after_s: float, looks: int
) -> None:
    """On a clock that goes on only where somebody sleeps."""
    job = client.enqueue(b"audio")
    client.cancel(job.id)
    ended, now_s, seen = client.status(job.id), [1000.0], []

    def status(job_id: str) -> JobStatus:
        seen.append(job_id)
        return ended if now_s[0] >= 1000.0 + ends_after_s else job

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    monkeypatch.setattr(client, "status", status)
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(time, "sleep", sleep)
    assert client.wait(job.id) is ended
    assert now_s[0] - 1000.0 <= 1.1 * ends_after_s + 0.05
    assert len(seen) <= looks


def test_waiting_ends_with_the_time(client: Client) -> None:
    job = client.enqueue(b"audio")
    started_at = time.monotonic()
    with pytest.raises(WaitTimeout, match=job.id):
        client.wait(job.id, timeout_s=0.3)
    assert 0.3 <= time.monotonic() - started_at < 2


def test_the_transcript_is_read_in_every_form(client: Client) -> None:
    job = client.enqueue(b"audio")
    with pytest.raises(JobNotFinished):
        client.result(job.id)
    complete(client, job.id)
    assert client.result(job.id) == TRANSCRIPT
    assert client.document(job.id) == client.rendered(job.id, "json") == to_json(TRANSCRIPT)
    assert client.rendered(job.id, "vtt").startswith("WEBVTT")


def test_an_ended_job_can_be_run_again_from_a_step(client: Client) -> None:
    job = client.enqueue(b"audio")
    complete(client, job.id)
    again = client.retry(job.id, Step.DECODE)
    assert (again.state, again.version) == (JobState.QUEUED, 2)
    assert [step.state for step in again.steps][3:] == [StepState.READY, StepState.BLOCKED]


def test_an_unknown_job_is_an_error_of_its_own(client: Client) -> None:
    for ask in (client.status, client.result, client.cancel, client.retry):
        with pytest.raises(JobNotFound):
            ask("no-such-job")


def test_a_web_app_that_imports_the_client_loads_no_audio_or_model_library() -> None:
    heavy = ("torch", "transformers", "librosa", "scipy", "ctranslate2", "onnxruntime", "soundfile", "faster_whisper")
    program = f"import sys, workers.client; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_file_whose_name_is_no_text_is_taken_and_its_name_is_made_one(client: Client, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    Path(os.fsdecode(path)).write_bytes(b"audio")
    job = client.enqueue(os.fsdecode(path))
    assert client.status(job.id).file_name == "caf\ufffd.wav"
    with Path(os.fsdecode(path)).open("rb") as file:
        assert client.enqueue(file).file_name == "caf\ufffd.wav"


@pytest.mark.parametrize(
    "details",
    [
        {"file_name": "call\0.wav"},
        {"file_name": "caf\udce9.wav"},
        {"priority": 2**31},
        {"priority": "high"},
        {"tenant": ""},
        {"tenant": "x" * 65},
        {"external_id": "x" * 256},
        {"idempotency_key": "x" * 256},
        {"annotations": {"at": Path("call.wav")}},
        {"annotations": {"score": float("nan")}},
        {"expires_in_s": 0.0},
        {"expires_in_s": float("inf")},
    ],
    ids=str,
)
def test_details_that_a_database_would_not_keep_are_refused_by_name_and_leave_nothing(
    client: Client, details: dict[str, Any]
) -> None:
    with pytest.raises(InvalidOptions, match=next(iter(details))):
        client.enqueue(b"audio", **details)
    assert kept_files(client) == []
    assert client.recent() == []


@given(
    details=st.fixed_dictionaries(
        {},
        optional={
            "file_name": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300),
            "priority": st.integers(-(2**31), 2**31 - 1),
            "external_id": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            "annotations": st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"])),
                st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
            ),
        },
    )
)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_what_a_caller_says_of_a_job_comes_back_unchanged(details: dict[str, Any], quiet_client: Client) -> None:
    job = quiet_client.enqueue(b"audio", **details)
    shown = asdict(quiet_client.status(job.id))
    told = {name: value for name, value in details.items() if name != "priority"}
    assert {name: shown[name] for name in told} == told


@pytest.fixture
def quiet_client(tmp_path: Path) -> Iterator[Client]:
    """A client whose broker is a refused connection on a Unix socket: nothing is quicker."""
    with client_of(tmp_path, f"redis+socket://{tmp_path}/absent.sock") as made:
        yield made


def test_jobs_are_listed_newest_first_by_state_and_not_more_than_asked_for(client: Client) -> None:
    made = [client.enqueue(b"audio").id for _ in range(4)]
    client.cancel(made[1])
    assert [job.id for job in client.recent()] == made[::-1]
    assert [job.id for job in client.recent(limit=2)] == made[:1:-1]
    assert [job.id for job in client.recent(JobState.CANCELED)] == [made[1]]
    assert client.recent(JobState.COMPLETED) == []


def test_a_job_of_higher_priority_goes_first_and_an_expired_one_not_at_all(client: Client) -> None:
    low, high = client.enqueue(b"audio", priority=-1), client.enqueue(b"audio", priority=7)
    late = client.enqueue(b"audio", priority=9, expires_in_s=0.001)
    time.sleep(0.01)
    assert client.runtime.jobs.expire() == 1
    leases = [client.runtime.jobs.claim(Step.PREPROCESS, "", "worker") for _ in range(3)]
    assert [lease and lease.job_id for lease in leases] == [high.id, low.id, None]
    assert client.status(late.id).state is JobState.EXPIRED


def test_a_store_that_cannot_be_written_is_a_matter_of_the_moment(client: Client) -> None:
    client.settings.artifact_path.write_text("a file in the way of the folder")
    with pytest.raises(ResourceBusy):
        client.enqueue(b"audio")
    assert client.recent() == []


def test_a_process_that_forks_has_a_client_of_its_own() -> None:
    program = (
        "import os\n"
        "from workers.client import default_client\n"
        "first = default_client()\n"
        "assert default_client() is first\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(1 if default_client() is first else 7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "7"


def test_a_job_whose_commit_is_in_doubt_keeps_its_recording(tmp_path: Path) -> None:
    unreachable = Settings(home=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    with Client(unreachable) as client:
        with pytest.raises(DatabaseAway):
            client.enqueue(b"speech")
        kept = [path for path in client.settings.artifact_path.rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [b"speech"]
