"""A CTC model of Parakeet's size on a card: the pipeline over a bare loop, and that over what the card could do.

    python -m bench gpu                                  where there is a card
    python -m bench.gpu --device cpu --size toy          the same, small, anywhere

The bare loop runs nothing but the model, over batches that lie on the device already, sorted by length. The pipeline
reads features from files, batches what several jobs wait for, copies, computes, copies back and writes files. The
floor is the time in which the card could do the loop's arithmetic, and read its weights once a batch, at the speed
that it shows in one large product and one large copy.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCTC

from bench.harness import Figure, Findings, Plan, Unavailable
from bench.mixes import MIXES, SIZES, features_of, lengths_of, make_model
from bench.report import Report, Row
from pipeline import artifacts
from pipeline.artifacts import EMISSIONS, FEATURES
from pipeline.inference import ModelRuntime, SharedModel, load_model
from pipeline.inference.batches import ON_A_CARD, BatchBudget, Item, WaitingRoom
from pipeline.options import InferenceOptions
from pipeline.spec import read_spec
from pipeline.values import Channel, FeatureSegment, Recording, Stream

LANES: Final = 2
READERS: Final = 16
BUDGETS_S: Final = (60.0, 150.0, 300.0, 600.0, 1200.0)
TOLERANCES: Final = (0.05, 0.15, 0.3)
OPTIONS: Final = InferenceOptions()


@dataclass(frozen=True, slots=True)
class Setup:
    """On what is measured: a device, the size of the model, how many segments, how often, and which batches."""

    device: Literal["cpu", "cuda"] = "cuda"
    size: str = "parakeet-ctc-0.6b"
    segments: int = 2_000
    rounds: int = 5
    budgets_s: tuple[float, ...] = BUDGETS_S
    tolerances: tuple[float, ...] = TOLERANCES

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, as the pipeline has them there."""
        return torch.bfloat16 if self.device == "cuda" else torch.float32


Batches = Sequence[dict[str, torch.Tensor]]


