"""`delete` and `collect`, as a person and as a program sees them."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from workers.cli.program import app
from workers.client import Client


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="voxqueue")


def test_deleting_prints_a_receipt_and_the_transcript_is_gone(
    colleague: Client, recording_of: Callable[..., Path]
) -> None:
    job = colleague.enqueue(recording_of("call.wav"))
    colleague.wait(job.id, timeout_s=30)
    shown = run("delete", job.id)
    assert shown.stdout.startswith(f"deleted {job.id} at ")
    assert "source" in shown.stdout
    assert "transcript" in shown.stdout
    receipt = json.loads(run("delete", job.id, "--json").stdout)
    assert receipt["finished_at"] is not None
    assert receipt["files"][-1]["step"] == "source"
    refused = run("result", job.id)
    assert refused.stderr.startswith("error JOB_DELETED: What the job held was deleted.")
    assert list(colleague.runtime.store.entries(job.id)) == []


def test_deleting_a_job_of_nobody_says_so(colleague: Client) -> None:
    assert "JOB_NOT_FOUND" in run("delete", "00000000-0000-0000-0000-000000000000").stderr


def test_collecting_tells_what_it_removed(colleague: Client, recording_of: Callable[..., Path]) -> None:
    job = colleague.enqueue(recording_of("call.wav"))
    colleague.wait(job.id, timeout_s=30)
    assert run("collect").stdout == "1 removals, 0 files of no job, 0.0 MiB\n"
    assert json.loads(run("collect", "--json").stdout) == {"removals": 0, "orphans": 0, "bytes": 0}
