"""CTC beam search with pyctcdecode: windows of a long segment, hotwords and an optional language model."""

import importlib
import logging
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.decode.alignment import align
from pipeline.decode.hotwords import Hotwords, PhraseScores
from pipeline.decode.labels import PIECE_START, CtcLabels, FramedWord, timed_word
from pipeline.decode.language import Continued, load_language_model
from pipeline.decode.windows import telling_frames, windows
from pipeline.options import DecodeOptions
from pipeline.values import Alternative, CtcEmissions, Emissions, WordSegment

# pyctcdecode reads a lone "▁" as a boundary on both sides and lets that mark leak into other beams, which cuts words
# apart. Followed by a character that no text holds, it is an ordinary start of a word.
_INVISIBLE = "\u200b"


class CtcDecoder:
    """Beam search over CTC log-probabilities; times and confidences are those of the best path of its result."""

    def __init__(self, labels: CtcLabels, options: DecodeOptions, lm: Path | None = None) -> None:
        self._labels = labels
        self._beam_width = max(options.beam_width, options.n_best or 0)
        self._n_best = options.n_best or 0
        self._hotwords = Hotwords(options, caseless=labels.caseless)
        self._phrases = PhraseScores(self._hotwords.weights)
        self._lm = Continued(load_language_model(lm)) if lm else None
        self._library = _pyctcdecode()
        # Made without `build_alphabet`, which would guess from the labels what the model's own files say.
        texts = [PIECE_START + _INVISIBLE if text == PIECE_START else text for text in labels.texts]
        alphabet = self._library.Alphabet(texts, labels.pieces)
        self._search = self._library.BeamSearchDecoderCTC(alphabet, self._lm)
        # The library keeps the model in a table of its class until it is told otherwise.
        weakref.finalize(self, self._search.cleanup)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        ctc = self._labels.checked(emissions)
        # The library takes the mean over frames, of which a model may leave none for a very short segment.
        if not len(ctc.log_probs):
            return WordSegment(ctc.span, ())
        words, alternatives = self._read(ctc)
        timed = [timed_word(word, ctc) for word in words]
        return WordSegment(ctc.span, self._hotwords.spelled(timed), alternatives)

    def _read(self, ctc: CtcEmissions) -> tuple[Sequence[FramedWord], tuple[Alternative, ...]]:
        """The words of the best path, aligned within their window; the language model hears all windows as one text.

        Alternatives are those of the beam, and none of more than one window: each is a search of its own.
        """
        state, beams = None, []
        words: list[FramedWord] = []
        first = 0
        cut = windows(ctc.log_probs, self._labels, ctc.frame_s)
        for number, window in enumerate(cut, start=1):
            if self._lm is not None:
                self._lm.ends = number == len(cut)
            telling = telling_frames(window, self._labels.blank)
            beams = self._beams(window[telling], state)
            text, state, *_ = beams[0]
            aligned = align(_plain(text).split(), window[telling], self._labels)
            frames = [first + int(frame) for frame in telling]
            words += [replace(word, first=frames[word.first], end=frames[word.end - 1] + 1) for word in aligned]
            first += len(window)
        listed = beams[: self._n_best] if len(cut) == 1 and words else []
        return words, tuple(Alternative(_plain(text), float(score)) for text, *_, score in listed)

    def _beams(self, log_probs: npt.NDArray[np.floating[Any]], state: Any) -> Any:
        """As the library's `decode_beams`, whose scorer of hotwords knows one weight only."""
        search = self._library.decoder
        return self._search._decode_logits(  # noqa: SLF001  (0.5.0 is pinned, and has been the last one since 2023)
            np.clip(log_probs.astype(np.float32), np.log(search.MIN_TOKEN_CLIP_P), 0),
            beam_width=self._beam_width,
            beam_prune_logp=search.DEFAULT_PRUNE_LOGP,
            token_min_logp=search.DEFAULT_MIN_TOKEN_LOGP,
            prune_history=search.DEFAULT_PRUNE_BEAMS,
            hotword_scorer=self._phrases,
            lm_start_state=state,
        )


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
