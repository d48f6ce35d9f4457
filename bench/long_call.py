"""Memory and time of the steps that read audio, for calls of growing length: memory is flat, time grows no faster.

Each call is the demo call (two channels, 8 kHz mu-law) again and again. Each step runs in a process of its own, as in a
worker: preprocess reads the recording and leaves its stream, features reads that and leaves its own. The last
runs all five steps in one process with an acoustic model that hears nothing, which shows what they hold in memory
beside the model. A decoder is the confined process that preprocess starts; its figure is at least the memory of who
started it, as Linux counts.
"""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import soundfile

from bench.harness import Figure, Findings, Plan
from bench.report import PACKAGES, Report, Row, progress
from bench.speech import CALL
from pipeline import artifacts
from pipeline.artifacts import FEATURES, SPEECH
from pipeline.audio.cage import ZYGOTE
from pipeline.chain import Models, transcribe
from pipeline.features import extract
from pipeline.options import InferenceOptions, PreprocessOptions
from pipeline.preprocess import preprocess
from pipeline.spec import ModelSpec
from pipeline.values import AttentionEmissions, Emissions, FeatureSegment, Hypothesis
from workers.models import find_model
from workers.settings import read_settings

MINUTES: Final = (10.0, 60.0, 180.0)
QUICK_MINUTES: Final = (1.0, 5.0)
ALL_FIVE: Final = "all five"
KIB_A_MIB: Final = 1024

Work = Callable[[Path], float]
"""Does a step on the files in a folder and returns how many seconds of audio it read."""


class HearsNothing:
    """An acoustic model without weights, for the spec of a real one."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """Silence, for each segment."""
        del options
        return [AttentionEmissions(each.span, (Hypothesis((), 0.0),), 1.0) for each in batch]


def repeat_call(minutes: float, path: Path) -> None:
    """Write the demo call, again and again, to `path`."""
    samples, rate_hz = soundfile.read(CALL, dtype="int16")
    left = int(minutes * 60 * rate_hz)
    with soundfile.SoundFile(path, "w", rate_hz, samples.shape[1], "ULAW", format="WAV") as file:
        while left > 0:
            file.write(samples[:left])
            left -= len(samples)


def run_preprocess(folder: Path) -> float:
    """The first step, `call.wav` to `speech`."""
    stream = preprocess(folder / "call.wav", PreprocessOptions())
    with (folder / "speech").open("wb") as out:
        artifacts.write(stream, SPEECH, out)
    return stream.recording.duration_s


def run_features(folder: Path) -> float:
    """The second step, `speech` to `features`."""
    spec = find_model(read_settings()).spec
    with (folder / "speech").open("rb") as speech, (folder / "features").open("wb") as out:
        stream = artifacts.read(SPEECH, speech)
        artifacts.write(extract(stream, spec), FEATURES, out)
        return stream.recording.duration_s


def run_chain(folder: Path) -> float:
    """All five, with a model that hears nothing."""
    model = find_model(read_settings())
    return transcribe(
        folder / "call.wav", Models(model.folder, model.spec, HearsNothing(model.spec))
    ).recording.duration_s


def measure(work: Work, folder: Path) -> dict[str, Any]:
    """What `work` took in this process, which must have done nothing larger: memory in MiB, CPU and wall seconds."""
    ZYGOTE.close()
    spent_s, began_s = _cpu_s(), time.perf_counter()
    duration_s = work(folder)
    seconds = time.perf_counter() - began_s
    # Then the system counts what its forks took as that of a child.
    ZYGOTE.close()
    cpu_s = _cpu_s() - spent_s
    own, decoder = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "minutes": round(duration_s / 60, 2),
        "peak_mib": own.ru_maxrss // KIB_A_MIB,
        "decoder_mib": decoder.ru_maxrss // KIB_A_MIB if work is not run_features else None,
        "cpu_s": round(cpu_s, 3),
        "cpu_s_an_hour": round(3600 * cpu_s / duration_s, 1),
        "seconds": round(seconds, 3),
    }


def _cpu_s() -> float:
    """CPU seconds of this process and of those that it started and waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def measure_call(minutes: float) -> list[Row]:
    """A row for each step, of a call of this length."""
    steps: dict[str, Work] = {"preprocess": run_preprocess, "features": run_features, ALL_FIVE: run_chain}
    rows: list[Row] = []
    # A forked child would start with the memory of its parent.
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        repeat_call(minutes, Path(name) / "call.wav")
        for step, work in steps.items():
            with context.Pool(1) as pool:
                rows.append({"step": step, **pool.apply(measure, (work, Path(name)))})
            progress(rows[-1])
    return rows


def run(plan: Plan) -> Findings:
    """A row for each step of each length."""
    lengths = QUICK_MINUTES if plan.quick else MINUTES
    rows = [row for minutes in plan.track(lengths, "lengths") for row in measure_call(minutes)]
    columns = {
        "step": "step",
        "minutes": "minutes",
        "peak_mib": "peak, MiB",
        "decoder_mib": "decoder at most, MiB",
        "cpu_s": "CPU, s",
        "cpu_s_an_hour": "CPU, s an hour",
        "seconds": "seconds",
    }
    whole = [row for row in rows if row["step"] == ALL_FIVE]
    figures = {
        "memory_of_longest_over_shortest": _growth(whole, "peak_mib"),
        "cpu_an_hour_of_longest_over_shortest": _growth(whole, "cpu_s_an_hour"),
    }
    return Findings(figures, [Report("Long calls", columns, rows, ("Two channels, 8 kHz mu-law.",), PACKAGES)])


def _growth(rows: Sequence[Row], key: str) -> Figure:
    return Figure((rows[-1][key] / rows[0][key],), higher_is_better=False)
