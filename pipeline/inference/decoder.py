"""Whisper's decoder on a CPU, a token of many hypotheses at a time, in ONNX Runtime.

CTranslate2's search reads the scores of all tokens several times in a step; here a step is the products and two passes,
and what comes back are the likeliest tokens. Of the padding behind what was recorded it looks at a few positions, each
with the weight of those that it stands for, where CTranslate2's looks at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnxruntime import OrtValue

from pipeline.errors import ModelMismatch
from pipeline.inference.networks import (
    HEAD_SIZE,
    Array,
    Network,
    Weights,
    floats,
    given,
    norm_weights,
    product_weights,
)
from pipeline.inference.padding import Clusters
from pipeline.inference.weights import Variables
from pipeline.spec import AttentionVocabulary

_NORMS = ("self_attention/layer_norm", "attention/layer_norm", "ffn/layer_norm")
_PRODUCTS = (
    "self_attention/linear_0",
    "self_attention/linear_1",
    "attention/linear_0",
    "attention/linear_2",
    "ffn/linear_0",
    "ffn/linear_1",
)
_MEMORY = "attention/linear_1"
_SCORES = ("text", "text_tokens", "text_total", "specials")
NEVER = -1e9
"""The logarithm of a probability that is next to nothing; with infinity a softmax over such alone is not a number."""
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Scores:
    """Logits that a step gives to what may follow each hypothesis (rows)."""

    text: Array
    """The highest ones of text (rows, candidates), best first."""
    text_tokens: NDArray[np.int64]
    text_total: Array
    """Logarithms of the sums of the exponentials of all text (rows, 1)."""
    specials: Array
    """From the end token on (rows, specials)."""


class Decoder:
    """The decoder of a model of any size; several threads may use it at once.

    Args:
        variables: those of the decoder, by their names in CTranslate2's form.
        vocabulary: how many of its tokens are text, and which are never written.
        threads: so many cores; 0 leaves their number to the library.
        padding: what the encoder makes of a window without speech (1, positions, width).

    Raises:
        ModelMismatch: the variables are not those of a decoder of Whisper.
    """

    def __init__(
        self,
        variables: Variables,
        vocabulary: AttentionVocabulary,
        threads: int,
        padding: Array,
    ) -> None:
        try:
            self._positions = floats(variables, "position_encodings/encodings")
            self._heads = int(variables["num_heads"])
            count = sum(name.endswith("/ffn/layer_norm/gamma") for name in variables)
            layers = [f"layer_{number}" for number in range(count)]
            self._memory = [
                {
                    name: given(value)
                    for name, value in product_weights(variables, f"{layer}/{_MEMORY}", _MEMORY).items()
                }
                for layer in layers
            ]
            self._layers = [Network("decoder_layer", threads, _layer(variables, layer)) for layer in layers]
            last = _vocabulary(variables, vocabulary)
            # The last product is with the embeddings, a column for each token.
            self._embeddings = last["projection/weight"]
            self._embedding_scales = last["projection/weight_scale"].astype(np.float32)
        except KeyError as error:
            raise ModelMismatch(f"a decoder of Whisper without {error}") from error
        self._vocabulary = Network("decoder_vocabulary", threads, last)
        self._memory_network = Network("decoder_memory", threads)
        self._clusters = Clusters.of(padding[0])
        self._padding = self._attended(self._clusters.means(padding))

    def begin(self, windows: Sequence[Array]) -> "Steps":
        """Ready to read these windows, of each what the encoder computed of it (1, n, width)."""
        counts = [window.shape[1] for window in windows]
        behind = [self._clusters.behind(count) for count in counts]
        longest = max(count + len(some) for count, (some, _) in zip(counts, behind, strict=True))
        # Sums of whole blocks are the same to the last bit whatever stands behind them: company changes nothing.
        longest = -(-longest // _BLOCK) * _BLOCK
        bias = np.full((len(windows), 1, 1, 1, longest), NEVER, np.float32)
        memory = np.zeros((len(self._layers), 2, len(windows), 1, self._heads, longest, HEAD_SIZE), np.float32)
        for index, (window, count, (some, weights)) in enumerate(zip(windows, counts, behind, strict=True)):
            end = count + len(some)
            bias[index, ..., :count], bias[index, ..., count:end] = 0.0, weights
            for layer, own, padding in zip(memory, self._attended(window), self._padding, strict=True):
                for into, mine, theirs in zip(layer, own, padding, strict=True):
                    into[index, 0, :, :count], into[index, 0, :, count:end] = mine, theirs[:, some]
        nothing = np.zeros((len(windows), self._heads, 0, HEAD_SIZE), np.float32)
        return Steps(self, [(keys, values) for keys, values in memory], bias, nothing)

    def _attended(self, encoded: Array) -> list[tuple[Array, Array]]:
        """The keys and values of each layer (heads, n, 64) for what was encoded (1, n, width)."""
        memory = given(encoded)
        found = [self._memory_network(["keys", "values"], {"memory": memory, **layer}) for layer in self._memory]
        return [(keys.numpy()[0], values.numpy()[0]) for keys, values in found]

    def embedded(self, tokens: Sequence[int], position: int) -> OrtValue:
        """What the first layer takes for these tokens, all at one position."""
        rows = self._embeddings[:, tokens].T.astype(np.float32) * self._embedding_scales[tokens, None]
        return given(rows + self._positions[position])

    def through(self, layer: int, inputs: dict[str, OrtValue]) -> list[OrtValue]:
        """What comes out of a layer, and the keys and values of all tokens so far."""
        return self._layers[layer](["y", "keys", "values"], inputs)

    def scores(self, x: OrtValue, candidates: int) -> Scores:
        """What comes out behind the last layer."""
        inputs = {"x": x, "candidates": given(np.array([candidates], np.int64))}
        return Scores(*(each.numpy() for each in self._vocabulary(_SCORES, inputs)))


class Steps:
    """What the layers keep of some windows and their hypotheses, one token after the other."""

    def __init__(self, decoder: Decoder, memory: list[tuple[Array, Array]], bias: Array, nothing: Array) -> None:
        self._decoder = decoder
        self._memory = memory
        self._bias = bias
        self._heads = nothing.shape[1]
        self._past = [(given(nothing), given(nothing))] * len(memory)
        self._position = 0

    def keep(self, windows: Sequence[int]) -> None:
        """Go on with these of the windows only."""
        # One layer after the other: all of them twice would be the most memory that a search takes.
        for layer, (keys, values) in enumerate(self._memory):
            self._memory[layer] = keys[windows], values[windows]
        self._bias = self._bias[windows]

    def step(self, tokens: Sequence[int], parents: Sequence[int], candidates: int) -> Scores:
        """What may follow these tokens, those of a window together and as many of each.

        `parents` are the rows of the step before that they continue.
        """
        windows = len(self._bias)
        grid = np.array([windows, len(tokens) // windows, self._heads, 1, HEAD_SIZE], np.int64)
        same = {
            "parents": given(np.asarray(parents, np.int64)),
            "grid": given(grid),
            "memory_bias": given(self._bias),
        }
        x = self._decoder.embedded(tokens, self._position)
        for layer, (past, memory) in enumerate(zip(self._past, self._memory, strict=True)):
            named = {"past_keys": past[0], "past_values": past[1]}
            named |= {"memory_keys": given(memory[0]), "memory_values": given(memory[1])}
            x, keys, values = self._decoder.through(layer, {"x": x, **named, **same})
            self._past[layer] = keys, values
        self._position += 1
        return self._decoder.scores(x, candidates)


def _layer(variables: Variables, prefix: str) -> Weights:
    found: dict[str, NDArray[np.generic]] = {}
    for norm in _NORMS:
        found |= norm_weights(variables, f"{prefix}/{norm}", norm)
    for product in _PRODUCTS:
        found |= product_weights(variables, f"{prefix}/{product}", product)
    return found


def _vocabulary(variables: Variables, vocabulary: AttentionVocabulary) -> Weights:
    """Whisper's last product is with the embeddings, and has no bias; this one's makes tokens unlikely."""
    found = product_weights(variables, "embeddings", "projection")
    found |= norm_weights(variables, "layer_norm", "layer_norm")
    end = vocabulary.end
    found["projection/bias"][[each for each in vocabulary.suppressed if each < end]] = NEVER
    return {**found, "parts": np.array([end, len(found["projection/bias"]) - end], np.int64)}
