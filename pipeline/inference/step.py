"""Features to emissions: the third step."""

from collections.abc import Iterator

from pipeline.inference.batches import ALONE, BatchBudget
from pipeline.inference.model import AcousticModel
from pipeline.inference.shared import SharedModel
from pipeline.options import InferenceOptions
from pipeline.values import Emissions, FeatureSegment, Stream


def infer(
    features: Stream[FeatureSegment],
    model: AcousticModel,
    options: InferenceOptions,
    budget: BatchBudget = ALONE,
) -> Stream[Emissions]:
    """The emissions of each segment, in the order of `features`; made while they are read, in bounded memory.

    Raises:
        OutOfMemory: while reading, if not even one segment fits the device's memory.
    """
    return Stream(features.recording, _emissions(features, model, options, budget))


def _emissions(
    features: Stream[FeatureSegment], model: AcousticModel, options: InferenceOptions, budget: BatchBudget
) -> Iterator[Emissions]:
    with SharedModel(model, budget) as shared:
        yield from shared.emissions(features.segments, options)
