"""The seam between the pipeline and acoustic models, and what a model needs to know of the machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.options import InferenceOptions
from pipeline.spec import ModelSpec
from pipeline.values import Emissions, FeatureSegment


@dataclass(frozen=True, slots=True)
class ModelRuntime:
    """Where and how a model computes.

    `compute_type` is the number format of the library that runs the model (`int8`, `float16`, `float32`, ...);
    `default` is the family's choice for the device. `threads` 0 leaves the number of CPU threads to the library.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    compute_type: str = "default"
    threads: int = 0


class AcousticModel(Protocol):
    """A loaded model of either family."""

    @property
    def spec(self) -> ModelSpec:
        """What the model's folder says of it."""

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """The emissions of each segment, in the order of `batch`; they do not depend on who else is in the batch.

        Raises:
            OutOfMemory: the batch is too big for the device just now.
        """
