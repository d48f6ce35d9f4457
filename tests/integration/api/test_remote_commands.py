"""Commands with `--server`: sessions, webhooks, usage and watched folders print what they print on this machine."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result
from websockets.sync.client import connect

from pipeline.errors import InputError
from pipeline.options import JobOptions
from tests.integration.api.conftest import TEXT, Door, DoorMaker
from workers.cli import app
from workers.cli.outcome import Exit
from workers.cli.record import record_from
from workers.cli.remote import named_server
from workers.errors import NotAllowedInState
from workers.jobs.sessions import NewPiece, NewSession
from workers.microphone import Microphone
from workers.remote import RemoteClient
from workers.sending import send
from workers.settings import settings
from workers.states import Scope

CALL = (Path(__file__).parents[3] / "workers" / "demo" / "call.wav").read_bytes()
SECONDS_13 = CALL.index(b"data") + 8 + 13 * 8000 * 2


@pytest.fixture
def here(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands without `--server` work with the database of the door."""
    monkeypatch.setenv("VOXQUEUE_HOME", str(door.client.settings.home_path))
    settings.cache_clear()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue")


def there(door: Door, *arguments: object) -> str:
    ran = run("--server", door.url, *arguments)
    assert ran.exit_code == Exit.OK, ran.output
    return str(ran.stdout)


def spoken(door: Door) -> str:
    """A session of two pieces, the second without words yet."""
    session_id = door.client.sessions.open(NewSession(str(uuid4()), "line 7"))
    for position in range(2):
        place = NewPiece(session_id, position, 10.0 * position, 10.0 * position + 10, 10.0 * position + 10)
        job_id = str(uuid4())
        door.client.enqueue_piece(place, job_id, b"RIFF of a kind", JobOptions(), file_name="piece.wav")
        if not position:
            door.complete(job_id)
    return session_id


@pytest.mark.usefixtures("here")
def test_a_session_is_shown_listed_and_ended_as_on_this_machine(door: Door) -> None:
    session_id = spoken(door)
    assert TEXT in there(door, "session", "show", session_id)
    assert there(door, "session", "show", session_id) == run("session", "show", session_id).stdout
    assert there(door, "session", "list") == run("session", "list").stdout
    assert there(door, "session", "show", session_id, "--format", "srt").startswith("1\n00:00:00")
    narrow = there(door, "session", "show", session_id, "--format", "srt", "--line-characters", 16, "--lines", 1)
    assert "\nMy card number\n" in narrow
    assert run("session", "show", session_id, "--lines", 9).exit_code == Exit.USAGE
    told = json.loads(there(door, "session", "show", session_id, "--json"))
    assert [(each["position"], each["state"]) for each in told["pieces"]] == [(0, "completed"), (1, "queued")]
    assert there(door, "session", "end", session_id) == ""
    assert door.client.sessions.status(session_id).ended_at is not None
    assert run("--server", door.url, "session", "show", str(uuid4())).stderr.startswith("error SESSION_NOT_FOUND")


@pytest.mark.usefixtures("here")
def test_webhooks_are_made_and_looked_at_as_on_this_machine(door: Door) -> None:
    made = json.loads(there(door, "webhooks", "add", "https://93.184.215.14/hooks", "--json"))
    assert made["secret"].startswith("whsec_")
    assert there(door, "webhooks", "secret") == run("webhooks", "secret").stdout
    assert there(door, "webhooks", "rotate", made["id"]).splitlines()[0] == f"endpoint  {made['id']}"
    delivery_id = there(door, "webhooks", "test", made["id"]).strip()
    for arguments in (["deliveries"], ["deliveries", delivery_id], ["deliveries", "--endpoint", made["id"]]):
        assert there(door, "webhooks", *arguments) == run("webhooks", *arguments).stdout
    there(door, "webhooks", "disable", made["id"])
    assert "disabled" in there(door, "webhooks", "list")
    there(door, "webhooks", "replay", delivery_id)
    there(door, "webhooks", "enable", made["id"])
    there(door, "webhooks", "remove", made["id"])
    assert made["id"] not in there(door, "webhooks", "list")
    refused = run("--server", door.url, "webhooks", "add", "http://10.0.0.1/", "--tenant", "north")
    assert refused.stderr.startswith("error INVALID_OPTIONS")


