"""`voxqueue quarantine`: jobs that were set aside because they ended their worker too often."""

from dataclasses import asdict
from datetime import datetime

import typer
from rich.table import Column, Table

from workers.cli.jobs import AsJson, JobId
from workers.cli.session import open_client
from workers.cli.tables import print_json, print_table
from workers.errors import NotQuarantined
from workers.jobs.quarantine import Evidence

app = typer.Typer(
    no_args_is_help=True,
    help="Jobs that ended their worker VOXQUEUE_MAX_CRASHES times: what is known of them, and another chance.",
)
_ID_WIDTH = 36


@app.command("list")
def list_quarantined(as_json: AsJson = False) -> None:
    """List what is set aside, newest first."""
    with open_client() as client:
        found = client.runtime.jobs.quarantined()
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table(Column("job", min_width=_ID_WIDTH), "step", "crashes", "last exit status", "input sha256", box=None)
    for each in found:
        last = next((attempt.exit_status for attempt in reversed(each.attempts) if attempt.exit_status), "")
        table.add_row(each.job_id, each.step, str(each.crashes), last, each.input_sha256[:16])
    print_table(table)


@app.command()
def show(job_id: JobId, as_json: AsJson = False) -> None:
    """Show the evidence: each attempt, its worker and what it died of, and the input by hash.

    The log of that worker at that time has the rest.
    """
    with open_client() as client:
        found = client.runtime.jobs.quarantined(job_id)
    if not found:
        raise NotQuarantined(job_id)
    if as_json:
        print_json(asdict(found[0]))
        return
    _print_evidence(found[0])


@app.command()
def release(job_id: JobId, as_json: AsJson = False) -> None:
    """Give a job another chance, from the step that was set aside; its crashes are counted anew."""
    with open_client() as client:
        if not client.runtime.jobs.quarantined(job_id):
            raise NotQuarantined(job_id)
        job = client.retry(job_id)
    print_json({"job": job.id, "state": job.state}) if as_json else print(job.state)


def _print_evidence(found: Evidence) -> None:
    print(f"{found.job_id}  {found.file_name}  {found.step} ended its worker {found.crashes} times")
    print(f"recording sha256 {found.source_sha256}")
    print(f"input     sha256 {found.input_sha256}  {found.input_key}")
    table = Table("attempt", "started", "ran", "outcome", "exit status", "worker", "error", box=None)
    for each in found.attempts:
        started = datetime.fromtimestamp(each.started_at).astimezone().isoformat(timespec="seconds")
        ran = f"{each.ended_at - each.started_at:.1f} s" if each.ended_at is not None else ""
        told = each.outcome or "", each.exit_status or "", each.worker, each.error_code or ""
        table.add_row(str(each.fence), started, ran, *told)
    print_table(table)
