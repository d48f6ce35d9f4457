"""Silero VAD: the probability of speech, window by window, as a stream.

The model is the ONNX file for sequences that the silero-vad wheel ships. It reads windows of 32 ms with the 4 ms before
them and carries the state of its LSTM, so blocks of any number of windows give what one long call gives.
"""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.values import SAMPLE_RATE_HZ

WINDOW = 512
"""Samples at 16 kHz that one probability stands for."""
WINDOW_S = WINDOW / SAMPLE_RATE_HZ
PACKAGE = "silero_vad"
CONTEXT = 64
SETTLING = 8
"""Windows of silence that the LSTM hears first: cold, it misses a short word at the very start of a recording."""
STATE_SIZE = 128
MODEL_SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"


def find_model() -> Path:
    """The model's path, without importing the package that holds it; ModelNotFound, ModelMismatch."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ModelNotFound(f"Silero VAD: the package {PACKAGE} is not installed")
    path = Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx"
    if not path.is_file():
        raise ModelNotFound(f"Silero VAD: {path}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != MODEL_SHA256:
        raise ModelMismatch(f"Silero VAD: {path}")
    return path


class SileroVad:
    """A loaded model; it may be used for many channels, one after another."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        # The arena would keep the memory of the longest block.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def listen(self) -> "Listening":
        """Begin with a channel."""
        return Listening(self._session)


class Listening:
    """One pass over a channel, fed block by block: whole windows but for the last block."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._context = np.zeros(CONTEXT, np.float32)
        self._hidden = self._cell = np.zeros((1, 1, STATE_SIZE), np.float32)
        self.feed(np.zeros(SETTLING * WINDOW, np.float32))

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (windows,) of the next `samples`."""
        padded = np.pad(samples, (0, -len(samples) % WINDOW))
        with_context = np.concatenate((self._context, padded))
        windows = np.lib.stride_tricks.sliding_window_view(with_context, CONTEXT + WINDOW)[::WINDOW]
        feed = {"input": np.ascontiguousarray(windows), "h": self._hidden, "c": self._cell}
        probability, self._hidden, self._cell = self._session.run(None, feed)
        self._context = padded[-CONTEXT:]
        return np.asarray(probability, np.float32).reshape(-1)
