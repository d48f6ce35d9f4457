"""Decoding of an attention model's n-best lists: choose a hypothesis, refuse invented text, group tokens into words."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipeline.decode.estimate import words_of as plain
from pipeline.decode.hotwords import Hotwords, PhraseScores
from pipeline.decode.language import load_language_model
from pipeline.decode.repetition import without_loops
from pipeline.decode.tokens import words_of
from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.options import DecodeOptions
from pipeline.spec import ModelSpec
from pipeline.values import Alternative, AttentionEmissions, Emissions, Hypothesis, WordSegment

NO_SPEECH_PROB = 0.6
"""Above it, and with a mean log-probability below the next, text is invented (Radford 2022, section 4.5)."""
NO_SPEECH_LOG_PROB = -1.0
LM_SHARE = 0.05
"""Of a language model in the choice of a hypothesis."""


class AttentionDecoder:
    """Picks the best hypothesis of a Whisper model and makes words of its tokens.

    A hotword in a hypothesis is worth its weight in natural log-probability, as in CTC beam search. A language model
    has a small say: the decoder of the acoustic model is one itself (shallow fusion of n-best, Kannan 2018).
    """

    def __init__(self, tokenizer: Tokenizer, spec: ModelSpec, options: DecodeOptions, lm: Any = None) -> None:
        """`lm` as `load_language_model` gives it."""
        self._tokenizer = tokenizer
        self._spec = spec
        self._n_best = options.n_best or 0
        self._hotwords = Hotwords(options)
        self._phrases = PhraseScores({" ".join(plain(phrase)): each for phrase, each in self._hotwords.weights.items()})
        self._lm = lm

    @classmethod
    def load(cls, folder: Path, spec: ModelSpec, options: DecodeOptions, lm: Path | None = None) -> "AttentionDecoder":
        """With the `tokenizer.json` in `folder`, and the language model `lm`, if any."""
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelNotFound(f"no {path.name} in {folder}")
        return cls(Tokenizer.from_file(str(path)), spec, options, load_language_model(lm) if lm else None)

    def decode(self, emissions: Emissions) -> WordSegment:
        """See `Decoder.decode`."""
        if not isinstance(emissions, AttentionEmissions):
            raise ModelMismatch("an attention decoder can't read the emissions of a CTC model")
        best = self._best(emissions.hypotheses)
        if best is None or _is_invented(emissions, best):
            return WordSegment(emissions.span, ())
        words = words_of(best, emissions.span, self._tokenizer, spaced=self._spec.separates_words)
        alternatives = tuple(self._alternatives(emissions.hypotheses))
        return WordSegment(emissions.span, self._hotwords.spelled(without_loops(words)), alternatives)

    def _alternatives(self, hypotheses: Sequence[Hypothesis]) -> Iterator[Alternative]:
        ranked = sorted(hypotheses, key=self._score, reverse=True)
        for hypothesis in ranked[: self._n_best]:
            yield Alternative(self._text(hypothesis), self._score(hypothesis))

    def _best(self, hypotheses: Sequence[Hypothesis]) -> Hypothesis | None:
        """The model's first choice, or a better one by hotwords and language model; None if it is nothing but marks."""
        if not hypotheses:
            return None
        first = hypotheses[0]
        others = [each for each in hypotheses[1:] if self._worth(each) > self._worth(first)]
        best = max([first, *others], key=self._score)
        return best if any(map(str.isalnum, self._text(best))) else None

    def _score(self, hypothesis: Hypothesis) -> float:
        # `log_prob` is a mean a token, so what else counts is spread over the tokens as well.
        return hypothesis.log_prob + self._worth(hypothesis) / max(len(hypothesis.tokens), 1)

    def _worth(self, hypothesis: Hypothesis) -> float:
        """What hotwords and the language model find in a hypothesis, in natural log-probability."""
        if not self._hotwords and self._lm is None:
            return 0.0
        words = plain(self._text(hypothesis))
        return self._phrases.whole(" ".join(words)) + LM_SHARE * self._fluency(words)

    def _text(self, hypothesis: Hypothesis) -> str:
        return self._tokenizer.decode(list(hypothesis.tokens)).strip()

    def _fluency(self, words: Sequence[str]) -> float:
        """The natural log-probability of the words as one sentence."""
        if self._lm is None:
            return 0.0
        state, worth = self._lm.get_start_state(), 0.0
        for index, word in enumerate(words, start=1):
            gain, state = self._lm.score(state, word, is_last_word=index == len(words))
            worth += gain
        return worth


def _is_invented(emissions: AttentionEmissions, hypothesis: Hypothesis) -> bool:
    return emissions.no_speech_prob > NO_SPEECH_PROB and hypothesis.log_prob < NO_SPEECH_LOG_PROB
