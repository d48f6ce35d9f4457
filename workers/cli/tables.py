"""Jobs and their steps as tables for people and as JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from workers.errors import FileNotWritable
from workers.jobs import JobStatus

# A job id is a UUID.
_ID_WIDTH = 36
# A pipe has no width that a line should be cut to.
_PIPE_WIDTH = 400


def job_document(job: JobStatus) -> dict[str, Any]:
    """The job as a program reads it; times are seconds since 1970."""
    return {**asdict(job), "progress": round(job.progress, 3)}


def print_json(value: object) -> None:
    """One line of JSON on standard output."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def write_file(path: Path, text: str) -> None:
    """Write a file, and the folders above it.

    Raises:
        FileNotWritable: that can't be done.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """The same for what is no text.

    Raises:
        FileNotWritable: that can't be done.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise FileNotWritable(f"{path}: {error.strerror}") from error


def print_jobs(jobs: Sequence[JobStatus]) -> None:
    """A line a job."""
    job_id = Column("job", no_wrap=True, min_width=_ID_WIDTH)
    table = Table(job_id, "file", "status", "progress", "audio", "created", box=None)
    for job in jobs:
        audio = f"{job.duration_s:.1f} s" if job.duration_s is not None else ""
        created = datetime.fromtimestamp(job.created_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        # As text: brackets in a name are no markup.
        table.add_row(job.id, Text(job.file_name), job.state, f"{job.progress:.0%}", audio, created)
    print_table(table)


def print_job(job: JobStatus) -> None:
    """A job and a line for each of its steps."""
    table = Table("step", "status", "progress", "attempt", "waited", "ran", "worker", "error", box=None)
    for step in job.steps:
        waited = _seconds(step.ready_at, step.started_at)
        ran = _seconds(step.started_at, step.ended_at)
        worker, error = Text(step.worker or ""), step.error_code or ""
        table.add_row(step.name, step.state, f"{step.progress:.0%}", str(step.attempt), waited, ran, worker, error)
    print(f"{job.id}  {job.file_name}  {job.state}  {job.progress:.0%}")
    if job.error_code:
        print(f"{job.error_code}: {job.error_message}")
    if job.report:
        print_table(Text(recording_of(job.report)))
    print_table(table)


def recording_of(report: Mapping[str, Any]) -> str:
    """What is known of a recording that can't be used, in lines."""
    facts = [str(report[name]) for name in ("container", "codec") if report[name]]
    if report["sample_rate_hz"]:
        facts += [f"{report['sample_rate_hz']} Hz", f"{report['channel_count']} channel(s)"]
    facts.append(f"{report['duration_s']:.1f} s decoded")
    advice = [f"{finding['severity']} {finding['code']} {finding['advice']}" for finding in report["findings"]]
    return "\n".join([", ".join(facts), *advice])


def _seconds(start: float | None, end: float | None) -> str:
    return f"{end - start:.2f} s" if start is not None and end is not None and end >= start else ""


def print_table(table: Table | Text) -> None:
    """Print a table as wide as the terminal, or as wide as it is."""
    is_terminal = sys.stdout.isatty()
    Console(width=None if is_terminal else _PIPE_WIDTH).print(table)
