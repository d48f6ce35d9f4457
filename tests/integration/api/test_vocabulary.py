"""A tenant's vocabulary over HTTP and on the command line, here and against a server."""

import json

import pytest
from typer.testing import CliRunner, Result

from pipeline.options import Hotword, Vocabulary
from tests.integration.api.conftest import Door, DoorMaker
from workers.cli import app
from workers.cli.outcome import Exit
from workers.errors import ServerRefused
from workers.remote import RemoteClient
from workers.settings import settings
from workers.states import Scope

WANTED = {"hotwords": ["Acme Corp", {"text": "Zyrtec", "weight": 3.0, "sounds_like": ["zeer tech"]}]}
READ = Vocabulary(hotwords=("Acme Corp", Hotword(text="Zyrtec", weight=3.0, sounds_like=("zeer tech",))))
ALL = frozenset({Scope.READ, Scope.WRITE, Scope.ADMIN})


def run(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue", input=given)


def test_only_an_administrator_changes_it_and_only_the_own_tenant_sees_it(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    with door.http(door.key("north", ALL)) as north, door.http(door.key("south")) as south:
        assert north.get("/v1/vocabulary").json() == {"hotwords": [], "replace": {}}
        assert north.put("/v1/vocabulary", json=WANTED).status_code == 200
        assert Vocabulary.model_validate(north.get("/v1/vocabulary").json()) == READ
        assert south.get("/v1/vocabulary").json() == {"hotwords": [], "replace": {}}
        refused = south.put("/v1/vocabulary", json=WANTED)
        assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert door.client.vocabularies.read("north") == READ


@pytest.mark.parametrize(
    "wrong",
    [
        {"hotwords": [""]},
        {"replace": {"a": ""}},
        {"words": []},
        {"hotwords": ["a"] * 501},
        [],
        {"hotwords": [{"text": "Acme", "weight": True}]},
    ],
    ids=["an empty hotword", "nothing to write", "another field", "too many", "a list", "a weight that is none"],
)
def test_what_no_job_could_ask_for_is_refused_and_changes_nothing(door: Door, wrong: object) -> None:
    with door.http() as http:
        http.put("/v1/vocabulary", json=WANTED)
        assert http.put("/v1/vocabulary", json=wrong).status_code == 422
    assert door.client.vocabularies.read() == READ


def test_a_client_over_http_reads_and_writes_it_as_one_in_process(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    with RemoteClient(door.url, door.key(scopes=ALL)) as client:
        client.vocabularies.write(READ)
        assert client.vocabularies.read() == door.client.vocabularies.read() == READ
    with RemoteClient(door.url, door.key()) as client, pytest.raises(ServerRefused, match="FORBIDDEN"):
        client.vocabularies.write(Vocabulary())


def test_the_command_line_sets_it_from_flags_or_from_what_it_shows(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXQUEUE_HOME", str(door.client.settings.home_path))
    settings.cache_clear()
    flags = ["--hotword", "Acme Corp", "--hotword", "Zyrtec=zeer tech", "--replace", "vox cue=Voxqueue"]
    assert run("--server", door.url, "vocabulary", "set", *flags).exit_code == Exit.OK
    shown = run("vocabulary", "show").stdout
    assert run("--server", door.url, "vocabulary", "show").stdout == shown
    assert json.loads(shown) == {
        "hotwords": ["Acme Corp", {"text": "Zyrtec", "sounds_like": ["zeer tech"]}],
        "replace": {"vox cue": "Voxqueue"},
    }
    assert run("vocabulary", "set", "-", "--tenant", "north", given=shown).exit_code == Exit.OK
    assert run("vocabulary", "show", "--tenant", "north").stdout == shown
    for wrong in (["-"], ["nowhere.json"], ["-", "--hotword", "Acme"], ["--hotword", "A" * 101]):
        assert run("vocabulary", "set", *wrong, given="{").exit_code == Exit.USAGE
    assert run("vocabulary", "show").stdout == shown
