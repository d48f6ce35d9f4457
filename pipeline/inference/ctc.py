"""CTC models by PyTorch: any `AutoModelForCTC` folder, log-probabilities of every label in every frame.

The only module of the pipeline that imports torch.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCTC
from transformers.utils import logging

from pipeline.errors import ModelMismatch
from pipeline.inference.memory import memory_errors_named
from pipeline.inference.model import ModelRuntime
from pipeline.options import InferenceOptions
from pipeline.spec import CtcVocabulary, ModelSpec, RawWaveform
from pipeline.values import CtcEmissions, Emissions, FeatureSegment

_DEFAULT_DTYPE = {"cpu": torch.float32, "cuda": torch.bfloat16}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# Masks spans in training; published fine-tuned models often come without it.
_UNUSED_IN_INFERENCE = "masked_spec_embed"


class Ctc:
    """A CTC model of `transformers`: Parakeet-CTC, wav2vec 2.0, HuBERT, WavLM, ..."""

    def __init__(self, folder: Path, spec: ModelSpec, runtime: ModelRuntime) -> None:
        if not isinstance(spec.vocabulary, CtcVocabulary):
            raise ModelMismatch(f"{spec.name} is not a CTC model")
        self.spec = spec
        self._labels = len(spec.vocabulary.tokens)
        self._is_on_card = runtime.device == "cuda"
        self._device = torch.device(f"cuda:{runtime.card}" if self._is_on_card else "cpu")
        self._dtype = _dtype(runtime)
        self._threads = runtime.threads
        self._lane = threading.local()
        with memory_errors_named():
            self._model = _load_weights(folder, self._dtype).to(self._device).eval()
            if self._is_on_card:
                # Lanes have streams of their own, which do not wait for the copy of the weights.
                torch.cuda.synchronize(self._device)

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """The log-probabilities of each segment; `options` are those of attention models and do nothing here.

        A segment too short to fill one frame has emissions of no frames.
        """
        del options
        frames = self._frame_counts([len(segment.frames) for segment in batch])
        heard = [index for index, count in enumerate(frames) if count > 0]
        found = {index: np.zeros((0, self._labels), np.float16) for index in range(len(batch))}
        if heard:
            with memory_errors_named(), self._in_lane():
                log_probs = self._log_probs([batch[index].frames for index in heard])
            found |= {index: rows[: frames[index]] for index, rows in zip(heard, log_probs, strict=True)}
        return [CtcEmissions(segment.span, found[index], self.spec.frame_s) for index, segment in enumerate(batch)]

    def _frame_counts(self, lengths: Sequence[int]) -> list[int]:
        """How many emissions each of so many feature frames (or samples) gives."""
        count: Any = getattr(self._model, "_get_feat_extract_output_lengths", None)
        count = count or self._model._get_subsampling_output_length  # noqa: SLF001 - the library has no public name
        return [max(0, int(each)) for each in count(torch.tensor(lengths))]

    @contextmanager
    def _in_lane(self) -> Iterator[None]:
        """Compute with this thread's own share of the device: a stream of the card, or so many cores."""
        if not self._is_on_card:
            if self._threads:
                # Of this thread alone; a new one starts with all cores.
                torch.set_num_threads(self._threads)
            yield
            return
        if not hasattr(self._lane, "stream"):
            self._lane.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        with torch.cuda.device(self._device), torch.cuda.stream(self._lane.stream):
            yield

    @torch.inference_mode()
    def _log_probs(self, features: Sequence[NDArray[np.float16]]) -> NDArray[np.float16]:
        """Log-probabilities, shape (batch, frames of the longest, labels)."""
        lengths = torch.tensor([len(each) for each in features])
        shape = (len(features), int(lengths.max()), *features[0].shape[1:])
        # Pinned, the card fetches it by itself while another lane computes.
        padded = torch.zeros(shape, dtype=torch.float16, pin_memory=self._is_on_card)
        rows = padded.numpy()
        for row, each in zip(rows, features, strict=True):
            row[: len(each)] = each
        name = "input_values" if isinstance(self.spec.front_end, RawWaveform) else "input_features"
        inputs = {name: padded.to(self._device, non_blocking=True).to(self._dtype)}
        if self.spec.pads_freely:
            within = lengths.to(self._device, non_blocking=True)
            inputs["attention_mask"] = torch.arange(shape[1], device=self._device) < within[:, None]
        logits = self._model(**inputs).logits.float()
        log_probs: NDArray[np.float16] = torch.log_softmax(logits, dim=-1).half().cpu().numpy()
        return log_probs


def _dtype(runtime: ModelRuntime) -> torch.dtype:
    if runtime.compute_type == "default":
        return _DEFAULT_DTYPE[runtime.device]
    if runtime.compute_type not in _DTYPES:
        raise ModelMismatch(f"compute type {runtime.compute_type!r} is not one of {', '.join(_DTYPES)}")
    return _DTYPES[runtime.compute_type]


def _load_weights(folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    """The model with all of its weights from `folder`; safetensors only, because a pickle may run code."""
    logging.disable_progress_bar()
    try:
        loaded = AutoModelForCTC.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise ModelMismatch(f"{folder} can't be loaded: {error}") from error
    model: torch.nn.Module = loaded[0]
    missing = [key for key in loaded[1]["missing_keys"] if not key.endswith(_UNUSED_IN_INFERENCE)]
    if missing:
        raise ModelMismatch(f"{folder} lacks weights, the first is {missing[0]}")
    return model
