"""`voxqueue webhooks`, and `submit --callback`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.sinks import ADDRESS
from workers.cli import app
from workers.cli.outcome import Exit
from workers.client import Client
from workers.delivery import run_delivery
from workers.errors import UrlNotAllowed
from workers.jobs.deliveries import Verdict
from workers.settings import Settings

URL = "https://app.example/hooks"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="voxqueue")


def added(*more: str) -> dict[str, str]:
    ran = run("webhooks", "add", URL, "--json", *more)
    assert ran.exit_code == 0, ran.output
    return dict(json.loads(ran.stdout))


@pytest.fixture
def delivered(home: Path) -> str:
    """The id of a delivery that failed for good."""
    endpoint = added()
    delivery = run("webhooks", "test", endpoint["id"]).stdout.strip()
    with Client(Settings(home=home)) as client:
        webhooks = client.runtime.webhooks
        lease = webhooks.claim(delivery, "worker")
        assert lease is not None
        webhooks.finish(lease, Verdict("HTTP_404", 404))
    return delivery


def test_an_endpoint_is_added_listed_switched_and_removed(home: Path) -> None:
    ran = run("webhooks", "add", URL, "--event", "transcription.job.completed")
    assert ran.exit_code == 0
    told = dict(line.split() for line in ran.stdout.splitlines())
    assert told["secret"].startswith("whsec_")
    [endpoint] = json.loads(run("webhooks", "list", "--json").stdout)
    assert (endpoint["id"], endpoint["url"], endpoint["tenant"]) == (told["endpoint"], URL, "default")
    assert "secret" not in endpoint
    for command, state in (("disable", "disabled: SWITCHED_OFF"), ("enable", "enabled")):
        assert run("webhooks", command, endpoint["id"]).exit_code == 0
        shown = run("webhooks", "list").stdout
        assert state in shown
        assert URL in shown
        assert "transcription.job.completed" in shown
    assert run("webhooks", "remove", endpoint["id"]).exit_code == 0
    assert json.loads(run("webhooks", "list", "--json").stdout) == []


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "file:///etc/passwd", "https://127.0.0.1/", "app.example"])
def test_a_url_that_leads_inside_is_refused_in_one_line(home: Path, url: str) -> None:
    ran = run("webhooks", "add", url)
    assert (ran.exit_code, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr.startswith("error URL_NOT_ALLOWED: ")
    assert len(ran.stderr.splitlines()) == 1


def test_what_is_not_there_or_twice_there_is_an_error_with_a_code(home: Path) -> None:
    added()
    for arguments, code in (
        (["webhooks", "add", URL], "ENDPOINT_EXISTS"),
        (["webhooks", "add", f"{URL}/2", "--event", "coffee"], "INVALID_OPTIONS"),
        (["webhooks", "rotate", "nobody"], "ENDPOINT_NOT_FOUND"),
        (["webhooks", "deliveries", "nothing"], "DELIVERY_NOT_FOUND"),
        (["webhooks", "replay", "nothing"], "DELIVERY_NOT_FOUND"),
    ):
        ran = run(*arguments)
        assert ran.exit_code == Exit.USAGE
        assert ran.stderr.startswith(f"error {code}: ")


def test_a_rotated_secret_is_printed_and_is_another(home: Path) -> None:
    endpoint = added("--tenant", "north")
    rotated = json.loads(run("webhooks", "rotate", endpoint["id"], "--overlap", "1", "--json").stdout)
    assert rotated["secret"] != endpoint["secret"]
    assert 3590 < rotated["previous_until"] - rotated["created_at"] < 3700


def test_the_secret_of_callbacks_is_the_same_at_every_look(home: Path) -> None:
    first, again, north = (run("webhooks", "secret", *more).stdout for more in ([], [], ["--tenant", "north"]))
    assert first == again != north
    assert first.startswith("whsec_")
    assert "(callbacks)" in run("webhooks", "list").stdout


def test_what_was_sent_is_shown_attempt_by_attempt_and_sent_again(delivered: str) -> None:
    [row] = run("webhooks", "deliveries", "--status", "failed").stdout.splitlines()[1:]
    assert row.split() == [delivered, "webhook.test", "failed", "HTTP_404", "1"]
    attempts = run("webhooks", "deliveries", delivered).stdout
    assert "HTTP_404" in attempts
    assert '"type": "webhook.test"' in attempts
    assert run("webhooks", "replay", delivered).exit_code == 0
    [shown] = json.loads(run("webhooks", "deliveries", "--status", "ready", "--json").stdout)
    assert (shown["id"], shown["attempts"], len(shown["log"])) == (delivered, 0, 1)
    assert run("webhooks", "replay", delivered).stderr.startswith("error NOT_ALLOWED_IN_STATE: ")


def test_a_job_is_handed_in_with_a_callback_that_is_checked_first(home: Path, tmp_path: Path) -> None:
    call = tmp_path / "call.wav"
    call.write_bytes(b"RIFF of a kind")
    refused = run("submit", call, "--callback", "http://169.254.169.254/")
    assert refused.stderr.startswith("error URL_NOT_ALLOWED: ")
    job_id = run("submit", call, "--callback", f"{URL}/17").stdout.strip()
    assert run("cancel", job_id).exit_code == 0
    [row] = run("webhooks", "deliveries", "--job", job_id).stdout.splitlines()[1:]
    assert row.split()[1:] == ["transcription.job.canceled", job_id, "ready", "0"]


def test_the_client_refuses_a_callback_that_leads_inside_and_makes_no_job(home: Path) -> None:
    with Client(Settings(home=home)) as client:
        run("webhooks", "list")
        with pytest.raises(UrlNotAllowed):
            client.enqueue(b"RIFF", callback_url=f"http://{ADDRESS}/")
        assert client.recent() == []
        run_delivery(client.runtime, "nothing to do")
