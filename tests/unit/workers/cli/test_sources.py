"""What is named on the command line is read from where it is: a file, standard input, an address."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.sinks import ADDRESS, Sink, sink
from workers.cli import app
from workers.cli.outcome import Exit
from workers.cli.sources import source_of
from workers.client import Client
from workers.settings import settings

TEXT = "Please hold the line."


def run(*arguments: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue", input=given)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    monkeypatch.setenv("VOXQUEUE_OUTBOUND_ALLOW", ADDRESS)
    settings.cache_clear()
    with sink() as made:
        made.answer = lambda handler: handler.send(body=b"RIFF of a kind")
        yield made


def test_standard_input_is_transcribed(colleague: Client) -> None:
    ran = run("transcribe", "-", "--json", given=b"RIFF of a kind")
    assert (ran.exit_code, json.loads(ran.stdout)["text"]) == (Exit.OK, TEXT)
    assert [job.file_name for job in colleague.recent()] == ["stdin"]


def test_standard_input_and_a_file_are_two_recordings(
    colleague: Client, recording_of: Callable[..., Path], tmp_path: Path
) -> None:
    ran = run("transcribe", "-", recording_of("call.wav"), "--out", tmp_path / "out", given=b"RIFF of a kind")
    assert ran.exit_code == Exit.OK
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["call.txt", "stdin.txt"]


def test_nothing_on_standard_input_is_an_empty_recording(home: Path) -> None:
    ran = run("submit", "-", given=b"")
    assert (ran.exit_code, ran.stderr) == (Exit.USAGE, "error EMPTY_UPLOAD: The file is empty.\n")


def test_more_than_is_allowed_on_standard_input_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_MAX_UPLOAD_BYTES", "10")
    settings.cache_clear()
    ran = run("submit", "-", given=b"RIFF of a kind")
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr.startswith("error TOO_LARGE: It is larger than is allowed. (more than 10 bytes")


def test_a_terminal_is_no_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, ours = os.openpty()
    with os.fdopen(ours) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        with pytest.raises(typer.BadParameter, match="standard input is a terminal"):
            source_of("-")
    os.close(terminal)


def test_an_address_is_fetched_and_named_after_its_path(colleague: Client, server: Sink) -> None:
    ran = run("transcribe", server.url("/calls/nine.wav?key=1"), "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["text"]) == (Exit.OK, TEXT)
    assert [job.file_name for job in colleague.recent()] == ["nine.wav"]


def test_an_address_that_may_not_be_asked_is_one_plain_line(home: Path) -> None:
    ran = run("submit", "http://169.254.169.254/latest")
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr.startswith("error URL_NOT_ALLOWED: ")
    assert ran.stderr.count("\n") == 1


def test_a_missing_file_is_found_before_an_address_is_asked(home: Path, server: Sink, tmp_path: Path) -> None:
    ran = run("transcribe", server.url(), tmp_path / "absent.wav")
    assert ran.stderr.startswith("error FILE_NOT_READABLE: ")
    assert server.came == []
