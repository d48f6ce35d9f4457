"""`voxqueue evaluate`: how good the transcripts of recordings are whose text is known."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from workers.cli.jobs import AsJson
from workers.cli.outcome import Exit
from workers.cli.session import WorkingSession
from workers.cli.sources import check_readable
from workers.cli.tables import print_json, write_file
from workers.client import Client
from workers.evaluate import ManifestLine, Spoken, read_manifest, report, rtfx
from workers.jobs import JobStatus
from workers.states import JobState


def evaluate(
    manifest: Annotated[Path, typer.Argument(help='Lines of {"id", "audio", "text", "domain"}.')],
    hypotheses: Annotated[
        Path | None, typer.Option(help="Keep what was understood here, a JSON line a recording.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run recordings through the queue and print word and character error rates and speed.

    --json prints {"all": {"wer", "cer", "rtfx", "n"}, "domains": {...}}: ratios, null where nothing can be counted. A
    recording that fails counts as one in which nothing was understood, and makes the exit status 1.

        voxqueue evaluate workers/demo/manifest.jsonl --hypotheses heard.jsonl
    """
    lines = read_manifest(manifest)
    if not lines:
        raise typer.BadParameter("there is no recording in it", param_hint="MANIFEST")
    for line in lines:
        check_readable(line.audio)
    with WorkingSession() as session:
        jobs = _run(session, lines, is_shown=not as_json)
        spoken = [_spoken(session.client, line, job) for line, job in zip(lines, jobs, strict=True)]
    if hypotheses is not None:
        _keep(hypotheses, lines, spoken)
    figures = report(spoken, rtfx(jobs))
    print_json(figures) if as_json else _print(figures)
    if any(job.state is not JobState.COMPLETED for job in jobs):
        raise typer.Exit(Exit.JOB_FAILED)


def _run(session: WorkingSession, lines: list[ManifestLine], *, is_shown: bool) -> list[JobStatus]:
    made = [session.client.enqueue(line.audio, external_id=line.id).id for line in lines]
    ends = (job for job in session.watch(made) if job.is_final)
    console = Console(stderr=True, quiet=not is_shown)
    ended = {job.id: job for job in track(ends, "Transcribing", total=len(made), console=console)}
    return [ended[job_id] for job_id in made]


def _spoken(client: Client, line: ManifestLine, job: JobStatus) -> Spoken:
    heard = client.result(job.id).text if job.state is JobState.COMPLETED else ""
    return Spoken(line.domain, line.text, heard, job.duration_s or 0.0)


def _keep(path: Path, lines: list[ManifestLine], spoken: list[Spoken]) -> None:
    kept = [
        {"id": line.id, "domain": each.domain, "text": each.reference, "hypothesis": each.hypothesis}
        for line, each in zip(lines, spoken, strict=True)
    ]
    write_file(path, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in kept))


def _print(figures: dict[str, Any]) -> None:
    table = Table("domain", "recordings", "WER", "CER", box=None)
    for name, row in [*figures["domains"].items(), ("all", figures["all"])]:
        table.add_row(Text(name), str(row["n"]), _percent(row["wer"]), _percent(row["cer"]))
    Console().print(table)
    if figures["all"]["rtfx"] is not None:
        print(f"{figures['all']['rtfx']:.1f} times faster than real time")


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2%}"
