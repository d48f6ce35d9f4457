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
    `default` is the family's choice for the device. `lanes` is how many batches may be computed at once, each with so
    many CPU `threads`; 0 leaves their number to the library. `card` counts the cards that the process can see.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    compute_type: str = "default"
    threads: int = 0
    lanes: int = 1
    card: int = 0


class AcousticModel(Protocol):
    """A loaded model of either family."""

    @property
    def spec(self) -> ModelSpec:
        """What the model's folder says of it."""

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """The emissions of each segment, in the order of `batch`; may be called by as many threads as there are lanes.

        A segment's emissions depend on the others of the batch by the rounding of the device's numbers at most.

        Raises:
            OutOfMemory: the batch is too big for the device just now.
            DeviceLost: the device does not answer any more, in this process.
        """
