"""From a model folder to a model that runs."""

from pathlib import Path

from pipeline.inference.model import AcousticModel, ModelRuntime
from pipeline.spec import ModelSpec


def load_model(folder: Path, spec: ModelSpec, runtime: ModelRuntime) -> AcousticModel:
    """Load the model in `folder`, of which `spec` was read, to run as `runtime` says.

    Raises:
        ModelNotFound: files are missing.
        ModelMismatch: the files are not of the model that `spec` describes, or can't be run as `runtime` says.
        OutOfMemory: the model does not fit the device's memory.
    """
    # One family's libraries are 100s of MB and take seconds to import: only the one that is used is loaded.
    if spec.family == "ctc":
        from pipeline.inference.ctc import Ctc  # noqa: PLC0415

        return Ctc(folder, spec, runtime)
    from pipeline.inference.whisper import Whisper  # noqa: PLC0415

    return Whisper(folder, spec, runtime)
