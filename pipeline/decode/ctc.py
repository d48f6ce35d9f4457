"""CTC beam search with pyctcdecode: hotwords and an optional language model."""

import importlib
import logging
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.decode.alignment import align
from pipeline.decode.labels import PIECE_START, CtcLabels, in_case_of, timed_word
from pipeline.decode.language import load_language_model
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
        self._search = library.BeamSearchDecoderCTC(alphabet, load_language_model(lm) if lm else None)
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
