"""What it costs that steps hand on files: megabytes a second, and their share of the CPU time of each step.

A recording goes through the five steps in this process, every one with its input and output in a store on this disk,
synced and hashed as the workers have them. What a step left is then written and read once more, without the step. CTC
emissions are of random numbers, which take as long; a plain `.npy` that is synced, without a hash, is beside each.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from bench.harness import Figure, Findings, Plan
from bench.report import Report, Row
from bench.speech import CALL
from pipeline import artifacts
from pipeline.artifacts import EMISSIONS, FEATURES, SPEECH, WORDS, Codec
from pipeline.decode import decode, load_decoder
from pipeline.features import extract
from pipeline.format import format_transcript
from pipeline.inference import AcousticModel, ModelRuntime, infer, load_model
from pipeline.options import JobOptions
from pipeline.preprocess import preprocess
from pipeline.values import CtcEmissions, Recording, Span, Stream
from workers.jobs.values import ArtifactRef
from workers.models import find_model
from workers.settings import read_settings
from workers.storage.local import LocalStore

COPIES: Final = 5
"""Of the demo call, one behind the other."""
ROUNDS: Final = 5
HOUR_S: Final = 3600.0
SEGMENT_S: Final = 20.0
CTC: Final = {
    "emissions, 1,025 labels 12.5 times a second": (1025, 12.5),
    "emissions, 32 labels 50 times a second": (32, 50.0),
}
MEGABYTE: Final = 1e6
COLUMNS: Final = {
    "what": "what is handed on",
    "mb_an_hour": "MB an hour of audio",
    "write_mb_s": "written, MB/s",
    "read_mb_s": "read, MB/s",
    "cpu_ms_an_hour": "CPU, ms an hour",
    "cpu_over_npy": "CPU, times that of .npy",
    "share": "share of its step's CPU, %",
}


Work = Callable[[Any], Stream[Any]]
Source = tuple[ArtifactRef, Codec[Any]]


@dataclass(frozen=True, slots=True)
class Took:
    """Wall and CPU seconds."""

    seconds: float
    cpu_s: float


class Store:
    """A store of artifacts, and what writing and reading take in it."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(folder / "artifacts")
        self._plain = folder / "plain.npy"

    def put(self, name: str, stream: Stream[Any], codec: Codec[Any]) -> ArtifactRef:
        """Write the stream while it is made."""
        return self._store.put(f"bench/{name}", lambda file: artifacts.write(stream, codec, file))

    def get(self, ref: ArtifactRef, codec: Codec[Any]) -> Stream[Any]:
        """All of the stream, in memory."""
        with self._store.open(ref) as file:
            stream = artifacts.read(codec, file)
            return Stream(stream.recording, list(stream.segments))

    def again(self, stream: Stream[Any], codec: Codec[Any]) -> tuple[int, Took, Took]:
        """Bytes of the stream in the store, and what writing and reading it takes."""
        ref, written = timed(lambda: self.put("again", stream, codec))
        _, read = timed(lambda: self.get(ref, codec))
        return ref.size_bytes, written, read

    def plain(self, array: NDArray[Any]) -> Took:
        """What writing, syncing and reading the array as `.npy` takes."""

        def there_and_back() -> NDArray[Any]:
            with self._plain.open("wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())
            return np.asarray(np.load(self._plain))

        return timed(there_and_back)[1]


def timed(work: Callable[[], Any]) -> tuple[Any, Took]:
    """What `work` gives back, and what it takes in this process."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    found = work()
    return found, Took(time.perf_counter() - began_s, time.process_time() - cpu_s)


def run(plan: Plan) -> Findings:
    """A row for each step of a recording, and for CTC emissions of two shapes."""
    model = find_model(read_settings(model=plan.model))
    acoustic = load_model(model.folder, model.spec, ModelRuntime(threads=1))
    with tempfile.TemporaryDirectory() as name:
        store, call = Store(Path(name)), Path(name) / "call.wav"
        samples, rate_hz = soundfile.read(CALL, dtype="int16")
        soundfile.write(call, np.tile(samples, (1 if plan.quick else COPIES, 1)), rate_hz, "ULAW")
        steps = [_steps(store, call, acoustic, plan) for _ in plan.track(range(plan.rounds(ROUNDS)), "rounds")]
        ctc = {
            what: [_handed_on(store, what, _emissions(*shape), EMISSIONS) for _ in range(plan.rounds(ROUNDS))]
            for what, shape in plan.track(list(CTC.items()), "emissions")
        }
    rows = [_median(list(each)) for each in zip(*(rows for rows, _ in steps), strict=True)]
    rows += [_median(each) for each in ctc.values()]
    features = [next(row for row in rows if row["what"] == "features")["cpu_ms_an_hour"] for rows, _ in steps]
    figures = {
        "share_of_all_steps": Figure(tuple(share for _, share in steps), higher_is_better=False),
        "features_cpu_ms_an_hour": Figure(tuple(features), higher_is_better=False, is_ratio=False),
    }
    note = "The share is of reading its input and writing its output; .npy is synced, and has no hash."
    return Findings(figures, [Report("Artifacts", COLUMNS, rows, (note,), ("numpy", "ctranslate2"))])


def _steps(store: Store, call: Path, model: AcousticModel, plan: Plan) -> tuple[list[Row], float]:
    """A row for each step that leaves an artifact, and the share of all five that files take."""
    options = JobOptions()
    decoder = load_decoder(find_model(read_settings(model=plan.model)).folder, model.spec, options.decode)
    steps: list[tuple[str, Codec[Any], Work]] = [
        ("speech", SPEECH, lambda _: preprocess(call, options.preprocess)),
        ("features", FEATURES, lambda speech: extract(speech, model.spec)),
        ("emissions of Whisper", EMISSIONS, lambda features: infer(features, model, options.search)),
        ("words", WORDS, lambda emissions: decode(emissions, decoder)),
    ]
    rows: list[Row] = []
    source: Source | None = None
    all_s = files_s = 0.0
    read = Took(0.0, 0.0)
    for what, codec, work in steps:
        ref, whole = timed(partial(_step, store, source, work, codec))
        row = _handed_on(store, what, store.get(ref, codec), codec)
        mine_s = read.cpu_s + row["written"].cpu_s
        rows.append({**row, "share": 100 * mine_s / whole.cpu_s})
        source, read = (ref, codec), row["read"]
        all_s, files_s = all_s + whole.cpu_s, files_s + mine_s
    _, last = timed(lambda: format_transcript(store.get(*source), model.spec, options.format))  # type: ignore[misc]
    return rows, (files_s + read.cpu_s) / (all_s + last.cpu_s)


def _step(store: Store, source: Source | None, work: Work, codec: Codec[Any]) -> ArtifactRef:
    """One step as a worker does it, from what the one before it left to what it leaves."""
    return store.put("step", work(store.get(*source) if source else None), codec)


def _handed_on(store: Store, what: str, stream: Stream[Any], codec: Codec[Any]) -> dict[str, Any]:
    size, written, read = store.again(stream, codec)
    hours = stream.recording.duration_s / HOUR_S
    arrays = [array for array in (codec.split(segment)[1] for segment in stream.segments) if array is not None]
    plain = store.plain(np.concatenate(arrays)) if arrays else None
    cpu_s = written.cpu_s + read.cpu_s
    return {
        "what": what,
        "mb_an_hour": size / MEGABYTE / hours,
        "write_mb_s": size / MEGABYTE / written.seconds,
        "read_mb_s": size / MEGABYTE / read.seconds,
        "cpu_ms_an_hour": 1000 * cpu_s / hours,
        "cpu_over_npy": cpu_s / plain.cpu_s if plain else None,
        "written": written,
        "read": read,
    }


def _emissions(labels: int, frames_a_second: float) -> Stream[CtcEmissions]:
    """Log-probabilities of an hour of speech, by chance."""
    chance = np.random.default_rng(0)
    frames = round(SEGMENT_S * frames_a_second)
    log_probs = chance.standard_normal((frames, labels)).astype(np.float16)

    def segments() -> Iterator[CtcEmissions]:
        for number in range(round(HOUR_S / SEGMENT_S)):
            span = Span(0, number * SEGMENT_S, (number + 1) * SEGMENT_S)
            yield CtcEmissions(span, log_probs, 1 / frames_a_second)

    return Stream(Recording(HOUR_S, 8000, "wav", ()), list(segments()))


def _median(rounds: Sequence[Row]) -> Row:
    """The medians of the numbers of several rows, rounded for people."""
    numbers = {key: [row[key] for row in rounds] for key in COLUMNS if isinstance(rounds[0].get(key), float)}
    return {"what": rounds[0]["what"], **{key: round(float(np.median(found)), 2) for key, found in numbers.items()}}
