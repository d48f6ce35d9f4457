"""`quarantine list`, `show` and `release`, as a person and as a program sees them."""

import json
import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.stages import Step
from workers.cli.outcome import Exit
from workers.cli.program import app
from workers.client import Client
from workers.db import migrate
from workers.settings import Settings

SEGFAULT = "signal 11 (SIGSEGV)"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", *arguments], prog_name="voxqueue")


@pytest.fixture
def poison(home: Path, caplog: pytest.LogCaptureFixture) -> str:
    """A job whose first step took three processes with it."""
    with Client(Settings(home=home)) as client:
        migrate.upgrade(client.runtime.database)
        job_id = client.enqueue(b"RIFF of a kind", file_name="poison.wav").id
        with caplog.at_level(logging.ERROR):
            for number in range(3):
                assert client.runtime.jobs.claim(Step.PREPROCESS, job_id, f"host:1:{number}") is not None
                client.runtime.jobs.bury(f"host:1:{number}", SEGFAULT)
    return job_id


def test_what_is_set_aside_is_listed_with_what_it_died_of(poison: str) -> None:
    shown = run("list").stdout
    assert poison in shown
    assert SEGFAULT in shown
    [listed] = json.loads(run("list", "--json").stdout)
    assert (listed["job_id"], listed["step"], listed["crashes"]) == (poison, "preprocess", 3)


def test_the_evidence_of_a_job_is_every_attempt_and_its_input(poison: str) -> None:
    shown = run("show", poison).stdout
    assert f"{poison}  poison.wav  preprocess ended its worker 3 times" in shown
    assert shown.count(SEGFAULT) == 3
    evidence = json.loads(run("show", poison, "--json").stdout)
    assert [each["worker"] for each in evidence["attempts"]] == ["host:1:0", "host:1:1", "host:1:2"]
    assert evidence["input_sha256"] in shown


def test_a_released_job_is_queued_and_set_aside_no_longer(poison: str) -> None:
    released = run("release", poison)
    assert (released.exit_code, released.stdout.strip()) == (Exit.OK, "queued")
    assert json.loads(run("list", "--json").stdout) == []
    for command in ("show", "release"):
        refused = run(command, poison)
        assert (refused.exit_code, "NOT_QUARANTINED" in refused.stderr) == (Exit.USAGE, True)


def test_setting_aside_is_one_line_in_the_log_to_alarm_on(poison: str, caplog: pytest.LogCaptureFixture) -> None:
    [line] = [record for record in caplog.get_records("setup") if record.getMessage() == "step.quarantined"]
    assert (vars(line)["job"], vars(line)["step"], vars(line)["crashes"]) == (poison, "preprocess", 3)
