"""The language model of beam search: which there are, how one is loaded, and what a word is worth by it.

A KenLM binary needs kenlm, which has to be compiled. An ARPA file of up to three words, and the general model of
English that ships, need nothing.
"""

import hashlib
import importlib
import math
from functools import lru_cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.decode.mixture import Mixture, unpacked
from pipeline.decode.ngrams import END, START, NgramModel, from_arpa, from_npz
from pipeline.errors import ModelMismatch, ModelNotFound

GENERAL = "general"
"""Name of the language model that ships, where a path could stand."""
NONE = "none"
MIXED_SUFFIX = ".mix"
"""Of files that `voxqueue lm build --mix` makes."""
_GENERAL_FILE = "general.npz"
_GENERAL_SHA256 = "8d679c1baebdc46f7b20a763f551f36a3924d071e070ee8ac9c556906cdc1b87"

# As pyctcdecode has them for KenLM: the model's share, the gain of each word, the price of an unknown one.
_ALPHA = 0.5
_BETA = 1.5
_UNKNOWN = -10.0 * math.log(10)
_USUAL_LENGTH = 6


class WordScores:
    """An n-gram model as pyctcdecode asks one; its states are the words before."""

    def __init__(self, model: NgramModel | Mixture) -> None:
        self._model = model

    @property
    def order(self) -> int:
        """The most words that a score looks at."""
        return self._model.order

    def get_start_state(self) -> Any:
        """The start of a sentence."""
        return self._model.context(START)

    def score_partial_token(self, partial_token: str) -> float:
        """What the beginning of a word costs: nothing, unless no known word begins so; more, the longer it is."""
        if self._model.begins_a_word(partial_token):
            return 0.0
        return _UNKNOWN / math.log(10) * max(1.0, len(partial_token) / _USUAL_LENGTH)

    def score(self, prev_state: Any, word: str, is_last_word: bool = False) -> tuple[float, Any]:
        """What `word` is worth after the words before, and the state after it; the last one ends a sentence."""
        worth = self._model.log_prob(prev_state, word) + (0.0 if word in self._model else _UNKNOWN)
        state: Any = self._model.after(prev_state, [word])
        if is_last_word:
            worth += self._model.log_prob(state, END)
        return _ALPHA * worth + _BETA, state


class Continued:
    """A language model that reads one text in parts, as pyctcdecode asks one: a part that goes on ends no sentence."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.ends = True
        self.get_start_state = model.get_start_state
        self.score_partial_token = model.score_partial_token

    @property
    def order(self) -> int:
        """The most words that a score looks at."""
        order: int = self._model.order
        return order

    def score(self, prev_state: Any, word: str, is_last_word: bool = False) -> tuple[float, Any]:
        """As the model has it; the library asks for no word at all where a text ends with a space."""
        if not word:
            return 0.0, prev_state
        worth: tuple[float, Any] = self._model.score(prev_state, word, is_last_word=is_last_word and self.ends)
        return worth


def find_language_model(name: str, folder: Path | None) -> Path | None:
    """Where the model is that a job chose by its name: `general`, a file in `folder`, or None for `none`.

    Raises:
        ModelNotFound: none is called so.
    """
    if name == NONE:
        return None
    if name == GENERAL:
        return Path(GENERAL)
    found = sorted(folder.glob(f"{name}.*")) if folder else []
    if not found:
        raise ModelNotFound(f"no language model is called {name}")
    return found[0]


@lru_cache(maxsize=2)
def load_language_model(path: Path) -> Any:
    """The model in `path`, or the general one, as pyctcdecode uses it; loaded once a process: it may be gigabytes.

    Raises:
        ModelNotFound: no such file, or kenlm is not installed and the file needs it.
        ModelMismatch: the file is no language model.
    """
    if path == Path(GENERAL):
        return WordScores(general_model())
    if not path.is_file():
        raise ModelNotFound(f"no language model {path}")
    if path.suffix == MIXED_SUFFIX:
        return WordScores(unpacked(path.read_bytes(), path.name, general_model()))
    if find_spec("kenlm") is not None:
        return _with_kenlm(path)
    if path.suffix == ".arpa":
        return WordScores(from_arpa(path.read_text(encoding="utf-8", errors="replace"), path.name))
    raise ModelNotFound(f"{path.name} needs kenlm: install voxqueue[lm]")


@lru_cache(maxsize=1)
def general_model() -> NgramModel:
    """The model of English that ships; ModelNotFound, ModelMismatch if its file is not the one of this version."""
    file = resources.files(__package__) / _GENERAL_FILE
    if not file.is_file():
        raise ModelNotFound(f"the general language model {_GENERAL_FILE}")
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != _GENERAL_SHA256:
        raise ModelMismatch(f"the general language model {_GENERAL_FILE}")
    return from_npz(content)


def _with_kenlm(path: Path) -> Any:
    kenlm = importlib.import_module("kenlm")
    models = importlib.import_module("pyctcdecode.language_model")
    # A binary model doesn't list its words; without them every beginning of a word is taken to be possible.
    unigrams = models.load_unigram_set_from_arpa(str(path)) if path.suffix == ".arpa" else None
    return models.LanguageModel(kenlm.Model(str(path)), unigrams)
