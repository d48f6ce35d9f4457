"""All text as arrays, cut anew for each pass into windows of one length."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.format.punctuation.features import folded, pieces
from training.punctuation.text import TYPED, UNKNOWN, Turn, conversations, held_out, turn_of

WINDOW = 96
SHARES = {"earnings21": 1.0, "earnings22": 1.0, "rev16": 1.0, "primock57": 2.0, "sgd": 0.25, "taskmaster4": 0.5}
"""How much of each corpus is read in a pass: verbatim speech wholly, typed dialogues in part."""
_VARIANTS = 2
_FEWEST = 4
FILLERS = frozenset({"uh", "um", "er", "erm", "hmm", "mm", "ah", "eh"})
"""Sounds of thinking, around which people pause."""

Arrays = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(slots=True)
class Lexicon:
    """Every word form that occurs; row 0 is no word."""

    types: dict[str, int] = field(default_factory=lambda: {"": 0})
    counts: Counter[str] = field(default_factory=Counter)

    def rows(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The rows of `words`, added when they are new."""
        return np.array([self.types.setdefault(folded(word), len(self.types)) for word in words], np.int64)

    def known(self) -> list[str]:
        """The words that are frequent enough for a vector of their own, by row; the first is none."""
        return ["", *sorted(word for word, count in self.counts.items() if count >= _FEWEST)]

    def piece_rows(self) -> NDArray[np.int64]:
        """The rows of the pieces of each type."""
        return np.array([pieces(word) for word in self.types], np.int64)

    def fillers(self) -> NDArray[np.bool_]:
        """Which types are fillers."""
        return np.array([word in FILLERS for word in self.types])


@dataclass(slots=True)
class Corpus:
    """Turns by conversation, each in variants (numbers written or spoken), as (types, labels)."""

    name: str
    train: list[list[list[Arrays]]] = field(default_factory=list)
    dev: list[list[list[Arrays]]] = field(default_factory=list)


def read_corpora(folder: Path, lexicon: Lexicon) -> list[Corpus]:
    """Every corpus of `folder`; the lexicon learns the words of what is not held out."""
    return [_read(folder / f"{name}.txt.xz", name, lexicon) for name in SHARES]


def windows_of_a_pass(corpora: Sequence[Corpus], chance: random.Random) -> Arrays:
    """Types and labels, (windows, WINDOW), of one pass over the shares of all corpora, in random order."""
    streams = [_stream(_drawn(corpus, chance), chance) for corpus in corpora]
    types = np.concatenate([stream[0] for stream in streams])
    labels = np.concatenate([stream[1] for stream in streams])
    offset = chance.randrange(WINDOW)
    count = (len(types) - offset) // WINDOW
    order = np.random.default_rng(chance.getrandbits(32)).permutation(count)
    cut = slice(offset, offset + count * WINDOW)
    return types[cut].reshape(-1, WINDOW)[order], labels[cut].reshape(-1, WINDOW)[order]


def _read(path: Path, name: str, lexicon: Lexicon) -> Corpus:
    corpus = Corpus(name)
    chance = random.Random(name)
    for number, lines in enumerate(conversations(path)):
        kept = held_out(number)
        turns = [[turn_of(line, typed=name in TYPED, chance=chance) for _ in range(_VARIANTS)] for line in lines]
        told = [[turn for turn in variants if turn] for variants in turns]
        if not kept:
            lexicon.counts.update(folded(word) for variants in told for turn in variants[:1] for word in turn.words)
        (corpus.dev if kept else corpus.train).append(
            [[_arrays(turn, lexicon) for turn in each] for each in told if each]
        )
    return corpus


def _arrays(turn: Turn, lexicon: Lexicon) -> Arrays:
    return lexicon.rows(turn.words), np.array(turn.labels, np.int64)


def _drawn(corpus: Corpus, chance: random.Random) -> Iterator[list[list[Arrays]]]:
    share = SHARES[corpus.name]
    for _ in range(int(share)):
        yield from chance.sample(corpus.train, len(corpus.train))
    yield from chance.sample(corpus.train, int(len(corpus.train) * (share % 1)))


def _stream(talks: Iterator[list[list[Arrays]]], chance: random.Random) -> Arrays:
    types: list[NDArray[np.int64]] = []
    labels: list[NDArray[np.int64]] = []
    for talk in talks:
        # Half of the time a turn stands among strangers, or by itself, as it does when only one side is heard.
        turns = chance.sample(talk, len(talk)) if chance.random() < 0.5 else talk
        for variants in turns:
            words, marks = chance.choice(variants)
            types.append(words)
            labels.append(marks)
            gap = chance.randrange(1, 9) if chance.random() < 0.4 else 0
            types.append(np.zeros(gap + 1, np.int64))
            labels.append(np.full(gap + 1, UNKNOWN))
    return np.concatenate(types), np.concatenate(labels)
