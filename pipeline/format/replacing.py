"""Find and replace: words that are always to be written in a form of the caller's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pipeline.values import Word
from pipeline.writing import MARKS, bare, ends_sentence

REPLACED: Final = "replacement"
"""The kind of a word that was replaced; later parts of formatting leave its text alone."""


class Replacer:
    """Writes whole words and phrases in another form, the longest first, whatever their case and marks."""

    def __init__(self, table: Mapping[str, str]) -> None:
        """`table` has what is to be written by what is to be found."""
        found = {tuple(_core(part) for part in find.split()): written for find, written in table.items()}
        self._written = {phrase: written for phrase, written in found.items() if any(phrase)}
        self._longest = max(map(len, self._written), default=0)

    def replaced(self, words: Sequence[Word]) -> list[Word]:
        """`words` of one speaker; what was found is one word that lasts as long, and keeps what was spoken."""
        return list(self._replaced(words)) if self._written else list(words)

    def _replaced(self, words: Sequence[Word]) -> Iterator[Word]:
        cores = [_core(word.text) for word in words]
        at = 0
        while at < len(words):
            lengths = range(min(self._longest, len(words) - at), 0, -1)
            length = next((count for count in lengths if tuple(cores[at : at + count]) in self._written), 0)
            if length:
                starts = at == 0 or ends_sentence(words[at - 1].text)
                written = self._written[tuple(cores[at : at + length])]
                yield _rewritten(words[at : at + length], written, starts=starts)
            else:
                yield words[at]
            at += max(length, 1)


def _core(text: str) -> str:
    return bare(text).casefold()


def _rewritten(heard: Sequence[Word], written: str, *, starts: bool) -> Word:
    first, last = heard[0].text, heard[-1].text
    has_capital = first[:1].isupper() and (not first.isupper() or len(first) == 1)
    if starts and has_capital and written.islower():
        written = written[:1].upper() + written[1:]
    after = last[len(last.rstrip(MARKS)) :].removeprefix("." if written.endswith(".") else "")
    return replace(
        heard[0],
        text=first[: len(first) - len(first.lstrip(MARKS))] + written + after,
        end_s=heard[-1].end_s,
        confidence=min(word.confidence for word in heard),
        spoken=" ".join(bare(word.text) for word in heard),
        kind=REPLACED,
    )
