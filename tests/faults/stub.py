"""An acoustic model whose words are a function of the hash of what it hears: a wrong, mixed or stale input shows."""

import ctypes
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

import pipeline.inference
from pipeline.audio import reader
from pipeline.audio.cage import Cage
from pipeline.audio.decoder import Decoder
from pipeline.audio.header import Declared, Limits
from pipeline.audio.opening import Request, open_decoder
from pipeline.inference import AcousticModel, ModelRuntime
from pipeline.inference.memory import memory_errors_named
from pipeline.options import InferenceOptions
from pipeline.spec import ModelSpec
from pipeline.values import CtcEmissions, Emissions, FeatureSegment

LETTERS = "abcdefghijklmnop"
BLANK, DELIMITER = 0, 1
LABELS = ["<pad>", "|", *LETTERS]
_HARMLESS_S = 1.8
_PIECE_BYTES, _MOST_PIECES = 64 << 20, 24


def make_folder(folder: Path) -> Path:
    """A model folder that `read_spec` takes for wav2vec 2.0; its weights are a file that nobody reads."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, object]] = {
        "config.json": {"vocab_size": len(LABELS), "pad_token_id": BLANK, "feat_extract_norm": "layer"},
        "preprocessor_config.json": {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True},
        "vocab.json": {label: index for index, label in enumerate(LABELS)},
        "tokenizer_config.json": {"pad_token": "<pad>", "word_delimiter_token": "|"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"none")
    return folder


def words_of(heard: bytes) -> list[str]:
    """Four words of four letters: the first 64 bits of the hash of what was heard."""
    digest = hashlib.sha256(heard).hexdigest()[:16]
    spelled = "".join(LETTERS[int(digit, 16)] for digit in digest)
    return [spelled[at : at + 4] for at in range(0, len(spelled), 4)]


class HashModel:
    """Hears nothing, but spells the hash of its input."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """Log-probabilities that any CTC search reads as `words_of` the frames."""
        del options
        if any(segment.span.duration_s > _HARMLESS_S for segment in batch):
            with memory_errors_named():
                poison()
        time.sleep(len(batch) * float(os.environ.get("VOXQUEUE_FAULTS_SLOW_S", "0")))
        return [
            CtcEmissions(segment.span, _spell(words_of(segment.frames.tobytes())), self.spec.frame_s)
            for segment in batch
        ]


def _spell(words: Sequence[str]) -> NDArray[np.float16]:
    labels = [BLANK]
    for letter in "|".join(words):
        labels += [LABELS.index(letter), BLANK]
    log_probs = np.full((len(labels), len(LABELS)), -12.0, np.float16)
    log_probs[np.arange(len(labels)), labels] = 0.0
    return log_probs


def poison() -> None:
    """Do to this process what `VOXQUEUE_FAULTS_POISON` says: what no handler of errors can catch."""
    match os.environ.get("VOXQUEUE_FAULTS_POISON"):
        case "segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "hang":
            threading.Event().wait()
        case "memory":
            _hoard()
        case "device":
            _lose_device()


def _hoard() -> None:
    """Take more memory than the group of this process may have, but no more than any machine bears."""
    held = [b"x" * _PIECE_BYTES for _ in range(_MOST_PIECES)]
    raise AssertionError(f"{len(held) * _PIECE_BYTES} bytes were there")


def _lose_device() -> None:
    """Say once in a home what libraries say when a card is gone."""
    mark = Path(os.environ["VOXQUEUE_HOME"], "device.lost")
    if not mark.exists():
        mark.touch()
        raise RuntimeError("CUDA error: unspecified launch failure")


def load(folder: Path, spec: ModelSpec, runtime: ModelRuntime) -> AcousticModel:
    """In the place of `pipeline.inference.load_model`."""
    del folder, runtime
    time.sleep(float(os.environ.get("VOXQUEUE_FAULTS_LOADING_S", "0")))
    return HashModel(spec)


def install() -> None:
    """Give this process the stub for every model, before the task of inference is imported, and open its cages.

    Recordings here are our own; to start a process for each would take most of the time of a run.
    """
    pipeline.inference.load_model = load
    _set_decoder(_ask, _decode_here)


@contextmanager
def uncaged() -> Iterator[None]:
    """Decode recordings in this process, until the context ends."""
    caged = vars(reader)["start"], vars(reader)["CagedDecoder"]
    _set_decoder(_ask, _decode_here)
    try:
        yield
    finally:
        _set_decoder(*caged)


def _set_decoder(start: object, decoder: object) -> None:
    setattr(reader, "start", start)  # noqa: B010  # what a process would be told
    setattr(reader, "CagedDecoder", decoder)  # noqa: B010  # of another type, with the same methods


def _ask(file: BinaryIO, limits: Limits, declared: Declared | None, _cage: Cage) -> Request:
    return Request(file, limits, declared)


def _decode_here(request: Request, _silence_s: float, resources: ExitStack) -> Decoder:
    return open_decoder(request, resources)
