"""Reading, resampling and log-mel of a long call, block by block, against librosa on the whole file: CPU and memory.

The call has two channels at 8 kHz. Ours is what the steps do: a confined decoder, soxr, a high-pass, log-mel of pieces
of 30 s. Both are asked for the same frames; how far they differ is told for one piece.
"""

import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.harness import Figure, Findings, Plan
from bench.long_call import Work, measure, repeat_call
from bench.report import Report, Row
from pipeline.features import front_end_of
from pipeline.options import PreprocessOptions
from pipeline.preprocess.ingest import opened, resampled
from pipeline.spec import WhisperLogMel
from pipeline.values import SAMPLE_RATE_HZ

MINUTES, QUICK_MINUTES = 120.0, 10.0
ROUNDS: Final = 3
WARM_UP_MINUTES: Final = 0.1
BANDS: Final = 80
PIECE: Final = 30 * SAMPLE_RATE_HZ
COLUMNS = {"how": "", "cpu_s": "CPU, s", "peak_mib": "peak memory, MiB", "seconds": "seconds"}

Samples = NDArray[np.float32]


def run(plan: Plan) -> Findings:
    """Both, by turns."""
    minutes = QUICK_MINUTES if plan.quick else MINUTES
    works: dict[str, Work] = {"block by block": by_blocks, "librosa, whole file": whole}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in works}
    with tempfile.TemporaryDirectory() as name:
        repeat_call(minutes, Path(name) / "call.wav")
        for _ in plan.track(range(plan.rounds(ROUNDS)), "rounds"):
            for how, work in works.items():
                found[how].append(_alone(work, Path(name)))
        difference = greatest_difference(Path(name) / "call.wav")
    ours, theirs = found.values()
    figures = {
        key: Figure(
            tuple(one[what] / other[what] for one, other in zip(ours, theirs, strict=True)), higher_is_better=False
        )
        for key, what in (("cpu_over_librosa", "cpu_s"), ("memory_over_librosa", "peak_mib"))
    }
    figures["max_difference"] = Figure((difference,), higher_is_better=False, is_ratio=False)
    rows: list[Row] = [
        {"how": how, **{key: median(each[key] for each in rounds) for key in ("cpu_s", "peak_mib", "seconds")}}
        for how, rounds in found.items()
    ]
    notes = (f"{minutes:g} minutes of two channels; greatest difference in a piece of 30 s: {difference:.1e}.",)
    return Findings(figures, [Report("Front end of a long call", COLUMNS, rows, notes, ("librosa", "numpy", "soxr"))])


def _alone(work: Work, folder: Path) -> dict[str, Any]:
    """What `work` takes in a process of its own that has done it before, and so has imported what it needs."""
    with multiprocessing.get_context("spawn").Pool(1) as pool, tempfile.TemporaryDirectory() as name:
        repeat_call(WARM_UP_MINUTES, Path(name) / "call.wav")
        pool.apply(work, (Path(name),))
        return pool.apply(measure, (work, folder))


def by_blocks(folder: Path) -> float:
    """As the steps do it, in memory that does not grow and with the threads of a worker's process."""
    threadpool_limits(1, user_api="blas")
    log_mel = front_end_of(WhisperLogMel(BANDS))
    with opened(folder / "call.wav", PreprocessOptions()) as reader:
        for piece in _pieces(resampled(reader.blocks(), reader.sample_rate_hz, reader.channels)):
            for channel in piece.T:
                log_mel(channel)
        return reader.frames_read / reader.sample_rate_hz


def whole(folder: Path) -> float:
    """As librosa's documentation does it."""
    import librosa  # noqa: PLC0415  # only in the process that measures it

    samples, _ = librosa.load(folder / "call.wav", sr=SAMPLE_RATE_HZ, mono=False)
    mel = librosa.feature.melspectrogram(y=samples, sr=SAMPLE_RATE_HZ, n_fft=400, hop_length=160, n_mels=BANDS)
    np.log10(np.maximum(mel, 1e-10))
    return float(samples.shape[-1] / SAMPLE_RATE_HZ)


def greatest_difference(path: Path) -> float:
    """Between our frames of one piece and librosa's, levelled and scaled as the model wants them."""
    import librosa  # noqa: PLC0415

    samples, rate_hz = soundfile.read(path, frames=30 * 8000, dtype="float32")
    piece = librosa.resample(samples[:, 0], orig_sr=rate_hz, target_sr=SAMPLE_RATE_HZ)
    ours = front_end_of(WhisperLogMel(BANDS))(piece)
    asked = {"n_fft": 400, "hop_length": 160, "n_mels": BANDS, "pad_mode": "reflect"}
    mel = librosa.feature.melspectrogram(y=piece, sr=SAMPLE_RATE_HZ, **asked)
    log = np.log10(np.maximum(mel[:, : len(ours)], 1e-10)).T
    levelled = (np.maximum(log, log.max() - 8) + 4) / 4
    return float(np.abs(ours[: len(levelled)] - levelled).max())


def _pieces(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The blocks joined to pieces of 30 s, shape (frames, channels); the last may be shorter."""
    waiting: list[Samples] = []
    held = 0
    for block in blocks:
        waiting.append(block)
        held += len(block)
        if held < PIECE:
            continue
        joined = np.concatenate(waiting)
        for start in range(0, held - PIECE + 1, PIECE):
            yield joined[start : start + PIECE]
        waiting = [joined[held // PIECE * PIECE :]]
        held %= PIECE
    yield from _rest(waiting)


def _rest(waiting: Sequence[Samples]) -> Iterator[Samples]:
    rest = np.concatenate(waiting)
    if len(rest):
        yield rest
