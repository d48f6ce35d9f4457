"""Where the vectors of known words begin: with what Whisper's decoder knows of its tokens.

Four million words are too few to learn what most of them mean. The vectors of the tokens of Whisper tiny.en (OpenAI,
MIT), which the project installs anyway, averaged over each word and turned to their main axes, are a better start than
chance. They are trained on like all others.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

_FLOAT16 = 4
_TABLE = "decoder/embeddings/weight"


def whisper_vectors(model: Path, words: Sequence[str], width: int) -> NDArray[np.float32]:
    """Vectors (words, width) of unit mean square from a Whisper model converted for CTranslate2 in float16."""
    table = _token_table(model / "model.bin")
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    vectors = np.stack([_vector(tokenizer, table, word) for word in words])
    vectors -= vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(vectors, full_matrices=False)
    turned = vectors @ axes[:width].T
    scaled: NDArray[np.float32] = (turned / np.sqrt((turned**2).mean())).astype(np.float32)
    return scaled


def _vector(tokenizer: Tokenizer, table: NDArray[np.float32], word: str) -> NDArray[np.float32]:
    forms = (f" {word}", f" {word.capitalize()}")
    means = [table[tokenizer.encode(form, add_special_tokens=False).ids].mean(axis=0) for form in forms]
    mean: NDArray[np.float32] = (means[0] + means[1]) / 2
    return mean


def _token_table(path: Path) -> NDArray[np.float32]:
    """The table of token vectors, from the format that ctranslate2/specs/model_spec.py writes."""
    with path.open("rb") as file:
        file.read(4)
        file.read(*struct.unpack("<H", file.read(2)))
        _, variables = struct.unpack("<II", file.read(8))
        for _ in range(variables):
            name = file.read(*struct.unpack("<H", file.read(2))).rstrip(b"\0").decode()
            rank = file.read(1)[0]
            shape = struct.unpack(f"<{rank}I", file.read(4 * rank))
            kind, size = struct.unpack("<BI", file.read(5))
            data = file.read(size)
            if name == _TABLE and kind == _FLOAT16:
                return np.frombuffer(data, np.float16).reshape(shape).astype(np.float32)
    raise ValueError(f"{path} has no {_TABLE} in float16")
