"""Words as sentences, by what the tagger says of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from pipeline.format.figures import written_case
from pipeline.format.numbers import NumberKind
from pipeline.format.punctuation.acronyms import acronym, pins, spelled
from pipeline.format.punctuation.features import TURN_END, UNKNOWN_PAUSE, pause_index
from pipeline.format.punctuation.tagger import Case, Tag, Tagger
from pipeline.format.replacing import REPLACED
from pipeline.values import Word
from pipeline.writing import ends_sentence

AS_TYPED = frozenset({NumberKind.EMAIL, NumberKind.URL})
"""Kinds that keep a small letter at the start of a sentence."""
_PUNCTUATION = ',.?!;:"()'
_SHORTEST_PAUSE_S = 1e-6
_SHORT_PAUSE = pause_index(0.19)
_COUNTED = frozenset({"of", "more", "moment", "second", "thing", "day", "time", "minute", "question"})
"""After `no, one ...`: what one counts."""
_SMALL = frozenset(
    {
        *(
            "me",
            "you",
            "he",
            "she",
            "it",
            "we",
            "they",
            "him",
            "her",
            "us",
            "them",
            "my",
            "your",
            "his",
            "their",
            "our",
            "its",
        )
    }
    | {
        *(
            "an",
            "the",
            "and",
            "or",
            "but",
            "so",
            "if",
            "of",
            "to",
            "in",
            "on",
            "at",
            "for",
            "not",
            "do",
            "did",
            "does",
        )
    }
    | {*("is", "are", "was", "were", "be", "have", "has", "had")}
)
"""Words with a small letter wherever no sentence starts."""
# Whoever is silent that long was listening, or had ended.
_SAME_TURN_S = 2.0


class _Spoken(NamedTuple):
    """One spoken word: where the word is that it was written as, and the pause after it."""

    text: str
    at: int
    pause: int


class TaggedSentences:
    """English sentences: marks and capitals where the tagger hears them, and always whole at their ends."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger

    def punctuate(self, words: Sequence[Word], breaks: Collection[int] = ()) -> Sequence[Word]:
        """See `Punctuator.punctuate`."""
        if not words:
            return words
        spoken = list(_spoken(words, _pauses(words, breaks)))
        tags = self._tagger.tags([each.text for each in spoken], [each.pause for each in spoken])
        firsts: dict[int, Tag] = {}
        lasts: dict[int, Tag] = {}
        for each, tag in zip(spoken, tags, strict=True):
            firsts.setdefault(each.at, tag)
            lasts[each.at] = tag
        bare = [_bare(word.text).lower() for word in words]
        cases = [Case.LOWER if word == "a" else firsts[index].case for index, word in enumerate(bare)]
        marks = [lasts[index].mark for index in range(len(words))]
        for index in (*(pins(bare) if "pin" in bare else ()), *spelled(bare)):
            cases[index] = Case.UPPER
        for index in _pronouns(spoken, marks):
            marks[index] = ""
        if marks[-1] in {"", ","}:
            marks[-1] = "."
        return list(_written(words, cases, marks))


def is_as_typed(word: Word) -> bool:
    """Whether `word` keeps a small letter at the start of a sentence, as addresses do, and `iPhone` if so asked for."""
    if word.kind is None:
        return word.text[:1].islower() and not word.text.islower()
    return word.kind in AS_TYPED or (word.kind == REPLACED and not word.text.islower())


def _pronouns(spoken: Sequence[_Spoken], marks: Sequence[str]) -> Iterator[int]:
    """Where `no one` is a pronoun, said without a pause, and no answer goes before: words that no mark parts."""
    for before, after, next_one in zip(spoken, spoken[1:], spoken[2:], strict=False):
        if (
            before.text.lower() == "no"
            and after.text.lower() == "one"
            and before.pause <= _SHORT_PAUSE
            and next_one.text.lower() not in _COUNTED
            and marks[after.at] == ""
        ):
            yield before.at


def _pauses(words: Sequence[Word], breaks: Collection[int]) -> list[int]:
    """The index of the pause after each word; nothing is known of those between words that follow without any."""
    gaps_s = [after.start_s - before.end_s for before, after in pairwise(words)]
    told = any(gap_s > _SHORTEST_PAUSE_S for gap_s in gaps_s)
    found = [pause_index(gap_s) if told else UNKNOWN_PAUSE for gap_s in gaps_s]
    for index in breaks:
        # A shorter pause is a break because somebody else spoke in it.
        if not 1.0 < gaps_s[index - 1] < _SAME_TURN_S:
            found[index - 1] = TURN_END
    return [*found, TURN_END]


def _spoken(words: Sequence[Word], pauses: Sequence[int]) -> Iterator[_Spoken]:
    """The words as they were said, for of numbers in digits the tagger knows little."""
    for index, (word, pause) in enumerate(zip(words, pauses, strict=True)):
        texts = (word.spoken or word.text).split() or [""]
        for text in texts[:-1]:
            yield _Spoken(_bare(text), index, UNKNOWN_PAUSE)
        yield _Spoken(_bare(texts[-1]), index, pause)


def _bare(text: str) -> str:
    return text.strip(_PUNCTUATION) or text


def _written(words: Sequence[Word], cases: Sequence[Case], marks: Sequence[str]) -> Iterator[Word]:
    starts = True
    # Among words in lower case, the capitals of hotwords are as somebody wants them.
    keeps_capitals = 2 * sum(word.text.islower() for word in words) >= len(words)
    for word, case, mark in zip(words, cases, marks, strict=True):
        if word.kind:
            text = written_case(word.text, word.kind)
        elif keeps_capitals and word.text != word.text.lower() and not word.text.startswith("I'"):
            text = word.text
        else:
            text = _cased(word.text.lower(), case)
        if starts and not is_as_typed(word):
            text = text[:1].upper() + text[1:]
        # A mark that stands there already stays: `p.m.` takes no second stop.
        if mark and text[-1:] not in _PUNCTUATION:
            text += mark
        starts = mark in {".", "?"} or (word.kind is None and ends_sentence(text))
        yield word if text == word.text else replace(word, text=text)


def _cased(text: str, case: Case) -> str:
    if text in _SMALL:
        return text
    if known := acronym(text):
        return known
    head, apostrophe, tail = text.partition("'")
    if head == "i":
        return text.capitalize()
    match case:
        case Case.LOWER:
            return text
        case Case.CAPITAL:
            return text[:1].upper() + text[1:]
        case Case.UPPER:
            return head.upper() + apostrophe + tail
