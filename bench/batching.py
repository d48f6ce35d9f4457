"""How much of what an acoustic model computes is speech, and its speed on this CPU, beside batches in order of arrival.

What it costs in time is counted for 500 utterances that wait at once, on a card that computes 4,300 s of audio in a
second, beside a card that computes them one by one in their order with no padding and nothing lost between two:
how much later the last but 5 % are done, and how much later than its turn an utterance is that others overtake.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.harness import Figure, Findings, Plan
from bench.mixes import FRAMES_PER_S, MIXES, features_of, lengths_of, make_model
from bench.report import Report, Row
from pipeline.inference import AcousticModel, ModelRuntime, SharedModel, load_model
from pipeline.inference.batches import ON_A_CARD, Item, WaitingRoom
from pipeline.options import InferenceOptions
from pipeline.spec import read_spec
from pipeline.values import FeatureSegment

WAITING: Final = 500
RATE: Final = 4_300.0
OPTIONS: Final = InferenceOptions()

Lengths = NDArray[np.float64]
Batches = Sequence[Sequence[int]]


def in_order(count: int, size: int) -> Batches:
    """The numbers of segments in the order of their arrival, `size` at a time."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def ours(lengths_s: Lengths) -> Batches:
    """The numbers of segments as they are batched on a card, when each is a job of its own."""
    room: WaitingRoom[int] = WaitingRoom()
    for number, length_s in enumerate(lengths_s):
        room.add(Item(room.seat(), round(length_s * FRAMES_PER_S), float(length_s), OPTIONS, number))
    return [[item.payload for item in batch] for batch in iter(lambda: room.take(ON_A_CARD), [])]


def efficiency(batches: Batches, lengths_s: Lengths) -> float:
    """Share of what is computed that is no padding."""
    return float(lengths_s.sum() / sum(lengths_s[list(batch)].max() * len(batch) for batch in batches))


def ended_s(batches: Batches, lengths_s: Lengths) -> Lengths:
    """When each segment is done, in seconds from now, at `RATE` seconds of audio with padding a second."""
    ended, now_s = np.zeros(len(lengths_s)), 0.0
    for batch in batches:
        now_s += float(lengths_s[list(batch)].max() * len(batch)) / RATE
        ended[list(batch)] = now_s
    return ended


def planned(seed: int) -> dict[str, float]:
    """Padding efficiency of both ways on utterances, and what ours adds to their waits."""
    lengths_s = lengths_of(MIXES["utterances"], WAITING, seed)
    mine, theirs = ours(lengths_s), in_order(WAITING, 32)
    ended, in_turn = ended_s(mine, lengths_s), ended_s(in_order(WAITING, 1), lengths_s)
    return {
        "padding_efficiency": efficiency(mine, lengths_s),
        "padding_efficiency_in_order": efficiency(theirs, lengths_s),
        "added_p95_ms": 1000 * float(np.percentile(ended, 95) - np.percentile(in_turn, 95)),
        "overtaken_p95_ms": 1000 * float(np.percentile(ended - in_turn, 95)),
    }


def run_batches(model: AcousticModel, features: Sequence[FeatureSegment], size: int) -> float:
    """Seconds to compute all, `size` at a time in their order."""
    began_s = time.perf_counter()
    for batch in in_order(len(features), size):
        model.emit([features[number] for number in batch], OPTIONS)
    return time.perf_counter() - began_s


def run_shared(model: AcousticModel, features: Sequence[FeatureSegment], lanes: int) -> float:
    """Seconds to compute all as a worker does, in as many jobs as it has open."""
    readers = lanes + 2
    began_s = time.perf_counter()
    with SharedModel(model, lanes=lanes) as shared, ThreadPoolExecutor(readers) as jobs:
        shares = [features[start::readers] for start in range(readers)]
        list(jobs.map(lambda share: list(shared.emissions(share, OPTIONS)), shares))
    return time.perf_counter() - began_s


def computed(plan: Plan, folder: Path, size: str = "5m", count: int = 120) -> list[Row]:
    """A row a round: seconds of audio a second in each way, on all cores."""
    cores = len(os.sched_getaffinity(0))
    spec = read_spec(make_model(folder, size))
    whole = load_model(folder, spec, ModelRuntime(threads=cores))
    split = load_model(folder, spec, ModelRuntime(threads=1, lanes=cores))
    features = features_of(lengths_of(MIXES["utterances"], min(count, 24) if plan.quick else count, 1), 1)
    audio_s = sum(each.span.duration_s for each in features)
    whole.emit(features[:1], OPTIONS)
    return [
        {
            "round": number + 1,
            "alone": audio_s / run_batches(whole, features, 1),
            "in_order": audio_s / run_batches(whole, features, 16),
            "ours": audio_s / run_shared(split, features, cores),
        }
        for number in plan.track(range(plan.rounds(5)), "rounds")
    ]


def run(plan: Plan) -> Findings:
    """Plans for several mixes by chance, and the speed of a model of 5 million weights."""
    plans = [planned(seed) for seed in range(plan.rounds(5))]
    with TemporaryDirectory() as folder:
        rows = computed(plan, Path(folder))
    figures = {
        "padding_efficiency": Figure(tuple(each["padding_efficiency"] for each in plans)),
        "padding_efficiency_over_in_order": Figure(
            tuple(each["padding_efficiency"] / each["padding_efficiency_in_order"] for each in plans)
        ),
        "cpu_speed_over_batches_of_16_in_order": Figure(tuple(row["ours"] / row["in_order"] for row in rows)),
        "cpu_speed_over_one_by_one": Figure(tuple(row["ours"] / row["alone"] for row in rows)),
        "added_p95_ms": Figure(tuple(each["added_p95_ms"] for each in plans), higher_is_better=False, is_ratio=False),
    }
    packages = ("torch", "transformers", "numpy")
    waiting = {
        "padding_efficiency": "ours",
        "padding_efficiency_in_order": "batches of 32 in order",
        "added_p95_ms": "added to the p95 of waits, ms",
        "overtaken_p95_ms": "later than its turn, p95, ms",
    }
    speeds = {"round": "round", "alone": "one by one", "in_order": "batches of 16 in order", "ours": "ours"}
    return Findings(
        figures,
        [
            Report("Share of speech in what is computed", waiting, plans, (f"{WAITING} utterances wait.",), packages),
            Report("Seconds of audio a second on this CPU", speeds, rows, ("A CTC model of 5 M weights.",), packages),
        ],
    )
