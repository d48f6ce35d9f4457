"""Which commands go to a server, and what they say when there is none."""

import pytest
from typer.testing import CliRunner, Result

from workers.cli import app
from workers.cli.outcome import Exit
from workers.cli.remote import REMOTE, open_door, working_session
from workers.client import Client
from workers.remote import RemoteClient, verbs

NOWHERE = "http://127.0.0.1:1"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="voxqueue")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "_FIRST_WAIT_S", 0.001)


@pytest.mark.usefixtures("home", "impatient")
@pytest.mark.parametrize("arguments", [["status", "7"], ["list"], ["result", "7"], ["cancel", "7"], ["retry", "7"]])
def test_a_server_that_is_away_is_one_line_and_an_exit_status(arguments: list[str]) -> None:
    ran = run("--server", NOWHERE, *arguments)
    assert ran.exit_code == Exit.AWAY
    assert ran.stderr.startswith("error SERVER_AWAY: ")
    assert len(ran.stderr.splitlines()) == 1


@pytest.mark.usefixtures("home", "impatient")
def test_the_environment_names_a_server_too_and_the_command_line_goes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("VOXQUEUE_SERVER", NOWHERE)
    assert run("list").exit_code == Exit.AWAY
    with open_door() as door:
        assert isinstance(door, RemoteClient)
    with working_session() as session:
        assert isinstance(session.client, RemoteClient)
    # An empty name is none: this machine.
    assert run("--server", "", "list").exit_code == Exit.OK


@pytest.mark.usefixtures("home")
def test_without_a_server_commands_work_with_this_machine() -> None:
    assert run("list").exit_code == Exit.OK
    with open_door() as door:
        assert isinstance(door, Client)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", ["doctor", "migrate", "keys"])
def test_a_command_that_is_about_this_machine_does_not_go_to_a_server(command: str) -> None:
    ran = run("--server", NOWHERE, command)
    assert ran.exit_code == Exit.USAGE
    assert all(each in ran.stderr for each in ("transcribe", "submit"))


def test_every_command_that_goes_to_a_server_is_one_of_the_program() -> None:
    assert {each for each in REMOTE if run(each, "--help").exit_code == 0} == REMOTE


@pytest.mark.usefixtures("home")
def test_a_server_does_not_count_the_steps_of_all_its_jobs() -> None:
    ran = run("--server", NOWHERE, "status")
    assert ran.exit_code == Exit.USAGE
    assert "one job at a time" in ran.stderr
