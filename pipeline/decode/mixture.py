"""Two language models as one: a domain's words and turns of phrase, and a general model for all the rest."""

import math
from collections.abc import Iterable
from io import BytesIO
from zipfile import BadZipFile

import numpy as np

from pipeline.decode.ngrams import Context, NgramModel, from_arpa
from pipeline.errors import ModelMismatch

MixedContext = tuple[Context, Context]


class Mixture:
    """The probability of a word is `weight` times the domain's and for the rest the general model's."""

    def __init__(self, domain: NgramModel, general: NgramModel, weight: float) -> None:
        self._models = (domain, general)
        self._logs = (math.log(weight), math.log1p(-weight))

    @property
    def order(self) -> int:
        """The most words that a score looks at."""
        return max(model.order for model in self._models)

    def context(self, *words: str) -> MixedContext:
        """The context after `words`, the last one last."""
        return self.after(((), ()), words)

    def after(self, context: MixedContext, words: Iterable[str]) -> MixedContext:
        """The context when `words` are said in `context`."""
        said = list(words)
        domain, general = (model.after(each, said) for model, each in zip(self._models, context, strict=True))
        return domain, general

    def __contains__(self, word: str) -> bool:
        return any(word in model for model in self._models)

    def begins_a_word(self, letters: str) -> bool:
        """Whether any known word begins with `letters`."""
        return any(model.begins_a_word(letters) for model in self._models)

    def log_prob(self, context: MixedContext, word: str) -> float:
        """The natural log-probability of `word` in `context`."""
        parts = zip(self._models, self._logs, context, strict=True)
        # A model that does not know the word has nothing to say of it: its unknown word stands for thousands.
        known = [share + model.log_prob(each, word) for model, share, each in parts if word in model]
        return float(np.logaddexp.reduce(known)) if known else self._models[1].log_prob(context[1], word)


def packed(arpa: str, weight: float) -> bytes:
    """A file of a domain's model and its weight, between 0 and 1; the general model is not in it."""
    file = BytesIO()
    np.savez_compressed(file, arpa=np.frombuffer(arpa.encode(), np.uint8), weight=np.float64(weight))
    return file.getvalue()


def unpacked(content: bytes, name: str, general: NgramModel) -> Mixture:
    """What `packed` packed, with the general model; ModelMismatch if it is something else."""
    try:
        with np.load(BytesIO(content), allow_pickle=False) as table:
            text, weight = table["arpa"].tobytes().decode(), float(table["weight"])
        return Mixture(from_arpa(text, name), general, weight)
    except (LookupError, ValueError, EOFError, BadZipFile) as error:
        raise ModelMismatch(f"{name} is no language model: {error!r}") from error
