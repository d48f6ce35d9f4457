"""The labels of a CTC model as text: what each writes, and where words begin."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import ModelMismatch
from pipeline.spec import CtcVocabulary
from pipeline.values import CtcEmissions, Emissions, Word

SPACE = " "
PIECE_START = "▁"


@dataclass(frozen=True, slots=True)
class CtcLabels:
    """What each output of a CTC model writes: "" for the blank and other specials.

    Words are kept apart by a label of their own (" "), or, if `pieces`, by a leading "▁" of the labels.
    """

    texts: tuple[str, ...]
    blank: int
    pieces: bool

    @classmethod
    def of(cls, vocabulary: CtcVocabulary) -> "CtcLabels":
        """The labels of `vocabulary`, in lower case if it has upper case only: case there carries no meaning."""
        pieces = vocabulary.word_delimiter == PIECE_START
        written = [token for index, token in enumerate(vocabulary.tokens) if index not in vocabulary.specials]
        # wav2vec 2.0 shouts: text in upper case only says nothing about case, and language models are in lower case.
        caseless = not any(character.islower() for token in written for character in token)

        def text_of(index: int, token: str) -> str:
            if index in vocabulary.specials:
                return ""
            if token == vocabulary.word_delimiter and not pieces:
                return SPACE
            return token.lower() if caseless else token

        texts = tuple(text_of(index, token) for index, token in enumerate(vocabulary.tokens))
        return cls(texts, vocabulary.blank, pieces)

    @property
    def caseless(self) -> bool:
        """Whether nothing but lower case is written."""
        return not any(character.isupper() for text in self.texts for character in text)

    @property
    def silent(self) -> list[int]:
        """The indices of the labels that write nothing."""
        return [index for index, text in enumerate(self.texts) if not text]

    def checked(self, emissions: Emissions) -> CtcEmissions:
        """`emissions`, if these labels are theirs; ModelMismatch otherwise."""
        if not isinstance(emissions, CtcEmissions):
            raise ModelMismatch("a CTC decoder can't read the emissions of an attention model")
        if emissions.log_probs.shape[1:] != (len(self.texts),):
            raise ModelMismatch(f"{emissions.log_probs.shape[1:]} outputs, but {len(self.texts)} labels")
        return emissions


@dataclass(frozen=True, slots=True)
class FramedWord:
    """A word, its frames from the first up to but not including `end`, and the labels that write it, marks left out."""

    text: str
    first: int
    end: int
    labels: tuple[int, ...]

    def timed(self, frames: Sequence[int], emissions: CtcEmissions, confidence: float) -> Word:
        """The word in the recording, inside the span of its segment; it is counted in these `frames` of that."""
        span = emissions.span
        first, end = frames[self.first], frames[self.end - 1] + 1
        start_s, end_s = (min(span.start_s + frame * emissions.frame_s, span.end_s) for frame in (first, end))
        return Word(self.text, start_s, end_s, confidence)