class Bench:
    """The model, loaded twice: by `transformers` for the bare loop, and by the pipeline."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.setup = setup
        make_model(folder, setup.size)
        self.bare: Any = AutoModelForCTC.from_pretrained(folder, dtype=setup.dtype).to(setup.device).eval()
        self.weights_bytes = sum(each.numel() * each.element_size() for each in self.bare.parameters())
        self.model = load_model(folder, read_spec(folder), ModelRuntime(setup.device, threads=1, lanes=LANES))

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.setup.device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, act: Callable[[], object]) -> float:
        """How long `act` takes, until the device is done with it."""
        self.wait()
        began_s = time.perf_counter()
        act()
        self.wait()
        return time.perf_counter() - began_s

    def batches(self, features: Sequence[FeatureSegment], budget: BatchBudget) -> Batches:
        """Inputs on the device, sorted by length and cut into batches within `budget`."""
        room: WaitingRoom[FeatureSegment] = WaitingRoom()
        seat = room.seat()
        for each in sorted(features, key=lambda each: -len(each.frames)):
            room.add(Item(seat, len(each.frames), each.span.duration_s, OPTIONS, each))
        taken = iter(lambda: room.take(budget), [])
        return [self._inputs([item.payload.frames for item in batch]) for batch in taken]

    def _inputs(self, frames: Sequence[Any]) -> dict[str, torch.Tensor]:
        rows = [torch.from_numpy(np.array(each)) for each in frames]
        lengths = torch.tensor([len(each) for each in rows])
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        mask = torch.arange(padded.shape[1]) < lengths[:, None]
        place = self.setup.device
        return {"input_features": padded.to(place, self.setup.dtype), "attention_mask": mask.to(place)}

    @torch.inference_mode()
    def loop(self, batches: Batches) -> None:
        """The bare loop."""
        for inputs in batches:
            self.bare(**inputs)

    def flops(self, batches: Batches) -> list[float]:
        """Floating-point operations of each batch, counted by torch."""
        counts = []
        for inputs in batches:
            with FlopCounterMode(display=False) as counter, torch.inference_mode():
                self.bare(**inputs)
            counts.append(float(counter.get_total_flops()))
        return counts

    def peaks(self) -> tuple[float, float]:
        """Floating-point operations and bytes a second of the device, in one large product and one large copy."""
        side = 8_192 if self.setup.device == "cuda" else 512
        left = torch.randn(side, side, dtype=self.setup.dtype, device=self.setup.device)
        right = torch.empty_like(left)
        large = torch.empty(side * side * 8, dtype=torch.uint8, device=self.setup.device)
        product_s = min(self.seconds(lambda: torch.matmul(left, left, out=right)) for _ in range(5))
        copy_s = min(self.seconds(large.clone) for _ in range(5))
        return 2 * side**3 / product_s, 2 * large.numel() / copy_s

    def pipeline(self, files: Sequence[Path], folder: Path) -> None:
        """What a worker does between two queues, for the features in `files`."""
        budget = ON_A_CARD if self.setup.device == "cuda" else BatchBudget(audio_s=60.0, count=16)

        def transcribe(path: Path) -> None:
            with path.open("rb") as source, (folder / f"{path.stem}.emissions").open("wb") as target:
                frames = artifacts.read(FEATURES, source)
                emissions = shared.emissions(frames.segments, OPTIONS)
                artifacts.write(Stream(frames.recording, emissions), EMISSIONS, target)

        with SharedModel(self.model, budget, LANES) as shared, ThreadPoolExecutor(READERS) as readers:
            list(readers.map(transcribe, files))


def write_jobs(features: Sequence[FeatureSegment], size: int, folder: Path) -> list[Path]:
    """The features in files of `size` segments each, as the step before leaves them."""
    paths = []
    for number, start in enumerate(range(0, len(features), size)):
        segments = features[start : start + size]
        recording = Recording(segments[-1].span.end_s, 8_000, "pcm_mulaw", (Channel(0),))
        paths.append(folder / f"{number}.features")
        with paths[-1].open("wb") as file:
            artifacts.write(Stream(recording, segments), FEATURES, file)
    return paths


def measure_mix(bench: Bench, name: str, folder: Path, peaks: tuple[float, float]) -> list[Row]:
    """A row a round, loop and pipeline in turn: audio seconds a second of both, of the floor, and the ratios."""
    mix = MIXES[name]
    lengths_s = lengths_of(mix, bench.setup.segments, 7)
    features = features_of(lengths_s, 7)
    files = write_jobs(features, mix.segments_a_job, folder)
    batches = bench.batches(features, ON_A_CARD)
    audio_s = float(lengths_s.sum())
    floor_s = sum(max(count / peaks[0], bench.weights_bytes / peaks[1]) for count in bench.flops(batches))
    bench.pipeline(files, folder)
    rows: list[Row] = []
    for number in range(bench.setup.rounds):
        loop_s = bench.seconds(lambda: bench.loop(batches))
        pipeline_s = bench.seconds(lambda: bench.pipeline(files, folder))
        rows.append(
            {
                "mix": name,
                "round": number + 1,
                "pipeline_x": audio_s / pipeline_s,
                "loop_x": audio_s / loop_s,
                "floor_x": audio_s / floor_s,
                "pipeline_over_loop": loop_s / pipeline_s,
                "loop_over_floor": floor_s / loop_s,
            }
        )
    return rows


def sweep(bench: Bench) -> list[Row]:
    """A row for each budget and tolerance: speed of the bare loop over utterances, and how much of it is padding."""
    lengths_s = lengths_of(MIXES["utterances"], bench.setup.segments, 7)
    features = features_of(lengths_s, 7)
    rows: list[Row] = []
    for audio_s, tolerance in itertools.product(bench.setup.budgets_s, bench.setup.tolerances):
        batches = bench.batches(features, BatchBudget(audio_s, 512, tolerance))
        bench.loop(batches[:1])
        took_s = min(bench.seconds(lambda batches=batches: bench.loop(batches)) for _ in range(2))  # type: ignore[misc]
        computed = sum(each["attention_mask"].numel() for each in batches)
        speech = sum(int(each["attention_mask"].sum()) for each in batches)
        rows.append(
            {
                "budget_s": audio_s,
                "tolerance": tolerance,
                "batches": len(batches),
                "efficiency": speech / computed,
                "loop_x": float(lengths_s.sum()) / took_s,
            }
        )
    return rows


def measure(setup: Setup) -> Findings:
    """Everything: each mix in rounds, then the sweep."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        bench = Bench(setup, folder)
        peaks = bench.peaks()
        rows = [row for name in MIXES for row in measure_mix(bench, name, folder, peaks)]
        swept = sweep(bench)
    first = [row for row in rows if row["mix"] == "utterances"]
    figures = {
        "pipeline_over_bare_loop": Figure(tuple(row["pipeline_over_loop"] for row in first)),
        "bare_loop_over_floor": Figure(tuple(row["loop_over_floor"] for row in first)),
        "pipeline_x_real_time": Figure(tuple(row["pipeline_x"] for row in first), is_ratio=False),
    }
    name = torch.cuda.get_device_name() if setup.device == "cuda" else "the CPU"
    notes = (
        f"{setup.size} of random weights on {name}, {setup.segments} segments a mix.",
        f"Its largest product ran at {peaks[0] / 1e12:.3g} Tflop/s, its largest copy at {peaks[1] / 1e9:.3g} GB/s.",
    )
    speeds = {
        "mix": "segments",
        "round": "round",
        "pipeline_x": "pipeline, x real time",
        "loop_x": "bare loop",
        "floor_x": "floor",
        "pipeline_over_loop": "pipeline / loop",
        "loop_over_floor": "loop / floor",
    }
    tried = {
        "budget_s": "seconds a batch",
        "tolerance": "tolerance",
        "batches": "batches",
        "efficiency": "share of speech",
        "loop_x": "bare loop, x real time",
    }
    packages = ("torch", "transformers", "numpy")
    reports = [
        Report("Inference on a card", speeds, rows, notes, packages),
        Report("Batches and buckets", tried, swept, notes[:1], packages),
    ]
    return Findings(figures, reports)


def run(plan: Plan) -> Findings:
    """On the first card.

    Raises:
        Unavailable: there is none.
    """
    if not torch.cuda.is_available():
        raise Unavailable("no GPU")
    return measure(Setup(segments=400 if plan.quick else 2_000, rounds=plan.rounds(5)))


def main() -> None:
    """Measure on a chosen device and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--size", choices=list(SIZES), default="parakeet-ctc-0.6b")
    parser.add_argument("--segments", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("no GPU")
        return
    found = measure(Setup(chosen.device, chosen.size, chosen.segments, chosen.rounds))
    print("\n\n".join(report.markdown() for report in found.reports))


if __name__ == "__main__":
    main()
