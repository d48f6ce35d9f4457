"""The tagger: for each word the mark that follows it and its case, from the words and pauses on both sides.

Two recurrent layers read vectors of words in both directions. The vectors are kept outside of the network: a row of a
table for each of the frequent words, and the mean of the rows of its pieces for every word.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from importlib import resources
from io import BytesIO
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelMismatch, ModelNotFound
from pipeline.format.punctuation.features import NOTHING, TURN_END, folded, pieces

MARKS = ("", ",", ".", "?")
FILES: Mapping[str, str] = MappingProxyType(
    {
        "tagger.onnx": "a79cf4c84f062147e77272adec45840148b91358d639a2c426897d50c1aa64a3",
        "words.npz": "a8b3a6c952cca8891c076f12dd17b757c70c28ec48ec87bacb8be993f2003dea",
    }
)
"""The files of the tagger and their SHA-256."""

# A longer talk is read in parts, each with words on both sides that only help and cost as much.
_PART = 1536
_CONTEXT = 48
_REMEMBERED_WORDS = 16_384


class Case(IntEnum):
    """How a word is written, in the order of the network's outputs."""

    LOWER = 0
    CAPITAL = 1
    UPPER = 2


@dataclass(frozen=True, slots=True)
class Tag:
    """One of `MARKS`, and the case of the word before it."""

    mark: str
    case: Case


_TAGS = tuple(Tag(mark, case) for mark in MARKS for case in Case)
"""In the order of the network's outputs."""


class Tagger:
    """A loaded tagger; it keeps nothing from one text to the next but the vectors of words."""

    def __init__(self, network: bytes, tables: bytes) -> None:
        # Only now: whoever hands in jobs and reads transcripts imports the rules of formatting, but tags nothing.
        onnxruntime = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        with np.load(BytesIO(tables), allow_pickle=False) as table:
            known = table["known"].tobytes().decode().split("\n")
            self._words, self._word_scales = table["words"], table["word_scales"]
            self._pieces, self._piece_scales = table["pieces"], table["piece_scales"]
        self._rows = {word: row for row, word in enumerate(known) if row}
        # Most words of a talk are few, and their pieces cost more than the network.
        self._vector = lru_cache(maxsize=_REMEMBERED_WORDS)(self._vector_of)

    def tags(self, words: Sequence[str], pauses: Sequence[int]) -> list[Tag]:
        """The tag of each of `words`, without marks, after each of which comes a pause of that index (`features`)."""
        vectors, gaps, places = self._read(words, pauses)
        labels = np.concatenate(list(self._labels(vectors, gaps)))[places]
        return [_TAGS[label] for label in labels.tolist()]

    def _read(
        self, words: Sequence[str], pauses: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """What the network reads, with a place of nothing after each turn, and the places of the words in it."""
        gaps = [NOTHING]
        places = []
        for pause in pauses:
            places.append(len(gaps))
            gaps += [TURN_END, NOTHING] if pause == TURN_END else [pause]
        vectors = np.zeros((len(gaps), self._words.shape[1]), np.float32)
        vectors[places] = [self._vector(word) for word in words]
        return vectors, np.array(gaps, np.int64), np.array(places, np.int64)

    def _vector_of(self, word: str) -> NDArray[np.float32]:
        known = folded(word)
        rows = pieces(known)
        vector: NDArray[np.float32] = self._piece_scales[rows] @ self._pieces[rows].astype(np.float32) / len(rows)
        row = self._rows.get(known)
        return vector if row is None else vector + self._word_scales[row] * self._words[row]

    def _labels(self, vectors: NDArray[np.float32], pauses: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        for start in range(0, len(pauses), _PART):
            first, end = max(0, start - _CONTEXT), start + _PART + _CONTEXT
            feed = {"vectors": vectors[None, first:end], "pauses": pauses[None, first:end]}
            (scores,) = self._session.run(["scores"], feed)
            yield scores[0, start - first : start - first + _PART].argmax(axis=-1)


@lru_cache(maxsize=1)
def load_tagger() -> Tagger:
    """The tagger of this package, loaded once a process.

    Raises:
        ModelNotFound: a file of it is missing.
        ModelMismatch: a file is not the one that belongs to this version.
    """
    network, tables = (_checked(name, sha256) for name, sha256 in FILES.items())
    return Tagger(network, tables)


def _checked(name: str, sha256: str) -> bytes:
    path = resources.files(__package__) / name
    if not path.is_file():
        raise ModelNotFound(f"punctuation: {name}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelMismatch(f"punctuation: {name}")
    return content
