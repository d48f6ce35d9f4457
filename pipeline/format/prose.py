"""Punctuation and case for models that write neither."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from pipeline.format.figures import written_case
from pipeline.format.punctuation import TaggedSentences, load_tagger
from pipeline.format.punctuation.sentences import is_as_typed
from pipeline.spec import CtcVocabulary, ModelSpec
from pipeline.values import Word
from pipeline.writing import ends_sentence


class Punctuator(Protocol):
    """Gives words the punctuation and the case of written sentences."""

    def punctuate(self, words: Sequence[Word], breaks: Collection[int] = ()) -> Sequence[Word]:
        """The same words in the same order with changed texts.

        `words` is what one speaker said; at the indices `breaks` a new stretch of it starts, after a long pause or when
        somebody else has spoken.
        """


class AsWritten:
    """For models that write punctuation and case themselves."""

    def punctuate(self, words: Sequence[Word], breaks: Collection[int] = ()) -> Sequence[Word]:  # noqa: ARG002
        """See `Punctuator.punctuate`."""
        return words


class SentenceCase:
    """One sentence a stretch of speech: a capital at its start, a full stop at its end, and `I` in English."""

    def __init__(self, language: str) -> None:
        self._english = language == "en"

    def punctuate(self, words: Sequence[Word], breaks: Collection[int] = ()) -> Sequence[Word]:
        """See `Punctuator.punctuate`."""
        edges = pairwise([0, *sorted(breaks), len(words)])
        return [word for start, end in edges for word in self._sentence(words[start:end])]

    def _sentence(self, words: Sequence[Word]) -> Sequence[Word]:
        if not words:
            return words
        texts = [written_case(word.text, word.kind) if word.kind else self._cased(word.text.lower()) for word in words]
        if not is_as_typed(words[0]):
            texts[0] = texts[0][:1].upper() + texts[0][1:]
        if not ends_sentence(texts[-1]):
            texts[-1] += "."
        return [replace(word, text=text) for word, text in zip(words, texts, strict=True)]

    def _cased(self, text: str) -> str:
        return text.capitalize() if self._english and text.split("'", maxsplit=1)[0] == "i" else text


def punctuator_for(spec: ModelSpec) -> Punctuator:
    """What suits the model: CTC models without a full stop among their labels write plain words.

    For those of English there is a tagger; in other languages a stretch of speech becomes a sentence.
    """
    vocabulary = spec.vocabulary
    plain = isinstance(vocabulary, CtcVocabulary) and not any("." in token for token in vocabulary.tokens)
    if not plain:
        return AsWritten()
    return TaggedSentences(load_tagger()) if spec.language == "en" else SentenceCase(spec.language)
