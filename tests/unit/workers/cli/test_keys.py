"""`voxqueue keys` and `voxqueue usage`: what is printed, and what the key is good for."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workers.cli import app
from workers.cli.outcome import Exit
from workers.client import Client
from workers.errors import KeyRefused
from workers.jobs.keys import ApiKeys
from workers.settings import settings
from workers.states import JobState, Scope


def run(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == Exit.OK, ran.output
    return ran.output


def authenticate(token: str) -> frozenset[Scope]:
    with Client(settings()) as client:
        return ApiKeys(client.runtime.database).authenticate(token).scopes


def test_a_key_is_shown_once_and_works_until_it_is_revoked(home: Path) -> None:
    token = run("keys", "create", "--tenant", "acme", "--name", "web").strip()
    assert authenticate(token) == {Scope.READ, Scope.WRITE, Scope.UNREDACTED}
    (listed,) = json.loads(run("keys", "list", "--json"))
    assert (listed["tenant"], listed["name"], listed["expires_at"]) == ("acme", "web", None)
    assert token not in run("keys", "list", "--json") + run("keys", "list")
    assert "valid" in run("keys", "list")
    assert run("keys", "revoke", listed["id"]) == f"revoked {listed['id']}\n"
    assert "revoked" in run("keys", "list", "--tenant", "acme")
    assert run("keys", "list", "--tenant", "other", "--json") == "[]\n"
    with pytest.raises(KeyRefused):
        authenticate(token)


def test_scopes_and_an_end_can_be_chosen(home: Path) -> None:
    made = json.loads(run("keys", "create", "--scope", "read", "--expires", "12h", "--json"))
    assert authenticate(made["key"]) == {Scope.READ}
    assert made["expires_at"] - made["created_at"] == pytest.approx(12 * 3600, abs=5)
    assert "until 2" in run("keys", "list")
    assert json.loads(run("keys", "revoke", made["key"], "--json"))["id"] == made["id"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--tenant", "a b"],
        ["create", "--tenant", ""],
        ["create", "--expires", "soon"],
        ["create", "--expires", "0d"],
        ["create", "--scope", "everything"],
        ["revoke"],
    ],
)
def test_a_wish_that_can_not_be_met_is_wrong_usage(home: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["keys", *arguments]).exit_code == Exit.USAGE


def test_an_unknown_key_is_one_line(home: Path) -> None:
    ran = CliRunner().invoke(app, ["keys", "revoke", "0123456789ab"])
    assert ran.exit_code == Exit.USAGE
    assert ran.output == "error KEY_NOT_FOUND: There is no such API key. (0123456789ab)\n"


def test_usage_sums_the_audio_of_each_tenant(home: Path, colleague: Client) -> None:
    for tenant in ("north", "south", "north"):
        job = colleague.enqueue(b"RIFF of a kind", tenant=tenant)
        assert colleague.wait(job.id, timeout_s=60).state is JobState.COMPLETED
    assert json.loads(run("usage", "--json")) == [
        {"tenant": "north", "jobs": 2, "audio_s": 4.0},
        {"tenant": "south", "jobs": 1, "audio_s": 2.0},
    ]
    assert "4.0 s" in run("usage", "--tenant", "north")
    assert json.loads(run("usage", "--until", "2020-01-01", "--json")) == []
    assert len(json.loads(run("usage", "--since", "2020-01-01", "--json"))) == 2
