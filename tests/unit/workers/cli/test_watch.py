"""`voxqueue watch` transcribes what is put into a folder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.workers.cli.conftest import TEXT
from workers.cli import app
from workers.cli.outcome import Exit
from workers.client import Client


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "calls"
    made.mkdir()
    (made / "ann_1.wav").write_bytes(b"RIFF of a kind")
    (made / "bob_2.wav").write_bytes(b"bad")
    return made


def test_what_is_there_is_transcribed_moved_and_written(colleague: Client, folder: Path, tmp_path: Path) -> None:
    places = ("--done-dir", tmp_path / "done", "--out", tmp_path / "out", "--pattern", "{agent}_*.wav")
    ran = run("watch", folder, "--once", "--settle", "0", "--every", "0.1", *places)
    assert ran.exit_code == Exit.OK
    assert (tmp_path / "out" / "ann_1.txt").read_text(encoding="utf-8") == f"{TEXT}\n"
    assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["ann_1.wav", "bob_2.wav"]
    assert f"written ann_1.wav: {tmp_path / 'out' / 'ann_1.txt'}\n" in ran.stdout
    assert ran.stderr.startswith("failed bob_2.wav: CORRUPT_HEADER: ")
    assert {job.annotations["agent"] for job in colleague.recent()} == {"ann", "bob"}


def test_a_pattern_that_is_none_and_a_folder_that_is_none_are_plain_errors(home: Path, folder: Path) -> None:
    assert run("watch", folder, "--pattern", "{a}{a}").exit_code == Exit.USAGE
    ran = run("watch", folder / "absent")
    assert (ran.exit_code, ran.stderr.split(":")[0]) == (Exit.USAGE, "error FILE_NOT_READABLE")
