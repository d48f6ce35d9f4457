"""Whisper's encoder on a CPU: only what was recorded is computed, the padding behind it once for all recordings.

Whisper reads windows of 30 s, of which a caller's answer fills a few. What a layer makes of the padding hardly depends
on the speech before it. So the keys and values of a window without speech are computed once, and the positions of a
segment, with a second of padding of their own, attend to themselves and to those, many alike as one.

The networks are in ONNX Runtime, whose attention never writes down a matrix of all pairs of positions; CTranslate2's
does, and takes longer for that than for everything else.
"""

from dataclasses import dataclass

import numpy as np
from onnxruntime import OrtValue

from pipeline.errors import ModelMismatch
from pipeline.inference.networks import HEAD_SIZE, Array, Inputs, Network, floats, given, norm_weights, product_weights
from pipeline.inference.padding import Clusters
from pipeline.inference.weights import Variables

MARGIN_FRAMES = 100
"""Padding that is computed with what it follows: by its first second the model tells that speech has ended."""
FILLING = 0.0
"""What frames of padding hold, as faster-whisper's. With frames of true silence (-1.5) the model ends more often after
the first sentence of several, as if the rest had been silent."""
FRAMES_A_POSITION = 2
_EPSILON = 1e-5
_NETWORKS = ("encoder_front", "encoder_layer")
_FRONT = ("conv1/weight", "conv1/bias", "conv2/weight", "conv2/bias")
_NORMS = ("self_attention/layer_norm", "ffn/layer_norm")
_PRODUCTS = ("self_attention/linear_0", "self_attention/linear_1", "ffn/linear_0", "ffn/linear_1")


class PaddedEncoder:
    """The encoder of a model of any size; several threads may use it at once.

    Args:
        variables: those of the encoder, by their names in CTranslate2's form.
        threads: so many cores; 0 leaves their number to the library.

    Raises:
        ModelMismatch: the variables are not those of an encoder of Whisper.
    """

    def __init__(self, variables: Variables, threads: int) -> None:
        try:
            self._front: Inputs = {name: given(floats(variables, name)) for name in _FRONT}
            count = sum(name.endswith("/ffn/layer_norm/gamma") for name in variables)
            self._layers = [_layer(variables, f"layer_{number}/") for number in range(count)]
            self._positions = floats(variables, "position_encodings/encodings")
            self._scale, self._shift = (floats(variables, f"layer_norm/{name}") for name in ("gamma", "beta"))
            heads = int(variables["num_heads"])
        except KeyError as error:
            raise ModelMismatch(f"an encoder of Whisper without {error}") from error
        width = self._positions.shape[1]
        if not self._layers or heads * HEAD_SIZE != width:
            raise ModelMismatch(f"an encoder of Whisper with {len(self._layers)} layers of {heads} heads in {width}")
        self._front_network, self._layer_network = (Network(name, threads) for name in _NETWORKS)
        empty = self._seen(np.zeros((0, variables["conv1/weight"].shape[1]), np.float32), len(self._positions))
        nothing = np.zeros((heads, 0, HEAD_SIZE + 1), np.float32), np.zeros((heads, 0, HEAD_SIZE), np.float32)
        self._padding: list[_Padding] = []
        x = given(empty)
        for layer in self._layers:
            x, keys, values = self._layer_network(["y", "keys", "values"], _inputs(x, nothing, layer))
            self._padding.append(_Padding.of(keys.numpy(), values.numpy()))
        self.padding = self._normalised(x.numpy())
        """The output (1, positions, width) for a window without speech."""

    def encode(self, frames: Array) -> Array:
        """The output (1, n, width) for `frames` (frames, bands) and the padding right behind them."""
        count = min(len(self._positions), -(-(len(frames) + MARGIN_FRAMES) // FRAMES_A_POSITION))
        x = given(self._seen(frames, count))
        for layer, padding in zip(self._layers, self._padding, strict=True):
            (x,) = self._layer_network(["y"], _inputs(x, padding.behind(count), layer))
        return self._normalised(x.numpy())

    def _seen(self, frames: Array, count: int) -> Array:
        """The first `count` positions of a window, as the first layer takes them."""
        # The convolutions look at two frames behind the last position.
        looked_at = filled(frames, FRAMES_A_POSITION * min(len(self._positions), count + 1))
        inputs = {"frames": given(looked_at.T[None]), **self._front}
        (seen,) = self._front_network(["positions"], inputs)
        return np.asarray(seen.numpy()[:, :count] + self._positions[:count])

    def _normalised(self, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return np.asarray(centred / deviation * self._scale + self._shift)


def filled(frames: Array, length: int) -> Array:
    """The frames, cut or followed by padding up to `length`."""
    missing = max(0, length - len(frames))
    return np.pad(frames[:length], ((0, missing), (0, 0)), constant_values=FILLING)


def _layer(variables: Variables, prefix: str) -> Inputs:
    """The inputs of one layer by their names in the network."""
    norms = [norm_weights(variables, f"{prefix}{norm}", norm) for norm in _NORMS]
    products = [product_weights(variables, f"{prefix}{product}", product) for product in _PRODUCTS]
    return {name: given(value) for found in (*norms, *products) for name, value in found.items()}


def _inputs(x: OrtValue, padding: tuple[Array, Array], layer: Inputs) -> Inputs:
    return {"x": x, "padding_keys": given(padding[0]), "padding_values": given(padding[1]), **layer}


@dataclass(frozen=True, slots=True)
class _Padding:
    """What a layer attends to of a window without speech: keys and values (heads, clusters, 64)."""

    clusters: Clusters
    keys: Array
    values: Array

    @classmethod
    def of(cls, keys: Array, values: Array) -> "_Padding":
        """In brief: `keys` and `values` (heads, positions, 64)."""
        together = np.concatenate((*keys, *values), axis=1)
        clusters = Clusters.of(together)
        return cls(clusters, clusters.means(keys), clusters.means(values))

    def behind(self, count: int) -> tuple[Array, Array]:
        """Behind the first `count` positions: keys with what is added to their weights, and values."""
        some, weights = self.clusters.behind(count)
        added = np.broadcast_to(weights[:, None] * HEAD_SIZE**0.5, (len(self.keys), len(some), 1))
        return np.concatenate((self.keys[:, some], added), axis=2), self.values[:, some]
