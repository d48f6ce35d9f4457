"""`docker-compose.yml` says what the compose specification knows and calls only commands that the program has."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_command

from workers.celeryconfig import QUEUES
from workers.cli import app

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SECRET = re.compile(r"(password|secret|token|_auth)\b", re.IGNORECASE)
# typer exports no other name of what every wrong command or option is.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
REQUIRED_FROM_OUTSIDE = re.compile(r"\$\{\w+:\?[^}]*\}")


def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"])


def commands() -> list[tuple[str, list[str]]]:
    """Every call of the program, start commands and health checks, with the service that makes it."""
    found = []
    for name, service in services().items():
        check = service.get("healthcheck", {}).get("test", [])
        calls = [service.get("command", []), check[1:] if check[:1] == ["CMD"] else []]
        found += [(name, call[1:]) for call in calls if call[:1] == ["voxqueue"]]
    return found


def understood(arguments: list[str]) -> bool:
    """Whether the program has this command with these options; runs nothing."""
    group = get_command(app)
    try:
        with group.make_context("voxqueue", list(arguments)) as context:
            name, command, rest = group.resolve_command(context, list(arguments))  # type: ignore[attr-defined]
            command.make_context(name, rest, parent=context)
    except USAGE_ERROR:
        return False
    return True


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(("service", "arguments"), commands())
def test_every_command_is_one_of_the_program(service: str, arguments: list[str]) -> None:
    assert understood(arguments), f"{service}: voxqueue {' '.join(arguments)}"


@pytest.mark.parametrize("arguments", [["serve"], ["worker", "--line", "decode"], ["migrate", "now", "please"]])
def test_a_command_that_the_program_lacks_is_noticed(arguments: list[str]) -> None:
    assert not understood(arguments)


def test_each_queue_has_a_service_that_takes_its_queue() -> None:
    by_default = [arguments for name, arguments in commands() if "profiles" not in services()[name]]
    queues = [arguments[2] for arguments in by_default if arguments[:2] == ["worker", "--queue"]]
    assert sorted(queues) == sorted(QUEUES)


def test_every_secret_comes_from_outside() -> None:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert REQUIRED_FROM_OUTSIDE.fullmatch(value), f"{name}: {variable}"
            given_here = REQUIRED_FROM_OUTSIDE.sub("", value)
            assert not re.search(r"://[^@/]*:[^@/]+@", given_here), f"{name}: {variable}"


def test_all_that_must_last_lies_on_named_volumes() -> None:
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    mounts = [mount for service in services().values() for mount in service.get("volumes", [])]
    assert {mount.split(":")[0] for mount in mounts if ":" in mount} == set(document["volumes"])


def test_whatever_serves_has_a_health_check() -> None:
    without = {name for name, service in services().items() if "healthcheck" not in service}
    assert without == {"migrate", "dispatcher"}
