"""Decoding again, as it is asked for and read on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.options import Entity, RedactionOptions, Style
from tests.unit.workers.cli.conftest import TEXT
from workers.cli import app
from workers.cli.outcome import Exit
from workers.client import Client
from workers.settings import settings

Make = Callable[..., Path]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="voxqueue")


def test_a_job_is_decoded_again_and_each_version_can_be_read(colleague: Client, recording_of: Make) -> None:
    job_id = colleague.enqueue(recording_of("call.wav")).id
    colleague.wait(job_id, 30)
    ran = run("redecode", job_id, "--hotword", "Acme Corp", "--hotword-weight", "3", "--lm", "none")
    assert (ran.exit_code, ran.output) == (Exit.OK, "2\n")
    assert colleague.wait(job_id, 30).version == 2
    for version in ("1", "2"):
        assert TEXT in run("result", job_id, "--version", version).output
    ran = run("result", job_id, "--version", "3")
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr == "error VERSION_NOT_FOUND: There is no such version of the transcript. (3 of 2)\n"


def test_what_was_asked_for_travels_with_the_job(colleague: Client, recording_of: Make) -> None:
    job_id = colleague.enqueue(recording_of("call.wav"), {"decode": {"beam_width": 3}}).id
    colleague.wait(job_id, 30)
    shown = json.loads(run("redecode", job_id, "--hotword", "Acme", "--json").stdout)
    assert shown["id"] == job_id
    kinds = [event.kind for event in colleague.runtime.jobs.events_after(job_id)]
    assert kinds.count("job.redecode_asked") == 1


def test_wording_and_redaction_are_asked_for_anew(colleague: Client, recording_of: Make) -> None:
    job_id = colleague.enqueue(recording_of("call.wav"), {"decode": {"hotwords": ["Acme"]}}).id
    colleague.wait(job_id, 30)
    ran = run("redecode", job_id, "--remove-fillers", "--redact", "card", "--redact-style", "mask")
    assert (ran.exit_code, ran.output) == (Exit.OK, "2\n")
    chosen = colleague.runtime.jobs.options(job_id)
    assert (chosen.format.fillers, chosen.decode.hotwords) == ("remove", ("Acme",))
    assert chosen.redaction == RedactionOptions(entities=(Entity.CARD,), style=Style.MASK)


def test_a_job_that_has_not_ended_is_not_decoded_again(colleague: Client, recording_of: Make) -> None:
    job_id = colleague.enqueue(recording_of("bad.wav", b"bad")).id
    colleague.wait(job_id, 30)
    ran = run("redecode", job_id, "--hotword", "Acme")
    assert ran.exit_code == Exit.USAGE
    assert ran.stderr.startswith("error NOT_ALLOWED_IN_STATE")


def test_a_language_model_that_the_workers_lack_is_refused_and_the_job_stays_completed(
    colleague: Client, recording_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "clinic.mix").touch()
    path = recording_of("call.wav")
    job_id = colleague.enqueue(path, {"decode": {"language_model": "clinic"}}).id
    colleague.wait(job_id, 30)
    monkeypatch.setenv("VOXQUEUE_LANGUAGE_MODELS", str(tmp_path / "models"))
    settings.cache_clear()
    for ran in (run("redecode", job_id, "--lm", "clinik"), run("submit", str(path), "--lm", "clinik")):
        assert ran.exit_code == Exit.USAGE
        assert ran.stderr.startswith("error INVALID_OPTIONS")
        assert "no language model is called clinik" in ran.stderr
    assert colleague.status(job_id).version == 1
    assert run("redecode", job_id, "--lm", "clinic", "--hotwords", "Acme").output == "2\n"
    settings.cache_clear()
