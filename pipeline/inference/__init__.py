"""The third step: an acoustic model listens to features and says what it hears, as emissions."""

from pipeline.inference.batches import BatchBudget
from pipeline.inference.load import load_model
from pipeline.inference.model import AcousticModel, ModelRuntime
from pipeline.inference.shared import SharedModel, budget_for
from pipeline.inference.step import infer

__all__ = ["AcousticModel", "BatchBudget", "ModelRuntime", "SharedModel", "budget_for", "infer", "load_model"]
