"""CTC beam search with pyctcdecode: hotwords and an optional KenLM language model."""

import importlib
import logging
import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.decode.alignment import align
from pipeline.decode.labels import PIECE_START, CtcLabels, in_case_of, timed_word
from pipeline.errors import ModelNotFound
from pipeline.options import DecodeOptions
from pipeline.values import Emissions, WordSegment

# pyctcdecode reads a lone "▁" as a boundary on both sides and lets that mark leak into other beams, which cuts words
# apart. Followed by a character that no text holds, it is an ordinary start of a word.
_INVISIBLE = "\u200b"


class CtcDecoder:
    """Beam search over CTC log-probabilities; times and confidences are those of the best path of its result."""

    def __init__(self, labels: CtcLabels, options: DecodeOptions, lm: Path | None = None) -> None:
        self._labels = labels
        self._beam_width = options.beam_width
        self._hotwords = in_case_of(labels, options.hotwords)
        self._hotword_weight = options.hotword_weight
        library = _pyctcdecode()
        # Made without `build_alphabet`, which would guess from the labels what the model's own files say.
        texts = [PIECE_START + _INVISIBLE if text == PIECE_START else text for text in labels.texts]
        alphabet = library.Alphabet(texts, labels.pieces)
        self._search = library.BeamSearchDecoderCTC(alphabet, _language_model(lm) if lm else None)
        # The library keeps the model in a table of its class until it is told otherwise.
        weakref.finalize(self, self._search.cleanup)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        ctc = self._labels.checked(emissions)
        # The library takes the mean over frames, of which a model may leave none for a very short segment.
        if not len(ctc.log_probs):
            return WordSegment(ctc.span, ())
        beams = self._search.decode_beams(
            ctc.log_probs.astype(np.float32),
            beam_width=self._beam_width,
            hotwords=self._hotwords,
            hotword_weight=self._hotword_weight,
        )
        words = beams[0][0].replace(_INVISIBLE, "").split()
        return WordSegment(ctc.span, tuple(timed_word(word, ctc) for word in align(words, ctc.log_probs, self._labels)))


def _pyctcdecode() -> Any:
    """The library, imported without its warnings that kenlm is missing, which is fine here."""
    logger = logging.getLogger("pyctcdecode")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        return importlib.import_module("pyctcdecode")
    finally:
        logger.setLevel(level)


@lru_cache(maxsize=2)
def _language_model(path: Path) -> Any:
    """The KenLM model in `path`, loaded once a process: it may be gigabytes."""
    if not path.is_file():
        raise ModelNotFound(f"no language model {path}")
    try:
        kenlm = importlib.import_module("kenlm")
    except ImportError as error:
        raise ModelNotFound("a language model needs kenlm: install voxqueue[lm]") from error
    models = importlib.import_module("pyctcdecode.language_model")
    # A binary model doesn't list its words; without them every beginning of a word is taken to be possible.
    unigrams = models.load_unigram_set_from_arpa(str(path)) if path.suffix == ".arpa" else None
    return models.LanguageModel(kenlm.Model(str(path)), unigrams)
