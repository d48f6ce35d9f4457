import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import EmptyUpload, ModelNotFound, OutOfMemory, VoxqueueError
from pipeline.stages import STEPS, Step
from workers.cli import app
from workers.cli.outcome import Exit, exit_status, exit_status_of
from workers.client import Client
from workers.db.migrate import head_revision
from workers.errors import ConfigurationError, DatabaseAway, JobFailed, JobNotFound, WaitTimeout
from workers.settings import Settings, settings
from workers.stack.lock import HomeLock

COMMANDS = [
    "transcribe",
    "preflight",
    "up",
    "api",
    "keys",
    "usage",
    "submit",
    "status",
    "result",
    "list",
    "cancel",
    "retry",
    "redecode",
    "watch",
    "stream",
    "record",
    "session",
    "worker",
    "dispatch",
    "migrate",
    "doctor",
    "evaluate",
    "format",
    "demo",
    "webhooks",
    "delete",
    "collect",
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOME": tmp_path, "DATABASE_URL": "", "BROKER_URL": "redis://127.0.0.1:1/0"}.items():
        monkeypatch.setenv(f"VOXQUEUE_{name}", str(value))
    settings.cache_clear()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF of a kind")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str) -> None:
    ran = run(command, "--help")
    assert ran.exit_code == Exit.OK
    assert len(ran.stdout.splitlines()) > 5


def test_a_job_is_handed_in_looked_at_listed_canceled_and_run_again(recording: Path) -> None:
    job_id = run("submit", recording, "--roles", "agent,").stdout.strip()
    shown = json.loads(run("status", job_id, "--json").stdout)
    assert (shown["state"], [step["name"] for step in shown["steps"]]) == ("queued", list(STEPS))
    assert "preprocess" in run("status", job_id).stdout
    assert [job["id"] for job in json.loads(run("list", "--json").stdout)] == [job_id]
    assert job_id in run("list", "--status", "queued").stdout
    assert json.loads(run("status", "--json").stdout)["preprocess"] == {"ready": 1}
    assert run("cancel", job_id).stdout == "canceled\n"
    assert run("cancel", job_id).stdout == "it had ended before: canceled\n"
    assert run("retry", job_id).stdout == "queued\n"


def test_a_file_without_a_header_is_declared_on_the_command_line(recording: Path) -> None:
    ran = run("submit", recording, "--encoding", "mulaw", "--sample-rate", "16000", "--channels", "2")
    with Client(settings()) as client:
        lease = client.runtime.jobs.claim(Step.PREPROCESS, ran.stdout.strip(), "colleague")
    assert lease is not None
    declared = lease.options.preprocess
    assert (declared.encoding, declared.sample_rate_hz, declared.channels) == ("pcm_mulaw", 16_000, 2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--encoding", "mp3"), "'pcm_mulaw', 'pcm_alaw'"),
        (("--channels", "2"), "say its encoding as well"),
        (("--encoding", "mulaw", "--sample-rate", "1"), "4000"),
    ],
)
@pytest.mark.parametrize("command", ["submit", "transcribe"])
def test_a_declaration_that_makes_no_sense_is_told_before_anything_is_done(
    command: str, arguments: tuple[str, ...], reason: str, recording: Path
) -> None:
    ran = run(command, recording, *arguments)
    assert ran.exit_code == Exit.USAGE
    assert "INVALID_OPTIONS" in ran.stderr
    assert reason in ran.stderr
    assert ran.stdout == ""


