"""Whisper's tokens to words: what belongs together, when it was said and how sure the model was."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from pipeline.decode.timing import limited, shared
from pipeline.values import Hypothesis, Span, Word
from pipeline.writing import ends_sentence

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_SPOKEN_PUNCTUATION = "%&#@"


@dataclass(frozen=True, slots=True)
class _Unit:
    """The fewest tokens that make whole characters."""

    text: str
    start_s: float
    end_s: float
    log_prob: float

    @property
    def is_punctuation(self) -> bool:
        return not any(_is_spoken(character) for character in self.text)


def words_of(hypothesis: Hypothesis, span: Span, tokenizer: Tokenizer, *, spaced: bool) -> tuple[Word, ...]:
    """The words of a hypothesis; a space starts a word if the language is `spaced`, else every character does.

    Punctuation belongs to the word that it touches, but neither its time nor its probability counts, since a model
    puts pauses there. Without alignment, the words share the span by their length.
    """
    words: list[Word] = []
    for units in _by_word(list(_units(hypothesis, span, tokenizer)), spaced=spaced):
        after_pause = not words or ends_sentence(words[-1].text)
        words.append(_word(units, span, after_pause=after_pause))
    return shared(words, span)


def _units(hypothesis: Hypothesis, span: Span, tokenizer: Tokenizer) -> Iterator[_Unit]:
    starts_s, ends_s, log_probs = _timing(hypothesis, span)
    first = 0
    for index in range(len(hypothesis.tokens)):
        text = tokenizer.decode(list(hypothesis.tokens[first : index + 1]))
        # Tokens are bytes: a letter outside of ASCII may need several before it can be read.
        if _INCOMPLETE in text and index + 1 < len(hypothesis.tokens):
            continue
        yield _Unit(
            text.replace(_INCOMPLETE, ""),
            span.start_s + starts_s[first],
            span.start_s + ends_s[index],
            sum(log_probs[first : index + 1]) / (index + 1 - first),
        )
        first = index + 1


def _timing(hypothesis: Hypothesis, span: Span) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Start and end of each token and its log-probability, guessed evenly if the hypothesis was not aligned."""
    count = len(hypothesis.tokens)
    if not hypothesis.token_end_s:
        edges_s = [span.duration_s * index / count for index in range(count + 1)]
        return edges_s[:-1], edges_s[1:], [hypothesis.log_prob] * count
    log_probs = [math.log(max(probability, 1e-9)) for probability in hypothesis.token_probs]
    return hypothesis.token_start_s, hypothesis.token_end_s, log_probs


def _by_word(units: Sequence[_Unit], *, spaced: bool) -> Iterator[Sequence[_Unit]]:
    word: list[_Unit] = []
    for unit in units:
        starts = unit.text[:1].isspace() if spaced else not unit.is_punctuation
        if starts and any(part.text.strip() for part in word):
            yield word
            word = []
        word.append(unit)
    if any(part.text.strip() for part in word):
        yield word


def _is_spoken(character: str) -> bool:
    """Whether it stands for a sound: letters, digits, and signs such as those of currencies."""
    return character.isalnum() or character in _SPOKEN_PUNCTUATION or unicodedata.category(character).startswith("S")


def _word(units: Sequence[_Unit], span: Span, *, after_pause: bool) -> Word:
    # A word of nothing but marks, as a dash between spaces, has no other time than theirs.
    spoken = [unit for unit in units if not unit.is_punctuation] or units
    text = "".join(unit.text for unit in units).strip()
    start_s, end_s = limited(text, spoken[0].start_s, spoken[-1].end_s, after_pause=after_pause)
    start_s = min(max(start_s, span.start_s), span.end_s)
    confidence = math.exp(sum(unit.log_prob for unit in spoken) / len(spoken))
    return Word(text, start_s, min(max(end_s, start_s), span.end_s), min(confidence, 1.0))