def test_usage_is_that_of_the_key(open_door: DoorMaker) -> None:
    door = open_door(is_open=False)
    key = door.key("north", frozenset({Scope.READ, Scope.WRITE}))
    assert there(door, "--key", key, "usage", "--json") == "[]\n"
    door.complete(door.submit(key)["id"])
    assert json.loads(there(door, "--key", key, "usage", "--json")) == [{"tenant": "", "jobs": 1, "audio_s": 2.0}]
    assert there(door, "--key", key, "usage", "--until", "2026-01-01", "--json") == "[]\n"
    assert run("--server", door.url, "--key", key, "usage", "--tenant", "south").exit_code == Exit.USAGE


@pytest.mark.usefixtures("colleague")
def test_a_watched_folder_is_transcribed_by_a_server_once(door: Door, tmp_path: Path) -> None:
    folder, out = tmp_path / "calls", tmp_path / "texts"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"RIFF of a kind")
    arguments = ["watch", folder, "--out", out, "--once", "--settle", "0", "--every", "0.05"]
    assert "written a.wav" in there(door, *arguments)
    assert TEXT in (out / "a.txt").read_text()
    # A watcher that starts again hands the recording in again, which makes no second job.
    there(door, *arguments)
    (out / "a.txt").unlink()
    assert there(door, *arguments, "--hotword", "Acme") == f"written a.wav: {out / 'a.txt'}\n"
    with RemoteClient(door.url) as client:
        assert len(client.recent()) == 1


@pytest.mark.usefixtures("colleague")
def test_a_stream_is_transcribed_by_a_server_while_it_goes_on(door: Door) -> None:
    given = ["--server", door.url, "stream", "-", "--roles", "agent,customer", "--max-segment", "5"]
    ran = CliRunner().invoke(app, given, prog_name="voxqueue", input=CALL[:SECONDS_13])
    session_id = ran.stderr.splitlines()[0].removeprefix("session ")
    status = door.client.sessions.status(session_id)
    assert (ran.exit_code, ran.stdout) == (Exit.OK, f"{TEXT}\n" * status.pieces), ran.output
    assert (status.name, status.ended_at is not None) == ("stdin", True)
    assert status.duration_s == pytest.approx(13.0, abs=0.01)


@pytest.mark.usefixtures("colleague")
def test_the_microphone_is_heard_by_a_server(door: Door) -> None:
    with named_server(door.url, None):
        record_from(lambda _microphone: nullcontext(iter([bytes(3200)] * 40)), Microphone(), 2.0)
    (session,) = door.client.sessions.recent()
    assert (session.name, session.duration_s) == ("microphone", 2.0)


def test_what_a_broken_connection_lost_is_sent_again(door: Door) -> None:
    def chunks() -> Iterator[bytes]:
        yield CALL[: SECONDS_13 // 2]
        # The newest connection takes a call over, and leaves it to whoever comes next.
        address, headers = client.socket_address(broken)
        with connect(address, additional_headers=headers) as other:
            other.send('{"encoding": "pcm_s16le", "sample_rate_hz": 8000, "channels": 2}')
            other.recv(10)
            yield CALL[SECONDS_13 // 2 : SECONDS_13]

    with RemoteClient(door.url) as client:
        whole, broken = (client.sessions.open(NewSession("", name)) for name in ("whole", "broken"))
        send(client, whole, [CALL[:SECONDS_13]], JobOptions())
        send(client, broken, chunks(), JobOptions())
        assert pieces(door, broken) == pieces(door, whole) != []


def pieces(door: Door, session_id: str) -> list[tuple[float, float, bytes]]:
    with door.http() as http:
        return [
            (each.start_s, each.end_s, http.get(f"/v1/jobs/{each.job_id}/audio").content)
            for each in door.client.sessions.pieces(session_id)
        ]


def test_a_server_that_refuses_a_stream_says_why(door: Door) -> None:
    ran = run("--server", door.url, "stream", "-", "--session", str(uuid4()))
    assert ran.stderr.startswith("error SESSION_NOT_FOUND")
    with RemoteClient(door.url) as client:
        ended = client.sessions.open(NewSession("", "over"))
        client.sessions.end(ended)
        with pytest.raises(NotAllowedInState):
            send(client, ended, [CALL[:SECONDS_13]], JobOptions())
        with pytest.raises(InputError):
            send(client, client.sessions.open(NewSession("", "notes")), [b"no sound " * 1000], JobOptions())