def test_an_error_is_one_plain_line_and_a_trace_only_on_request(recording: Path) -> None:
    job_id = run("submit", recording).stdout.strip()
    ran = run("result", job_id)
    assert (ran.exit_code, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr == "error JOB_NOT_FINISHED: The job has no transcript yet. (queued)\n"
    assert "Traceback" in run("-v", "result", job_id).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["transcribe"],
        ["transcribe", "x.wav", "--format", "pdf"],
        ["worker", "--queue", "preprocess,coffee"],
        ["retry", "id", "--from-step", "coffee"],
        ["list", "--status", "lost"],
        ["status", "no-such-job"],
        ["evaluate", "absent.jsonl"],
        ["migrate", "--to", "no-such-revision"],
    ],
)
def test_wrong_usage_is_status_2_and_says_nothing_on_standard_output(arguments: list[str]) -> None:
    ran = run(*arguments)
    assert (ran.exit_code, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_LEASE_S", "soon")
    settings.cache_clear()
    ran = run("list")
    assert (ran.exit_code, ran.stderr[:43]) == (Exit.USAGE, "error CONFIGURATION: A setting is missing o")
    assert "VOXQUEUE_LEASE_S='soon'" in ran.stderr


def test_the_database_moves_up_and_down() -> None:
    assert run("migrate").stdout.endswith(f"is at {head_revision()}\n")
    assert run("migrate", "--to", "base").stdout.endswith("is at None\n")


def test_a_home_that_is_in_use_is_not_used_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_BROKER_URL", "")
    settings.cache_clear()
    lock = HomeLock(tmp_path)
    assert lock.take()
    ran = run("up", "--port", "0")
    lock.release()
    assert ran.exit_code == Exit.USAGE
    assert str(tmp_path) in ran.stderr


def test_the_doctor_sees_that_the_broker_is_away() -> None:
    ran = run("doctor", "--json")
    report = json.loads(ran.stdout)
    assert (ran.exit_code, report["ok"]) == (Exit.AWAY, False)
    assert {each["name"]: each["is_ok"] for each in report["checks"]}["broker"] is False


def test_the_doctor_gives_a_silent_broker_one_line_and_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("VOXQUEUE_BROKER_URL", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        monkeypatch.setenv("VOXQUEUE_BROKER_TIMEOUT_S", "0.2")
        settings.cache_clear()
        ran = run("doctor")
    problems = [line for line in ran.stdout.splitlines() if line.startswith("PROBLEM")]
    assert (ran.exit_code, len(problems)) == (Exit.AWAY, 1)
    assert "The broker does not answer." in problems[0]


def test_the_doctor_finds_a_fresh_machine_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_BROKER_URL", "")
    settings.cache_clear()
    ran = run("doctor")
    assert ran.exit_code == Exit.OK, ran.stdout
    assert "PROBLEM" not in ran.stdout


def test_the_doctor_sees_weights_that_are_not_the_ones_that_were_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_MODEL_SHA256", "0" * 64)
    settings.cache_clear()
    lines = run("doctor").stdout.splitlines()
    assert any(line.startswith("PROBLEM  model") for line in lines)


def language_model_line() -> str:
    settings.cache_clear()
    [line] = [line for line in run("doctor").stdout.splitlines() if line[9:].startswith("language model")]
    return line


def test_the_doctor_tells_which_language_model_is_used_and_which_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert language_model_line().endswith("none is used unless a job asks for it; jobs may name general")
    folder, notes = tmp_path / "models", tmp_path / "notes.txt"
    notes.write_text("the clinic is open\nthe clinic is closed\n" * 20)
    assert run("lm", "build", notes, "--mix", "--out", folder / "clinic.mix").exit_code == Exit.OK
    monkeypatch.setenv("VOXQUEUE_LANGUAGE_MODELS", str(folder))
    monkeypatch.setenv("VOXQUEUE_LANGUAGE_MODEL", str(folder / "clinic.mix"))
    line = language_model_line()
    assert line.startswith("ok ")
    assert line.endswith("clinic.mix is used; jobs may name general, clinic")


@pytest.mark.parametrize(
    ("variable", "name", "content"),
    [("MODEL", "gone.arpa", None), ("MODEL", "torn.mix", b"PK of a kind"), ("MODELS", "no_folder", None)],
)
def test_the_doctor_sees_a_language_model_that_decoding_could_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(f"VOXQUEUE_LANGUAGE_{variable}", str(path))
    line = language_model_line()
    assert line.startswith("PROBLEM ")
    assert name in line


def test_the_doctor_sees_queues_that_nobody_serves(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_BROKER_URL", valkey_url)
    settings.cache_clear()
    checks = {each["name"]: each["is_ok"] for each in json.loads(run("doctor", "--json").stdout)["checks"]}
    assert checks["broker"]
    assert not any(checks[f"queue {step}"] for step in STEPS)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (EmptyUpload(), Exit.USAGE),
        (JobNotFound(), Exit.USAGE),
        (ConfigurationError(), Exit.USAGE),
        (JobFailed(), Exit.JOB_FAILED),
        (ModelNotFound(), Exit.JOB_FAILED),
        (WaitTimeout(), Exit.AWAY),
        (DatabaseAway(), Exit.AWAY),
        (OutOfMemory(), Exit.AWAY),
    ],
)
def test_each_error_has_its_exit_status(error: VoxqueueError, status: Exit) -> None:
    assert exit_status(error) is status


@pytest.mark.parametrize(("error", "status"), [(EmptyUpload(), Exit.USAGE), (ModelNotFound(), Exit.JOB_FAILED)])
def test_a_job_that_failed_by_its_recording_is_not_a_job_that_we_failed(
    tmp_path: Path, error: VoxqueueError, status: Exit
) -> None:
    with Client(Settings(home=tmp_path)) as client:
        run("migrate")
        job = client.enqueue(b"audio")
        lease = client.runtime.jobs.claim(STEPS[0], job.id, "worker")
        assert lease is not None
        client.runtime.jobs.fail(lease, error)
        assert exit_status_of(client.status(job.id)) is status


def test_lines_are_written_with_numbers_and_punctuation() -> None:
    lines = "it costs nineteen dollars and ninety nine cents\n\nwhat is your name\n"
    ran = CliRunner().invoke(app, ["format"], input=lines)
    assert (ran.exit_code, ran.output) == (Exit.OK, "It costs $19.99.\n\nWhat is your name?\n")
    ran = CliRunner().invoke(app, ["format", "--only", "numbers"], input=lines)
    assert ran.output == "it costs $19.99\n\nwhat is your name\n"


def test_programs_get_the_spans_of_a_line() -> None:
    ran = CliRunner().invoke(app, ["format", "--json"], input="dial nine one one\n")
    assert json.loads(ran.output) == {
        "text": "Dial 911.",
        "tokens": ["dial", "nine", "one", "one"],
        "spans": [{"start": 1, "end": 4, "spoken": "nine one one", "written": "911", "class": "digits"}],
    }


def test_lines_are_worded_as_the_flags_say() -> None:
    flags = ["--remove-fillers", "--mask-profanity", "--replace", "vox cue=Voxqueue"]
    ran = CliRunner().invoke(app, ["format", *flags], input="um call vox cue about that shit\n")
    assert (ran.exit_code, ran.output) == (Exit.OK, "Call Voxqueue about that s***.\n")
    ran = CliRunner().invoke(app, ["format", "--replace", "vox cue"], input="")
    assert ran.exit_code == Exit.USAGE


@pytest.mark.usefixtures("home")
def test_wording_travels_with_a_job_that_is_handed_in(tmp_path: Path) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(b"audio")
    run("migrate")
    flags = (
        "--remove-fillers",
        "--mask-profanity",
        "--replace",
        "vox cue=Voxqueue",
        "--replace",
        "a=b=c",
        "--n-best",
        "7",
    )
    ran = run("submit", str(file), *flags)
    with Client(Settings()) as client:
        options = client.runtime.jobs.options(ran.output.strip())
    asked = options.format
    assert (options.decode.n_best, options.search.n_best) == (7, 7)
    assert (asked.fillers, asked.profanity, asked.replace) == ("remove", "mask", {"vox cue": "Voxqueue", "a": "b=c"})


def test_a_line_in_another_encoding_is_read_as_far_as_it_can_be() -> None:
    ran = CliRunner().invoke(app, ["format", "--only", "numbers"], input=b"caf\xe9 number twenty five\n")
    assert (ran.exit_code, ran.stdout) == (Exit.OK, "caf\N{REPLACEMENT CHARACTER} number 25\n")
