"""What a recording is understood as: by this project in one process, and by the yardstick with the same weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.chain import Models, transcribe
from pipeline.inference import ModelRuntime
from pipeline.options import JobOptions
from pipeline.values import Transcript
from workers.models import find_model
from workers.settings import read_settings

THREADS = 1
COMPUTE_TYPE = "int8"

Recogniser = Callable[[Path], str]


class Ours:
    """`pipeline.chain` with the model of this name (see VOXQUEUE_MODEL), its options those of `voxqueue transcribe`."""

    def __init__(self, model: str) -> None:
        self.folder = find_model(read_settings(model=model)).folder
        self._models = Models.load(self.folder, ModelRuntime(compute_type=COMPUTE_TYPE, threads=THREADS))

    def transcribe(self, path: Path, **preprocess: Any) -> Transcript:
        """The transcript of the file at `path`; `preprocess` are options of that step."""
        return transcribe(path, self._models, JobOptions.model_validate({"preprocess": preprocess}))


class Yardstick:
    """faster-whisper with the same weights on the same file, as its documentation calls it."""

    def __init__(self, folder: Path) -> None:
        # Only who compares needs it: the extra `bench`.
        from faster_whisper import WhisperModel  # noqa: PLC0415

        self._model = WhisperModel(str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=THREADS)

    def transcribe(self, path: Path) -> str:
        """The text of the file at `path`."""
        segments, _ = self._model.transcribe(str(path), language="en", beam_size=5)
        return " ".join(segment.text.strip() for segment in segments)
