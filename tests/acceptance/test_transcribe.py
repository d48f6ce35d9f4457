import json
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.stages import STEPS
from tests.acceptance.conftest import DEMO_CALL, Program, family_of, program_of, wait_until


def test_json_output_is_the_document_of_the_pipeline_and_nothing_else(
    up: Program, short_call: Path, short_document: str
) -> None:
    ran = up("transcribe", short_call, "--json", "--roles", "agent,customer")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == short_document


def test_several_files_give_a_document_a_line(up: Program, short_call: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.wav"
    copy.write_bytes(short_call.read_bytes())
    ran = up("transcribe", short_call, copy, "--json")
    first, second = ran.stdout.splitlines()
    assert first == second
    assert json.loads(first)["schema"] == "voxqueue.transcript/1"


def test_each_recording_gets_a_file_of_its_own(up: Program, short_call: Path, tmp_path: Path) -> None:
    ran = up("transcribe", short_call, "--format", "srt", "--out", tmp_path / "subtitles")
    path = tmp_path / "subtitles" / "short.srt"
    assert ran.stdout == f"{path}\n"
    assert path.read_text(encoding="utf-8").startswith("1\n00:00:")
    assert all(f"short.wav: {step} done" in ran.stderr for step in STEPS)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("empty.wav", b"", "EMPTY_UPLOAD"), ("text.wav", b"This is a letter." * 99, "UNRECOGNISED_FORMAT")],
)
def test_a_bad_file_is_a_plain_line_and_status_2(
    up: Program, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    ran = up("transcribe", path, "--json")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"error {code}: ")
    assert ran.stderr.count("\n") == 1


def test_a_missing_file_is_found_before_anything_is_started(tmp_path: Path) -> None:
    ran = program_of(tmp_path / "home")("transcribe", tmp_path / "absent.wav")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error FILE_NOT_READABLE: ")
    assert not (tmp_path / "home").exists()


def test_with_nothing_set_up_two_at_once_share_a_stack_that_ends_with_them(
    tmp_path: Path, short_call: Path, short_document: str
) -> None:
    program = program_of(tmp_path)
    with program.start("transcribe", short_call, "--json", "--roles", "agent,customer") as first:
        wait_until(lambda: len(family_of(first)) >= 3)
        with program.start("transcribe", short_call, "--json", "--roles", "agent,customer") as second:
            family = family_of(first)
            # The first leaves the second without workers, or the other way round: both must get their transcript.
            assert first.communicate(timeout=120)[0] == short_document
            assert second.communicate(timeout=120)[0] == short_document
    assert (first.returncode, second.returncode) == (0, 0)
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert not (tmp_path / "broker.sock").exists()


def test_a_stack_that_is_killed_takes_its_processes_with_it(tmp_path: Path, short_call: Path) -> None:
    with program_of(tmp_path).start("transcribe", short_call) as process:
        wait_until(lambda: len(family_of(process)) >= 5)
        family = family_of(process)
        process.kill()
        assert psutil.wait_procs(family, timeout=60)[1] == []


def test_servers_without_workers_get_workers_for_the_time_of_the_call(
    tmp_path: Path, broker_url: str, postgresql_url: str, short_call: Path, short_document: str
) -> None:
    program = program_of(tmp_path, broker_url=broker_url, database_url=postgresql_url)
    ran = program("transcribe", short_call, "--json", "--roles", "agent,customer")
    assert ran.stdout == short_document
    assert ran.stderr == "No worker answers: this command starts its own while it runs.\n"
    assert not (tmp_path / "voxqueue.db").exists()


def test_the_demo_writes_what_the_pipeline_alone_gives_and_leaves_no_process(
    tmp_path: Path, in_process: Callable[[Path], str]
) -> None:
    with program_of(tmp_path / "home").start("demo", "--out", tmp_path / "out") as process:
        wait_until(lambda: len(family_of(process)) >= 3)
        family = family_of(process)
        out, errors = process.communicate(timeout=170)
    assert process.returncode == 0, errors
    assert "Agent: Thank you for calling Harbor Electric." in out
    assert "Customer: " in out
    for name in ("call.json", "call.srt", "call.vtt"):
        assert str(tmp_path / "out" / name) in out
        assert (tmp_path / "out" / name).stat().st_size > 1000
    assert (tmp_path / "out" / "call.json").read_text(encoding="utf-8") == in_process(DEMO_CALL)
    assert "call.wav: inference done" in errors
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert not (tmp_path / "home").exists()
