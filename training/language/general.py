"""`python -m training.language.general EN_US_LM_BIN --out FILE`: the general English trigram model, in a compact form.

The source is `en-us.lm.bin` of the package pocketsphinx (BSD, Carnegie Mellon University). Its own program can't write
what it reads, so the file is read here by its form (`ngram_model_trie.c`): a trie with the last word of an n-gram
first, word numbers and 16-bit codes packed bit by bit. Probabilities become 8-bit codes of equally frequent classes.
"""

import argparse
import hashlib
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"Trie Language Model"
_CODES = 1 << 16
_LOG_BASE = math.log(1.0001)
_CLASSES = 256

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(slots=True)
class Reader:
    """The bytes of the file and how far they are read."""

    content: bytes
    at: int = 0

    def ints(self, count: int) -> tuple[int, ...]:
        """The next 32-bit numbers."""
        found = struct.unpack_from(f"<{count}I", self.content, self.at)
        self.at += 4 * count
        return found

    def floats(self, count: int) -> Floats:
        """The next 32-bit floating-point numbers."""
        found = np.frombuffer(self.content, np.float32, count, self.at)
        self.at += 4 * count
        return found

    def packed(self, entries: int, *widths: int) -> list[Ints]:
        """Columns of as many bits each, an entry after the other, with one entry more at the end."""
        total = sum(widths)
        size = ((1 + entries) * total + 7) // 8 + 8
        bits = np.frombuffer(self.content, np.uint8, size, self.at)
        self.at += size
        starts = np.cumsum((0, *widths[:-1]))
        return [
            _column(bits, entries + 1, total, int(start), width) for start, width in zip(starts, widths, strict=True)
        ]


def _column(bits: NDArray[np.uint8], count: int, total: int, start: int, width: int) -> Ints:
    places = np.arange(count, dtype=np.int64) * total + start
    value = np.zeros(count, np.int64)
    for byte in range(5):
        value |= bits[(places >> 3) + byte].astype(np.int64) << 8 * byte
    column: Ints = (value >> (places & 7)) & ((1 << width) - 1)
    return column


def convert(source: Path, out: Path) -> str:
    """Write the compact form of the model in `source`; its SHA-256."""
    reader = Reader(source.read_bytes(), len(_MAGIC) + 1)
    if not reader.content.startswith(_MAGIC + bytes([3])):
        raise ValueError("not a trie of three words")
    ones, twos, threes = reader.ints(3)
    reader.ints(1)
    probs2, backs2, probs3 = (reader.floats(_CODES) * _LOG_BASE for _ in range(3))
    unigrams = reader.floats(3 * (ones + 1)).reshape(-1, 3)
    first2 = np.ascontiguousarray(unigrams[:, 2]).view(np.uint32).astype(np.int64)
    word_bits = ones.bit_length()
    word2, back2, prob2, first3 = reader.packed(twos, word_bits, 16, 16, threes.bit_length())
    word3, prob3 = reader.packed(threes, word_bits, 16)
    # The header counts some bigrams more than there are.
    twos = int(first2[-1])
    (size,) = reader.ints(1)
    words = reader.content[reader.at : reader.at + size].decode().split("\0")[:-1]
    tables = {
        "words": np.frombuffer("\n".join(words).encode(), np.uint8),
        "prob1": unigrams[:ones, 0] * _LOG_BASE,
        "back1": unigrams[:ones, 1] * _LOG_BASE,
        "longer1": np.diff(first2).astype(np.uint16),
        "word2": _planes(word2[:twos]),
        "longer2": np.diff(first3[: twos + 1]).astype(np.uint16),
        "word3": _planes(word3[:threes]),
    }
    tables |= _in_classes("prob2", "probs2", probs2[prob2[:twos]])
    tables |= _in_classes("back2", "backs2", backs2[back2[:twos]])
    tables |= _in_classes("prob3", "probs3", probs3[prob3[:threes]])
    np.savez_compressed(out, **tables)
    return hashlib.sha256(out.read_bytes()).hexdigest()


def _planes(numbers: Ints) -> NDArray[np.uint8]:
    steps = np.diff(numbers, prepend=0) % (1 << 24)
    planes: NDArray[np.uint8] = np.stack([(steps >> 8 * byte) & 0xFF for byte in range(3)]).astype(np.uint8)
    return planes


def _in_classes(name: str, table: str, values: Floats) -> dict[str, NDArray[np.uint8] | Floats]:
    """Each value as the number of its class, and the mean of each class."""
    edges = np.unique(np.quantile(values, np.arange(1, _CLASSES) / _CLASSES))
    codes = np.searchsorted(edges, values, side="right")
    counts = np.maximum(np.bincount(codes, minlength=_CLASSES), 1)
    means = np.bincount(codes, weights=values, minlength=_CLASSES) / counts
    return {name: codes.astype(np.uint8), table: means.astype(np.float32)}


def main() -> None:
    """Converts and prints the hash."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("source", type=Path)
    arguments.add_argument("--out", type=Path, required=True)
    chosen = arguments.parse_args()
    print(convert(chosen.source, chosen.out))


if __name__ == "__main__":
    main()
