"""Fillers, the sounds of somebody who thinks: left out where a reader wants none of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.values import Word
from pipeline.writing import bare, ends_sentence

# "Uh-huh" and "uh-uh" answer a question, "ah" and "oh" say something, "like" and "you know" are words.
_FILLER = re.compile(r"u+m+|u+h+m*|er|erm+|hm+|mm+m|m+-?hm+")
_BEFORE_A_ROOM = frozenset({"the", "an", "this", "that"})


def without_fillers(words: Sequence[Word]) -> list[Word]:
    """`words` of one speaker without `um`, `uh`, `er`, `mhm` and their like; what is left keeps its times.

    A sentence that began or ended with one begins or ends with the word that is there now.
    """
    kept: list[Word] = []
    lost_capital = False
    for word, is_filler in zip(words, _are_fillers(words), strict=True):
        if not is_filler:
            kept.append(_begun(word) if lost_capital else word)
            lost_capital = False
        elif not kept or ends_sentence(kept[-1].text):
            lost_capital = lost_capital or word.text[:1].isupper()
        elif ends_sentence(word.text):
            kept[-1] = replace(kept[-1], text=kept[-1].text.rstrip(",;:") + word.text[-1])
    return kept


def _are_fillers(words: Sequence[Word]) -> Iterator[bool]:
    writes_case = any(word.text.islower() for word in words)
    before = ""
    for word in words:
        text = bare(word.text)
        is_room = text.lower() == "er" and (before in _BEFORE_A_ROOM or (writes_case and text.isupper()))
        before = text.lower()
        yield _FILLER.fullmatch(before) is not None and not is_room


def _begun(word: Word) -> Word:
    """`word` at the start of a sentence; one with a capital inside, such as `iPhone`, stays."""
    return replace(word, text=word.text[:1].upper() + word.text[1:]) if word.text.islower() else word
