"""CTC beam search: windows of a long segment, hotwords and an optional language model."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.decode.alignment import align
from pipeline.decode.confidence import Confidences
from pipeline.decode.hotwords import Hotwords
from pipeline.decode.labels import CtcLabels
from pipeline.decode.search import Beam, search_for
from pipeline.decode.windows import telling_frames, windows
from pipeline.options import DecodeOptions
from pipeline.values import Alternative, CtcEmissions, Emissions, Word, WordSegment


class CtcDecoder:
    """Beam search over CTC log-probabilities; times are those of the best path of its result."""

    def __init__(self, labels: CtcLabels, options: DecodeOptions, lm: Path | None = None) -> None:
        self._labels = labels
        self._n_best = options.n_best or 0
        self._hotwords = Hotwords(options, caseless=labels.caseless)
        self._search = search_for(labels, options, self._hotwords, lm)
        self._confidences = Confidences(labels, as_a_whole=lm is not None)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        ctc = self._labels.checked(emissions)
        # The libraries take the mean over frames, of which a model may leave none for a very short segment.
        if not len(ctc.log_probs):
            return WordSegment(ctc.span, ())
        words, alternatives = self._read(ctc)
        return WordSegment(ctc.span, self._hotwords.spelled(words), alternatives)

    def _read(self, ctc: CtcEmissions) -> tuple[list[Word], tuple[Alternative, ...]]:
        """The words of the best path, aligned within their window; the language model hears all windows as one text.

        Alternatives are the best of all that the beams of the windows can be joined to.
        """
        state = None
        words: list[Word] = []
        joined = [Alternative("", 0.0)]
        first = 0
        cut = windows(ctc.log_probs, self._labels, ctc.frame_s)
        for number, window in enumerate(cut, start=1):
            telling = telling_frames(window, self._labels.blank)
            told = window[telling]
            beams = self._search.beams(told, state, is_last=number == len(cut))
            text, state, _ = beams[0]
            aligned = align(text.split(), told, self._labels)
            frames = (first + telling).tolist()
            sure = self._confidences.of(aligned, told)
            words += [word.timed(frames, ctc, each) for word, each in zip(aligned, sure, strict=True)]
            first += len(window)
            joined = self._best_of(joined, beams)
        return words, tuple(joined) if words else ()

    def _best_of(self, before: Sequence[Alternative], beams: Sequence[Beam]) -> list[Alternative]:
        """The best readings of what was said `before` and in a window with these `beams`, as many as are listed."""
        pairs = [
            Alternative(f"{each.text} {beam.text}".strip(), each.score + beam.score)
            for each in before
            for beam in beams[: self._n_best]
        ]
        return sorted(pairs, key=lambda pair: pair.score, reverse=True)[: self._n_best]
