"""Punctuation and case for models that write neither."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from pipeline.format.figures import written_case
from pipeline.format.numbers import NumberKind
from pipeline.spec import CtcVocabulary, ModelSpec
from pipeline.values import Word
from pipeline.writing import ends_sentence

_AS_TYPED = frozenset({NumberKind.EMAIL, NumberKind.URL})


class Punctuator(Protocol):
    """Gives words the punctuation and the case of written sentences."""

    def punctuate(self, words: Sequence[Word]) -> Sequence[Word]:
        """The same words in the same order with changed texts; `words` is what one speaker said without long pause."""


class AsWritten:
    """For models that write punctuation and case themselves."""

    def punctuate(self, words: Sequence[Word]) -> Sequence[Word]:
        """See `Punctuator.punctuate`."""
        return words


class SentenceCase:
    """One sentence a stretch of speech: a capital at its start, a full stop at its end, and `I` in English."""

    def __init__(self, language: str) -> None:
        self._english = language == "en"

    def punctuate(self, words: Sequence[Word]) -> Sequence[Word]:
        """See `Punctuator.punctuate`."""
        texts = [written_case(word.text, word.kind) if word.kind else self._cased(word.text.lower()) for word in words]
        if words[0].kind not in _AS_TYPED:
            texts[0] = texts[0][:1].upper() + texts[0][1:]
        # Capitals within a sentence need a trained model: names can't be told from other words here.
        if not ends_sentence(texts[-1]):
            texts[-1] += "."
        return [replace(word, text=text) for word, text in zip(words, texts, strict=True)]

    def _cased(self, text: str) -> str:
        return text.capitalize() if self._english and text.split("'", maxsplit=1)[0] == "i" else text


def punctuator_for(spec: ModelSpec) -> Punctuator:
    """What suits the model: CTC models without a full stop among their labels write plain words."""
    vocabulary = spec.vocabulary
    plain = isinstance(vocabulary, CtcVocabulary) and not any("." in token for token in vocabulary.tokens)
    return SentenceCase(spec.language) if plain else AsWritten()
