"""The libraries that search CTC emissions for texts: pyctcdecode, and ctc-beam-decoder, which is its search in C++."""

import importlib
import logging
import weakref
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.decode.hotwords import Hotwords, PhraseScores
from pipeline.decode.labels import PIECE_START, CtcLabels
from pipeline.decode.language import Continued, load_language_model
from pipeline.errors import ModelNotFound
from pipeline.options import DecodeOptions

LogProbs = npt.NDArray[np.floating[Any]]
# pyctcdecode reads a lone "▁" as a boundary on both sides and lets that mark leak into other beams, which cuts words
# apart. Followed by a character that no text holds, it is an ordinary start of a word.
_INVISIBLE = "\u200b"


class Beam(NamedTuple):
    """A text, what the language model knows after it, and what it is worth in natural log-probability."""

    text: str
    state: Any
    score: float


class Search(Protocol):
    """Finds the texts of a stretch of emissions."""

    def beams(self, log_probs: LogProbs, state: Any, *, is_last: bool) -> list[Beam]:
        """The best texts, best first, after a stretch that left `state`; `is_last`: no other stretch comes after."""


def search_for(labels: CtcLabels, options: DecodeOptions, hotwords: Hotwords, lm: Path | None) -> Search:
    """What was chosen; with a language model or hotwords always pyctcdecode, which alone knows ours.

    Raises:
        ModelNotFound: ctc-beam-decoder was chosen and is not installed; or as `load_language_model`.
        ModelMismatch: as `load_language_model`.
    """
    width = max(options.beam_width, options.n_best or 0)
    if options.search == "ctc-beam-decoder" and lm is None and not hotwords:
        return CompiledSearch(labels, width)
    return PythonSearch(labels, width, hotwords, lm)


class PythonSearch:
    """pyctcdecode, with a language model that reads on over stretches, and hotwords each of its own weight."""

    def __init__(self, labels: CtcLabels, width: int, hotwords: Hotwords, lm: Path | None) -> None:
        self._width = width
        self._phrases = PhraseScores(hotwords.weights)
        self._lm = Continued(load_language_model(lm)) if lm else None
        self._library = _pyctcdecode()
        # Made without `build_alphabet`, which would guess from the labels what the model's own files say.
        alphabet = self._library.Alphabet([_marked(text) for text in labels.texts], labels.pieces)
        self._search = self._library.BeamSearchDecoderCTC(alphabet, self._lm)
        # The library keeps the model in a table of its class until it is told otherwise.
        weakref.finalize(self, self._search.cleanup)

    def beams(self, log_probs: LogProbs, state: Any, *, is_last: bool) -> list[Beam]:
        """As the library's `decode_beams`, whose scorer of hotwords knows one weight only."""
        if self._lm is not None:
            self._lm.ends = is_last
        search = self._library.decoder
        found = self._search._decode_logits(  # noqa: SLF001  (0.5.0 is pinned, and has been the last one since 2023)
            np.clip(log_probs.astype(np.float32), np.log(search.MIN_TOKEN_CLIP_P), 0),
            beam_width=self._width,
            beam_prune_logp=search.DEFAULT_PRUNE_LOGP,
            token_min_logp=search.DEFAULT_MIN_TOKEN_LOGP,
            prune_history=search.DEFAULT_PRUNE_BEAMS,
            hotword_scorer=self._phrases,
            lm_start_state=state,
        )
        beams = [Beam(_plain(text), after, float(score)) for text, after, *_, score in found]
        return sorted(map(self._ended, beams), key=lambda beam: beam.score, reverse=True)

    def _ended(self, beam: Beam) -> Beam:
        """The beam without what it was worth for the beginning of a phrase that never came."""
        return beam._replace(score=beam.score - self._phrases.score(beam.text) + self._phrases.whole(beam.text))


class CompiledSearch:
    """ctc-beam-decoder: the same texts many times faster, without language model and hotwords."""

    def __init__(self, labels: CtcLabels, width: int) -> None:
        self._width = width
        self._silent = labels.silent
        self._columns = [at for at, text in enumerate(labels.texts) if text or at == labels.blank]
        self._blank = self._columns.index(labels.blank)
        try:
            library = importlib.import_module("ctc_beam_decoder")
        except ImportError as error:
            raise ModelNotFound("ctc-beam-decoder is not installed: install voxqueue[native]") from error
        self._search = library.build_ctcdecoder([_marked(labels.texts[at]) for at in self._columns])

    def beams(self, log_probs: LogProbs, state: Any, *, is_last: bool) -> list[Beam]:  # noqa: ARG002
        """As the library has them, which takes no label twice: all that write nothing are one blank."""
        told = log_probs[:, self._columns].astype(np.float32)
        told[:, self._blank] = np.logaddexp.reduce(log_probs[:, self._silent].astype(np.float32), axis=1)
        found = self._search.decode_beams(told, beam_width=self._width)
        return [Beam(_plain(text), None, score) for text, *_, score in found]


def _marked(text: str) -> str:
    return PIECE_START + _INVISIBLE if text == PIECE_START else text


def _plain(text: str) -> str:
    return " ".join(text.replace(_INVISIBLE, "").split())


def _pyctcdecode() -> Any:
    """The library, imported without its warnings that kenlm is missing, which is fine here."""
    logger = logging.getLogger("pyctcdecode")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return importlib.import_module("pyctcdecode")
    finally:
        logger.setLevel(level)
