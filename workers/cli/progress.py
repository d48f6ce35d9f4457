"""Progress of jobs on standard error: lines that move in a terminal, a line for each change elsewhere."""

import sys
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from workers.jobs import JobStatus, StepStatus
from workers.states import JobState, StepState

_MARKS = {
    StepState.DONE: "[green]✓[/]",
    StepState.FAILED: "[red]✗[/]",
    StepState.QUARANTINED: "[red]✗[/]",
    StepState.CANCELED: "[yellow]-[/]",
    StepState.READY: "[dim]…[/]",
    StepState.BLOCKED: "[dim]·[/]",
}


class JobProgress(Protocol):
    """Where jobs are shown while they run; a context manager."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *exception: object) -> None:
        """Leave what was shown as it is."""

    def show(self, job: JobStatus) -> None:
        """Show the job as it is now."""


class LiveProgress:
    """A line a job, with its five steps, that is drawn over and over."""

    def __init__(self, console: Console) -> None:
        self._lines: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[steps]}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._progress.stop()

    def show(self, job: JobStatus) -> None:
        """See `JobProgress.show`."""
        if job.id not in self._lines:
            self._lines[job.id] = self._progress.add_task(job.file_name, total=1.0, steps="")
        steps = " ".join(f"{step.name} {_mark(step)}" for step in job.steps)
        is_done = job.state is JobState.COMPLETED
        self._progress.update(self._lines[job.id], completed=1.0 if is_done else job.progress, steps=steps)
        if job.is_final:
            self._progress.stop_task(self._lines[job.id])


class PlainProgress:
    """A line when a step of a job starts or ends: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[tuple[str, str], StepState] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing to clear."""

    def show(self, job: JobStatus) -> None:
        """See `JobProgress.show`."""
        for step in job.steps:
            key = (job.id, step.name)
            if step.state in (StepState.BLOCKED, StepState.READY) or self._shown.get(key) is step.state:
                continue
            self._shown[key] = step.state
            took = f" in {step.ended_at - step.started_at:.1f} s" if step.started_at and step.ended_at else ""
            self._console.print(
                f"{job.file_name}: {step.name} {step.state}{took}", markup=False, emoji=False, highlight=False
            )


def make_progress(*, is_wanted: bool = True) -> JobProgress:
    """Progress that suits standard error."""
    console = Console(stderr=True, quiet=not is_wanted, soft_wrap=True)
    return LiveProgress(console) if sys.stderr.isatty() else PlainProgress(console)


def _mark(step: StepStatus) -> str:
    if step.state is StepState.RUNNING:
        return f"[cyan]{step.progress:.0%}[/]"
    return _MARKS[step.state]
