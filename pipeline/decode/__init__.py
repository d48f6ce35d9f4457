"""Emissions to words: the search that turns what the acoustic model says into words with times and confidences."""

from pathlib import Path
from typing import Protocol

from pipeline.decode.attention import AttentionDecoder
from pipeline.decode.ctc import CtcDecoder
from pipeline.decode.greedy import GreedyDecoder
from pipeline.decode.labels import CtcLabels
from pipeline.decode.language import find_language_model
from pipeline.options import DecodeOptions
from pipeline.spec import CtcVocabulary, ModelSpec
from pipeline.values import Emissions, Stream, WordSegment

__all__ = ["AttentionDecoder", "CtcDecoder", "CtcLabels", "Decoder", "GreedyDecoder", "decode", "load_decoder"]


class Decoder(Protocol):
    """Turns the emissions of one segment into its words; it keeps nothing from segment to segment."""

    def decode(self, emissions: Emissions) -> WordSegment:
        """The words of one segment, in order; times lie in its span, confidences between 0 and 1.

        Raises:
            ModelMismatch: emissions of another family of models, or of another vocabulary.
        """


def load_decoder(
    folder: Path, spec: ModelSpec, options: DecodeOptions, lm: Path | None = None, named: Path | None = None
) -> Decoder:
    """The decoder for the model in `folder`; `lm` is `general` or a file, for options that choose none by its name.

    A name that they choose is that of a file in `named`. A CTC beam of width 1 with neither a language model nor
    hotwords nor n-best is best-path decoding.

    Raises:
        ModelNotFound: no tokenizer in `folder`, no such language model, or kenlm or the chosen search is not installed.
        ModelMismatch: the file is no language model.
    """
    if options.language_model is not None:
        lm = find_language_model(options.language_model, named)
    if not isinstance(spec.vocabulary, CtcVocabulary):
        return AttentionDecoder.load(folder, spec, options, lm)
    labels = CtcLabels.of(spec.vocabulary)
    if options.beam_width == 1 and lm is None and not options.hotwords and options.n_best is None:
        return GreedyDecoder(labels)
    return CtcDecoder(labels, options, lm)


def decode(emissions: Stream[Emissions], decoder: Decoder) -> Stream[WordSegment]:
    """The step: words of each segment, decoded when it is taken."""
    return Stream(emissions.recording, (decoder.decode(segment) for segment in emissions.segments))
