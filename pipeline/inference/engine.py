"""CTranslate2's Whisper as this project uses it: encode windows, search for readings, align texts."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelMismatch
from pipeline.inference.beam import BeamSearch
from pipeline.inference.decoder import Decoder
from pipeline.inference.encoder import FRAMES_A_POSITION, MARGIN_FRAMES, PaddedEncoder, filled
from pipeline.inference.memory import give_back_freed, is_memory_error, keep_little_freed, memory_errors_named
from pipeline.inference.model import ModelRuntime
from pipeline.inference.timestamps import Reading
from pipeline.inference.weights import read_variables
from pipeline.options import USUAL_BEAM, USUAL_READINGS, InferenceOptions
from pipeline.spec import AttentionVocabulary
from pipeline.values import Hypothesis

_PROCESSOR = Path("/proc/cpuinfo")
_COMPUTE_TYPE = {"cpu": "int8", "cuda": "float16"}
_MEDIAN_FILTER_WIDTH = 7
_WINDOW_STEP_FRAMES = 500
# In much shorter windows the model loops and invents words.
_SHORTEST_WINDOW_FRAMES = 1500


Encoded = Sequence[ctranslate2.StorageView | NDArray[np.float32]]
"""What the encoder made of some windows: on a CPU one by one, since it is slower with all at once, and alignment does
not give the last bit of a lone one; on a card all in one. Of our own encoder without the padding behind it."""


@dataclass(frozen=True, slots=True)
class Search:
    """How the beam search treats repetition; as it is by default, not at all."""

    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0


def _allow_avx512() -> None:
    """Let CTranslate2 use AVX-512 on processors that have it for 16-bit numbers too, Intel's since 2023.

    It never does unless the environment names it, since older ones slowed down for it; on these a search takes a
    quarter less. Those of AMD are as fast without.
    """
    if _PROCESSOR.exists() and "avx512_fp16" in _PROCESSOR.read_text().split():
        os.putenv("CT2_FORCE_CPU_ISA", "AVX512")


# CTranslate2 looks once in a process, when it is first used: sums differ in their last bit with what it finds.
_allow_avx512()


class WhisperEngine:
    """The weights of a Whisper model, loaded; all sizes and languages.

    Args:
        window_frames: the length of window that the model was trained with.
    """

    def __init__(
        self, folder: Path, vocabulary: AttentionVocabulary, window_frames: int, runtime: ModelRuntime
    ) -> None:
        self._vocabulary = vocabulary
        self._window_frames = window_frames
        self._is_on_a_card = runtime.device != "cpu"
        default = runtime.compute_type == "default"
        with memory_errors_named():
            try:
                self._model = ctranslate2.models.Whisper(
                    str(folder),
                    device=runtime.device,
                    device_index=runtime.card,
                    inter_threads=runtime.lanes,
                    compute_type=_COMPUTE_TYPE[runtime.device] if default else runtime.compute_type,
                    intra_threads=runtime.threads,
                )
            except (ValueError, RuntimeError) as error:
                if is_memory_error(error):
                    raise
                raise ModelMismatch(str(error)) from error
            # Our products are of 8 bits; of other number formats, and of cards, CTranslate2 has its own.
            is_8_bits = runtime.device == "cpu" and runtime.compute_type in {"default", "int8"}
            self._own = _Own.load(folder, vocabulary, runtime.threads) if is_8_bits else None

    @property
    def bands(self) -> int:
        """Mel bands that the weights want."""
        return int(self._model.n_mels)

    def filled_frames(self, frames: int) -> int:
        """The length up to which a window of so many frames is filled: those of one length are read together."""
        if self._own or self._is_on_a_card:
            return self._window_frames
        # What a window costs grows with its length, and most of one of 30 s around a short answer is padding.
        steps = math.ceil((frames + MARGIN_FRAMES) / _WINDOW_STEP_FRAMES)
        return min(self._window_frames, max(_SHORTEST_WINDOW_FRAMES, steps * _WINDOW_STEP_FRAMES))

    def encode(self, windows: Sequence[NDArray[np.float32]]) -> Encoded:
        """The encoder's output of windows (frames, bands) that are filled up to one length."""
        if self._own:
            return [self._own.encoder.encode(frames) for frames in windows]
        length = self.filled_frames(len(windows[0]))
        bands_first = np.stack([filled(frames, length).T for frames in windows])
        parts = [bands_first] if self._is_on_a_card else [window[None] for window in bands_first]
        return [self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(part))) for part in parts]

    def search(self, encoded: Encoded, count: int, options: InferenceOptions, search: Search) -> list[Reading]:
        """The readings of each of the `count` encoded windows, best first.

        The search ends when as many as are kept have come to their ends. Those that end later were never better on
        3,400 words of real speech, and waiting for all of a beam of 5 takes up to an eighth of the search.
        """
        if self._own and search == Search():
            beam_size = max(options.beam_size or USUAL_READINGS, options.n_best or 1)
            return self._own.search([np.asarray(part) for part in encoded], beam_size, _kept(options, beam_size))
        beam_size = max(options.beam_size or USUAL_BEAM, options.n_best or 1)
        kept = _kept(options, beam_size)
        if self._own:
            encoded = [self._own.whole(np.asarray(part)) for part in encoded]
        results = self._model.generate(
            _together(encoded),
            [list(self._vocabulary.prompt)] * count,
            beam_size=beam_size,
            patience=kept / beam_size,
            num_hypotheses=kept,
            repetition_penalty=search.repetition_penalty,
            no_repeat_ngram_size=search.no_repeat_ngram_size,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=list(self._vocabulary.suppressed),
        )
        return [_reading(result) for result in results]

    def align(
        self, encoded: Encoded, hypotheses: Sequence[Hypothesis], frames: Sequence[int], frame_s: float
    ) -> list[Hypothesis]:
        """One hypothesis of each window, which has so many `frames` of sound, with the times of its tokens."""
        windows = zip(hypotheses, frames, strict=True)
        if self._own:
            encoded = [_with_sound(np.asarray(part), count) for part, count in zip(encoded, frames, strict=True)]
        return [
            timed for part in encoded for timed in self._aligned(part, list(islice(windows, part.shape[0])), frame_s)
        ]

    def _aligned(
        self, encoded: ctranslate2.StorageView, windows: Sequence[tuple[Hypothesis, int]], frame_s: float
    ) -> list[Hypothesis]:
        alignments = self._model.align(
            encoded,
            list(self._vocabulary.prompt),
            [list(hypothesis.tokens) for hypothesis, _ in windows],
            [frames for _, frames in windows],
            median_filter_width=_MEDIAN_FILTER_WIDTH,
        )
        return [
            _timed(hypothesis, alignment.alignments, alignment.text_token_probs, frame_s)
            for (hypothesis, _), alignment in zip(windows, alignments, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Own:
    """Encoder and search of this project, in place of CTranslate2's."""

    encoder: PaddedEncoder
    search: BeamSearch

    @classmethod
    def load(cls, folder: Path, vocabulary: AttentionVocabulary, threads: int) -> "_Own | None":
        """Those of the model in `folder`; None if its file is not laid out as those that are known here."""
        keep_little_freed()
        try:
            encoder = PaddedEncoder(read_variables(folder / "model.bin", "encoder/"), threads)
            variables = read_variables(folder / "model.bin", "decoder/")
            decoder = Decoder(variables, vocabulary, threads, encoder.padding)
            search = BeamSearch(decoder, vocabulary)
        except ModelMismatch:
            return None
        del variables
        give_back_freed()
        return cls(encoder, search)

    def whole(self, encoded: NDArray[np.float32]) -> ctranslate2.StorageView:
        """What was encoded with the rest of the padding, for CTranslate2's search."""
        padding = self.encoder.padding[:, encoded.shape[1] :]
        return ctranslate2.StorageView.from_array(np.concatenate((encoded, padding), axis=1))


def _with_sound(encoded: NDArray[np.float32], frames: int) -> ctranslate2.StorageView:
    """What the encoder made of so many frames and the padding that was computed with them.

    No word is said in the rest, and alignment with it takes twice as long. Where times are off by more than 0.2 s from
    those of forced alignment, they are so with it as well (1,700 words: 18 in 100 starts, 18 in 100 ends).
    """
    positions = encoded[:, : (frames + MARGIN_FRAMES) // FRAMES_A_POSITION]
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(positions))


def _kept(options: InferenceOptions, beam_size: int) -> int:
    """How many readings are to be found."""
    return options.n_best or min(USUAL_READINGS, beam_size)


def _together(encoded: Encoded) -> ctranslate2.StorageView:
    """All windows in one, for a search of all at once."""
    if len(encoded) == 1:
        return encoded[0]
    return ctranslate2.StorageView.from_array(np.concatenate([np.asarray(part) for part in encoded]))


def _reading(result: ctranslate2.models.WhisperGenerationResult) -> Reading:
    # The score is the mean over the tokens; OpenAI's mean, to which the thresholds belong, counts the end token too.
    scored = zip(result.sequences_ids, result.scores, strict=True)
    log_probs = tuple(score * len(tokens) / (len(tokens) + 1) for tokens, score in scored)
    return Reading(tuple(tuple(tokens) for tokens in result.sequences_ids), log_probs, result.no_speech_prob)


def _timed(
    hypothesis: Hypothesis, path: Sequence[tuple[int, int]], probabilities: Sequence[float], frame_s: float
) -> Hypothesis:
    """`hypothesis` with the time and probability of each token.

    `path` is the alignment as pairs of token and frame, the end token included; a token lasts from the first frame
    that the path spends on it to the next token's first.
    """
    if not hypothesis.tokens:
        return hypothesis
    first_frame: dict[int, int] = {}
    for token, frame in path:
        first_frame.setdefault(token, frame)
    bounds = [first_frame[index] * frame_s for index in range(len(hypothesis.tokens) + 1)]
    return Hypothesis(
        hypothesis.tokens, hypothesis.log_prob, tuple(bounds[:-1]), tuple(bounds[1:]), tuple(probabilities)
    )
