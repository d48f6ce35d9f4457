"""One model that many recordings use at once: what comes out for one depends on nobody else."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import DeviceLost, OutOfMemory
from pipeline.features import extract
from pipeline.inference import AcousticModel, BatchBudget, ModelRuntime, SharedModel, budget_for, load_model
from pipeline.inference.batches import ALONE, ON_A_CARD, WINDOWS_ON_A_CARD, WINDOWS_ON_A_CPU
from pipeline.inference.memory import memory_errors_named
from pipeline.options import InferenceOptions
from pipeline.spec import ModelSpec, read_spec
from pipeline.values import Channel, CtcEmissions, Emissions, FeatureSegment, Recording, Span, SpeechSegment, Stream
from tests.unit.pipeline.inference.conftest import noise

RECORDING = Recording(60.0, 16_000, "pcm_s16le", (Channel(0),))
OPTIONS = InferenceOptions()
MANY = BatchBudget(audio_s=60.0, count=8, tolerance=0.5)

Check = Callable[[Sequence[FeatureSegment]], None]


class Checked:
    """A real model that looks at each batch first; keeps their sizes. The first waits at a gate if there is one."""

    def __init__(self, model: AcousticModel, check: Check, gate: threading.Event | None = None) -> None:
        self._model, self._check, self._gate = model, check, gate
        self.asked: list[int] = []

    @property
    def spec(self) -> ModelSpec:
        return self._model.spec

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        self.asked.append(len(batch))
        if self._gate is not None:
            assert self._gate.wait(10)
        self._check(batch)
        return self._model.emit(batch, options)


@pytest.fixture(scope="module")
def model(parakeet: Path) -> AcousticModel:
    return load_model(parakeet, read_spec(parakeet), ModelRuntime(threads=1, lanes=2))


def features_of(model: AcousticModel, seed: int, count: int = 3) -> list[FeatureSegment]:
    speech = [
        SpeechSegment(Span(0, index * 2.0, index * 2.0 + 0.5 + index / 10), noise(0.5 + index / 10, seed).samples)
        for index in range(count)
    ]
    return list(extract(Stream(RECORDING, speech), model.spec).segments)


def all_of(shared: SharedModel, features: list[FeatureSegment]) -> list[Emissions]:
    return list(shared.emissions(features, OPTIONS))


def nothing(_batch: Sequence[FeatureSegment]) -> None:
    """All is well."""


def together(shared: SharedModel, jobs: list[list[FeatureSegment]], gate: threading.Event) -> list[list[Emissions]]:
    """What becomes of each job when all wait before the first batch has ended."""
    with ThreadPoolExecutor(len(jobs)) as threads:
        running = [threads.submit(all_of, shared, features) for features in jobs]
        gate.set()
        return [each.result() for each in running]


def bits(emitted: Sequence[Emissions]) -> list[bytes]:
    return [each.log_probs.tobytes() for each in emitted if isinstance(each, CtcEmissions)]


def test_on_a_cpu_a_job_s_emissions_are_the_same_to_the_bit_alone_and_in_any_company(model: AcousticModel) -> None:
    jobs = [features_of(model, seed) for seed in range(4)]
    gate = threading.Event()
    gate.set()
    with SharedModel(model) as one:
        alone = [list(one.emissions(features, OPTIONS)) for features in jobs]
    with SharedModel(model, lanes=2) as shared:
        for emitted, expected in zip(together(shared, jobs, gate), alone, strict=True):
            assert bits(emitted) == bits(expected)
            assert [each.span for each in emitted] == [each.span for each in expected]


def test_segments_of_many_jobs_share_a_batch_and_each_job_gets_its_own_in_order(model: AcousticModel) -> None:
    jobs = [features_of(model, seed) for seed in range(4)]
    gate = threading.Event()
    checked = Checked(model, nothing, gate)
    with SharedModel(checked, MANY) as shared:
        for emitted, features in zip(together(shared, jobs, gate), jobs, strict=True):
            assert [each.span for each in emitted] == [each.span for each in features]
    assert sum(checked.asked) == 12
    assert max(checked.asked) > 3


def test_a_lone_job_waits_for_nobody(model: AcousticModel) -> None:
    checked = Checked(model, nothing)
    with SharedModel(checked, ON_A_CARD) as shared:
        assert len(list(shared.emissions(features_of(model, 1, count=1), OPTIONS))) == 1
    assert checked.asked == [1]


def test_one_bad_segment_fails_its_own_job_and_no_other(model: AcousticModel) -> None:
    jobs = [features_of(model, seed, count=1) for seed in range(4)]
    bad = jobs[2][0]

    def refuse(batch: Sequence[FeatureSegment]) -> None:
        if any(segment is bad for segment in batch):
            raise ValueError("a bad segment")

    gate = threading.Event()
    checked = Checked(model, refuse, gate)
    with SharedModel(checked, MANY) as shared, ThreadPoolExecutor(4) as threads:
        running = [threads.submit(all_of, shared, features) for features in jobs]
        gate.set()
        assert [type(each.exception()) for each in running] == [type(None), type(None), ValueError, type(None)]


def test_memory_that_runs_out_halves_the_batch_and_those_that_follow(model: AcousticModel) -> None:
    def refuse_more_than_two(batch: Sequence[FeatureSegment]) -> None:
        if len(batch) > 2:
            raise OutOfMemory(f"{len(batch)} segments")

    gate = threading.Event()
    checked = Checked(model, refuse_more_than_two, gate)
    jobs = [features_of(model, seed, count=8) for seed in range(2)]
    with SharedModel(checked, MANY) as shared:
        for emitted, features in zip(together(shared, jobs, gate), jobs, strict=True):
            assert [each.span for each in emitted] == [each.span for each in features]
    failed = [size for size in checked.asked if size > 2]
    # Once it is known how much fits, hardly anything is tried in vain.
    assert failed
    assert len(failed) < len(checked.asked) / 2


def test_a_segment_that_does_not_fit_alone_is_out_of_memory(model: AcousticModel) -> None:
    def refuse(_batch: Sequence[FeatureSegment]) -> None:
        raise OutOfMemory

    with SharedModel(Checked(model, refuse), MANY) as shared, pytest.raises(OutOfMemory):
        list(shared.emissions(features_of(model, 1), OPTIONS))


def test_a_lost_device_is_tried_no_more(model: AcousticModel) -> None:
    def lose(_batch: Sequence[FeatureSegment]) -> None:
        with memory_errors_named():
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    checked = Checked(model, lose)
    with SharedModel(checked, MANY) as shared, pytest.raises(DeviceLost):
        list(shared.emissions(features_of(model, 1, count=1), OPTIONS))
    assert checked.asked == [1]


def test_who_stops_reading_leaves_nothing_behind(model: AcousticModel) -> None:
    checked = Checked(model, nothing)
    with SharedModel(checked) as shared:
        reading = shared.emissions(features_of(model, 1, count=40), OPTIONS)
        next(reading)
        reading.close()  # type: ignore[attr-defined]  # a generator, told to end
        assert len(list(shared.emissions(features_of(model, 2, count=1), OPTIONS))) == 1
    # What was read ahead and no lane had begun is not computed.
    assert len(checked.asked) < 40


def test_batches_are_for_cards_and_where_a_cpu_gives_the_same_bits(
    model: AcousticModel, default_spec: ModelSpec
) -> None:
    assert budget_for(model.spec, ModelRuntime()) is ALONE
    assert budget_for(default_spec, ModelRuntime()) is WINDOWS_ON_A_CPU
    assert budget_for(default_spec, ModelRuntime(compute_type="float32")) is ALONE
    assert budget_for(model.spec, ModelRuntime("cuda")) is ON_A_CARD
    assert budget_for(default_spec, ModelRuntime("cuda")) is WINDOWS_ON_A_CARD
