"""Best-path CTC decoding: no search."""

from pipeline.decode.best_path import words_on_best_path
from pipeline.decode.confidence import Confidences
from pipeline.decode.labels import CtcLabels
from pipeline.decode.windows import telling_frames
from pipeline.values import Emissions, WordSegment


class GreedyDecoder:
    """Decodes the best path; the fastest, and exact where every frame is sure."""

    def __init__(self, labels: CtcLabels) -> None:
        self._labels = labels
        self._confidences = Confidences(labels, as_a_whole=False)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        ctc = self._labels.checked(emissions)
        telling = telling_frames(ctc.log_probs, self._labels.blank)
        told = ctc.log_probs[telling]
        words = words_on_best_path(told, self._labels)
        sure = self._confidences.of(words, told)
        frames = telling.tolist()
        return WordSegment(
            ctc.span, tuple(word.timed(frames, ctc, each) for word, each in zip(words, sure, strict=True))
        )
