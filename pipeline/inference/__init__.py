"""The third step: an acoustic model listens to features and says what it hears, as emissions."""

from pipeline.inference.batches import BatchBudget, plan_batches
from pipeline.inference.load import load_model
from pipeline.inference.model import AcousticModel, ModelRuntime
from pipeline.inference.step import emit_within, infer

__all__ = ["AcousticModel", "BatchBudget", "ModelRuntime", "emit_within", "infer", "load_model", "plan_batches"]
