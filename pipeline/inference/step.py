"""Features to emissions: the third step, a generator over a window of segments at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pipeline.errors import OutOfMemory
from pipeline.inference.batches import BatchBudget, plan_batches, windows
from pipeline.inference.model import AcousticModel
from pipeline.options import InferenceOptions
from pipeline.values import Emissions, FeatureSegment, Stream

DEFAULT_BUDGET = BatchBudget()


def infer(
    features: Stream[FeatureSegment],
    model: AcousticModel,
    options: InferenceOptions,
    budget: BatchBudget = DEFAULT_BUDGET,
) -> Stream[Emissions]:
    """The emissions of each segment, in the order of `features`; made while they are read, in bounded memory.

    Raises:
        OutOfMemory: while reading, if not even one segment fits the device's memory.
    """
    return Stream(features.recording, _emissions(features.segments, model, options, budget))


def emit_within(
    batch: Sequence[FeatureSegment], model: AcousticModel, options: InferenceOptions, budget: BatchBudget
) -> list[Emissions]:
    """The emissions of each of `batch`, in its order, run in groups within `budget`, smaller ones if memory runs out.

    The segments may be of any jobs: what comes out for one does not depend on the others.
    """
    found: dict[int, Emissions] = {}
    tolerance = budget.tolerance if model.spec.pads_freely else 0.0
    for indices in plan_batches(batch, replace(budget, tolerance=tolerance)):
        found |= zip(indices, _emit_halving([batch[index] for index in indices], model, options), strict=True)
    return [found[index] for index in range(len(batch))]


def _emissions(
    segments: Iterable[FeatureSegment], model: AcousticModel, options: InferenceOptions, budget: BatchBudget
) -> Iterator[Emissions]:
    for window in windows(segments, budget.window):
        yield from emit_within(window, model, options, budget)


def _emit_halving(batch: Sequence[FeatureSegment], model: AcousticModel, options: InferenceOptions) -> list[Emissions]:
    try:
        return model.emit(batch, options)
    except OutOfMemory:
        if len(batch) == 1:
            raise
    # Outside of the handler: the traceback of the failed attempt holds on to its tensors.
    half = len(batch) // 2
    return _emit_halving(batch[:half], model, options) + _emit_halving(batch[half:], model, options)
