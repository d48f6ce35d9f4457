"""Decoding of an attention model's n-best lists: choose a hypothesis, refuse invented text, group tokens into words."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.decode.repetition import without_loops
from pipeline.decode.tokens import words_of
from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.options import DecodeOptions
from pipeline.spec import ModelSpec
from pipeline.values import AttentionEmissions, Emissions, Hypothesis, WordSegment

NO_SPEECH_PROB = 0.6
"""Above it, and with a mean log-probability below the next, text is invented (Radford 2022, section 4.5)."""
NO_SPEECH_LOG_PROB = -1.0


class AttentionDecoder:
    """Picks the best hypothesis of a Whisper model and makes words of its tokens.

    A hotword in a hypothesis is worth `hotword_weight` in natural log-probability, as in CTC beam search.
    """

    def __init__(self, tokenizer: Tokenizer, spec: ModelSpec, options: DecodeOptions) -> None:
        self._tokenizer = tokenizer
        self._spec = spec
        self._hotwords = tuple(hotword.casefold() for hotword in options.hotwords)
        self._hotword_weight = options.hotword_weight

    @classmethod
    def load(cls, folder: Path, spec: ModelSpec, options: DecodeOptions, lm: Path | None = None) -> "AttentionDecoder":
        """With the `tokenizer.json` in `folder`; ModelMismatch for a language model, which has no place here."""
        if lm is not None:
            raise ModelMismatch("a language model can be used with CTC models only")
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelNotFound(f"no {path.name} in {folder}")
        return cls(Tokenizer.from_file(str(path)), spec, options)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        if not isinstance(emissions, AttentionEmissions):
            raise ModelMismatch("an attention decoder can't read the emissions of a CTC model")
        best = self._best(emissions.hypotheses)
        if best is None or _is_invented(emissions, best):
            return WordSegment(emissions.span, ())
        words = words_of(best, emissions.span, self._tokenizer, spaced=self._spec.separates_words)
        return WordSegment(emissions.span, without_loops(words))

    def _best(self, hypotheses: Sequence[Hypothesis]) -> Hypothesis | None:
        """The first hypothesis of the highest score; None if there are none or it says nothing."""
        best = max(hypotheses, key=self._score, default=None)
        return best if best and best.tokens else None

    def _score(self, hypothesis: Hypothesis) -> float:
        if not self._hotwords:
            return hypothesis.log_prob
        text = self._tokenizer.decode(list(hypothesis.tokens)).casefold()
        heard = sum(text.count(hotword) for hotword in self._hotwords)
        # `log_prob` is a mean a token, so the bonus is spread over the tokens as well.
        return hypothesis.log_prob + self._hotword_weight * heard / max(len(hypothesis.tokens), 1)


def _is_invented(emissions: AttentionEmissions, hypothesis: Hypothesis) -> bool:
    return emissions.no_speech_prob > NO_SPEECH_PROB and hypothesis.log_prob < NO_SPEECH_LOG_PROB
