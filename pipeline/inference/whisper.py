"""Whisper by CTranslate2: beam search over text tokens, and the time and probability of each token.

The segment is decoded without timestamp tokens: it is speech already cut out by preprocess, and token times come
from the cross-attention, which is finer. The checks and constants are those of OpenAI's and faster-whisper's
`transcribe`, except that a repetitive reading is decoded again with repetition penalised, not by drawing lots: the
same audio gives the same words.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.inference.memory import memory_errors_named
from pipeline.inference.model import ModelRuntime
from pipeline.options import InferenceOptions
from pipeline.spec import AttentionVocabulary, ModelSpec, WhisperLogMel
from pipeline.values import AttentionEmissions, Emissions, FeatureSegment, Hypothesis

_COMPUTE_TYPE = {"cpu": "int8", "cuda": "float16"}
_MAX_COMPRESSION_RATIO = 2.4
_MEDIAN_FILTER_WIDTH = 7
# CTranslate2 adds the model's own list of non-speech tokens for this one.
_NON_SPEECH_TOKENS = -1


@dataclass(frozen=True, slots=True)
class _Search:
    """How the beam search treats repetition."""

    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0


_PLAIN = _Search()
_AGAINST_REPETITION = (_Search(1.1, 5), _Search(1.2, 3))


class Whisper:
    """A Whisper model in CTranslate2's form, any size, English-only or multilingual."""

    def __init__(self, folder: Path, spec: ModelSpec, runtime: ModelRuntime) -> None:
        if not isinstance(spec.front_end, WhisperLogMel) or not isinstance(spec.vocabulary, AttentionVocabulary):
            raise ModelMismatch(f"{spec.name} is not a Whisper model")
        self.spec = spec
        self._front_end = spec.front_end
        self._vocabulary = spec.vocabulary
        self._tokenizer = _load_tokenizer(folder)
        self._model = _load_weights(folder, runtime)
        if self._model.n_mels != self._front_end.bands:
            raise ModelMismatch(f"the weights want {self._model.n_mels} mel bands, not {self._front_end.bands}")

    def emit(self, batch: Sequence[FeatureSegment], options: InferenceOptions) -> list[Emissions]:
        """The n-best readings of each segment, with times and probabilities of their tokens."""
        with memory_errors_named():
            encoded = self._encode(batch)
            readings = self._generate(encoded, len(batch), options, _PLAIN)
            for index, reading in enumerate(readings):
                if self._is_repetitive(reading.hypotheses[0]):
                    readings[index] = self._less_repetitive(batch[index], reading, options)
            return self._aligned(encoded, batch, readings)

    def _encode(self, batch: Sequence[FeatureSegment]) -> ctranslate2.StorageView:
        frames = np.stack([fill_window(segment.frames, self._front_end) for segment in batch])
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(frames.transpose(0, 2, 1)))
        return self._model.encode(features)

    def _generate(
        self, encoded: ctranslate2.StorageView, count: int, options: InferenceOptions, search: _Search
    ) -> list["_Reading"]:
        results = self._model.generate(
            encoded,
            [[*self._vocabulary.prompt, self._vocabulary.no_timestamps]] * count,
            beam_size=max(options.beam_size, options.n_best),
            num_hypotheses=options.n_best,
            repetition_penalty=search.repetition_penalty,
            no_repeat_ngram_size=search.no_repeat_ngram_size,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=[_NON_SPEECH_TOKENS, *self._vocabulary.suppressed],
        )
        return [_reading(result, self._vocabulary.end) for result in results]

    def _is_repetitive(self, hypothesis: Hypothesis) -> bool:
        text = self._tokenizer.decode(list(hypothesis.tokens)).strip().encode()
        return len(text) / len(zlib.compress(text)) > _MAX_COMPRESSION_RATIO

    def _less_repetitive(self, segment: FeatureSegment, reading: "_Reading", options: InferenceOptions) -> "_Reading":
        """The first reading of `segment` that does not loop; `reading` itself if all do."""
        encoded = self._encode([segment])
        for search in _AGAINST_REPETITION:
            retried = self._generate(encoded, 1, options, search)[0]
            if not self._is_repetitive(retried.hypotheses[0]):
                return retried
        return reading

    def _aligned(
        self, encoded: ctranslate2.StorageView, batch: Sequence[FeatureSegment], readings: Sequence["_Reading"]
    ) -> list[Emissions]:
        """Emissions with all hypotheses aligned, one rank of all segments at a time."""
        frames = [min(len(segment.frames), self._front_end.window_frames) for segment in batch]
        ranks = []
        for rank in zip(*(reading.hypotheses for reading in readings), strict=True):
            alignments = self._model.align(
                encoded,
                list(self._vocabulary.prompt),
                [list(hypothesis.tokens) for hypothesis in rank],
                frames,
                median_filter_width=_MEDIAN_FILTER_WIDTH,
            )
            ranks.append(
                [
                    self._timed(hypothesis, alignment.alignments, alignment.text_token_probs)
                    for hypothesis, alignment in zip(rank, alignments, strict=True)
                ]
            )
        return [
            AttentionEmissions(segment.span, hypotheses, reading.no_speech_prob)
            for segment, reading, hypotheses in zip(batch, readings, zip(*ranks, strict=True), strict=True)
        ]

    def _timed(
        self, hypothesis: Hypothesis, path: Sequence[tuple[int, int]], probabilities: Sequence[float]
    ) -> Hypothesis:
        """`hypothesis` with the time and probability of each token.

        `path` is the alignment as pairs of token and frame, the end token included; a token lasts from the first
        frame that the path spends on it to the next token's first.
        """
        if not hypothesis.tokens:
            return hypothesis
        first_frame: dict[int, int] = {}
        for token, frame in path:
            first_frame.setdefault(token, frame)
        bounds = [first_frame[index] * self.spec.frame_s for index in range(len(hypothesis.tokens) + 1)]
        return Hypothesis(
            tokens=hypothesis.tokens,
            log_prob=hypothesis.log_prob,
            token_start_s=tuple(bounds[:-1]),
            token_end_s=tuple(bounds[1:]),
            token_probs=tuple(probabilities),
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the search found in one segment, best first."""

    hypotheses: tuple[Hypothesis, ...]
    no_speech_prob: float


def fill_window(frames: NDArray[np.float16], front_end: WhisperLogMel) -> NDArray[np.float32]:
    """`frames` followed by the frames of silence that fill Whisper's window, shape (window frames, bands)."""
    loud = frames.astype(np.float32)
    # Silence is log10(1e-10) before clamping and scaling, as in `pipeline.features.whisper_log_mel`.
    silence = max(-1.5, float(loud.max(initial=-1.5)) - 2.0)
    missing = front_end.window_frames - len(frames)
    return np.pad(loud, ((0, missing), (0, 0)), constant_values=silence)


def _reading(result: ctranslate2.models.WhisperGenerationResult, end: int) -> _Reading:
    hypotheses = tuple(
        # The score is the mean over the tokens; OpenAI's mean, to which the thresholds belong, counts the end too.
        Hypothesis(tuple(token for token in tokens if token < end), score * len(tokens) / (len(tokens) + 1))
        for tokens, score in zip(result.sequences_ids, result.scores, strict=True)
    )
    return _Reading(hypotheses, result.no_speech_prob)


def _load_tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.exists():
        raise ModelNotFound(f"no {path.name} in {folder}")
    return Tokenizer.from_file(str(path))


def _load_weights(folder: Path, runtime: ModelRuntime) -> ctranslate2.models.Whisper:
    default = runtime.compute_type == "default"
    with memory_errors_named():
        try:
            return ctranslate2.models.Whisper(
                str(folder),
                device=runtime.device,
                compute_type=_COMPUTE_TYPE[runtime.device] if default else runtime.compute_type,
                intra_threads=runtime.threads,
            )
        except ValueError as error:
            raise ModelMismatch(str(error)) from error
