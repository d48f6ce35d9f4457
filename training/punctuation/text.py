"""Written conversations as words without marks, and the marks and capitals that they had."""

import lzma
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.punctuation.spoken import spoken

MARKS = ("", ",", ".", "?")
CASES = ("lower", "capital", "upper")
UNKNOWN = -100
"""Label of a word of which the text doesn't tell."""
TYPED = frozenset({"sgd", "taskmaster4"})
"""Corpora that were typed, where a missing mark at the end tells nothing."""

_HELD_OUT_EACH = 20
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "prof", "vs", "st"})
_ABBREVIATIONS = frozenset({"inc", "ltd", "corp", "jr", "sr"})
_DOTTED = re.compile(r"(?:[^\W\d]\.)+[^\W\d]?")
_OPENING = "\"'([{\u201c\u2018\xab*#\xbf\xa1"
_MARK_CHARACTERS = ".,?!;:\u2026\u2014\u2013-\"')]}\u201d\u2019\xbb*"
_DASHES = frozenset("\u2014\u2013-")


@dataclass(frozen=True, slots=True)
class Turn:
    """Words in lower case and, for each, its label: index of the mark times three plus index of the case."""

    words: tuple[str, ...]
    labels: tuple[int, ...]


def conversations(path: Path) -> Iterator[list[str]]:
    """The lines of each conversation of an xz file in which an empty line parts them."""
    lines: list[str] = []
    with lzma.open(path, "rt", encoding="utf-8") as text:
        for line in text:
            if line.strip():
                lines.append(line)
            elif lines:
                yield lines
                lines = []
    if lines:
        yield lines


def held_out(number: int) -> bool:
    """Whether the conversation of that number is kept from training."""
    return number % _HELD_OUT_EACH == _HELD_OUT_EACH // 2


def turn_of(line: str, *, typed: bool, chance: random.Random) -> Turn | None:
    """The words and labels of a line; None for one that was typed without care, or without a word.

    Numbers are written or spoken, hyphens kept or not, by chance: both are seen in transcripts.
    """
    first = next((character for character in line if character.isalpha()), "A")
    if typed and first.islower():
        return None
    words: list[str] = []
    labels: list[int] = []
    for token in line.split():
        core, mark = _parted(token)
        parts = _parts(core, chance) if core else []
        if not parts:
            if words:
                labels[-1] = _stronger(labels[-1], mark)
            continue
        cases = [_case(part) for part in parts]
        words += [part.lower() for part in parts]
        labels += cases
        labels[-1] = _stronger(labels[-1], mark)
        if labels[-1] // 3 == MARKS.index(".") and core.lower() in _TITLES:
            labels[-1] = cases[-1]
        if mark == "." and (core.lower() in _ABBREVIATIONS or "." in core):
            labels[-1] = UNKNOWN
    if typed and labels and 0 <= labels[-1] < len(CASES):
        labels[-1] = UNKNOWN
    return Turn(tuple(words), tuple(labels)) if words else None


def _parted(token: str) -> tuple[str, str]:
    core = token.lstrip(_OPENING).rstrip(_MARK_CHARACTERS)
    start = len(token) - len(token.lstrip(_OPENING))
    tail = token[start + len(core) :]
    if "?" in tail:
        return core, "?"
    if "," in tail or ";" in tail or ":" in tail:
        return core, ","
    if "…" in tail or "..." in tail:
        return core, "…"
    if "." in tail or "!" in tail:
        return core, "."
    return core, "—" if tail and set(tail) <= _DASHES and not core else ""


def _stronger(label: int, mark: str) -> int:
    """The label with `mark` after it, if that ends more than what is there; unsure marks make it unknown."""
    if label == UNKNOWN or not mark:
        return label
    if mark in {"…", "—"}:
        return UNKNOWN
    return max(label // 3, MARKS.index(mark)) * 3 + label % 3


def _parts(core: str, chance: random.Random) -> list[str]:
    if _DOTTED.fullmatch(core):
        letters = core.replace(".", "")
        return list(letters) if chance.random() < 0.5 else [letters]
    split = core.replace("/", "-").split("-") if chance.random() < 0.5 else [core]
    parts: list[str] = []
    for part in filter(None, split):
        has_digit = any(character.isdigit() for character in part)
        parts += spoken(part) if has_digit and chance.random() < 0.5 else [part]
    return [part for part in parts if any(character.isalnum() for character in part)]


def _case(word: str) -> int:
    letters = [character for character in word if character.isalpha()]
    if not letters or letters[0].islower():
        return 0
    shout = len(letters) > 1 and all(letter.isupper() for letter in letters)
    return 2 if shout else 1
