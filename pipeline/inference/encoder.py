"""Whisper's encoder on a CPU: only what was recorded is computed, the padding behind it once for all recordings.

Whisper reads windows of one length, and a caller's answer fills a third of the shortest that it can read. What a layer
makes of the padding hardly depends on the speech before it. So the keys and values of a window without speech are
computed once, and the positions of a segment, with a second of padding of their own, attend to themselves and to those.

The networks are in ONNX Runtime, whose attention never writes down a matrix of all pairs of positions; CTranslate2's
does, and takes longer for that than for everything else. The weights are CTranslate2's, in 8 bits, with a scale for
each row of a product on both sides, as it has them itself. `training/encoder` says how the networks were written.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from pipeline.errors import ModelMismatch
from pipeline.inference.weights import Variables, read_variables

SHORTEST_WINDOW_FRAMES = 1500
"""In much shorter windows the model loops and invents words."""
MARGIN_FRAMES = 100
"""Padding that is computed with what it follows: by its first second the model tells that speech has ended."""
FILLING = 0.0
"""What frames of padding hold, as faster-whisper's. With frames of true silence (-1.5) the model ends more often after
the first sentence of several, as if the rest had been silent."""
FRAMES_A_POSITION = 2
_HEAD_SIZE = 64
_LARGEST_INT8 = 127
_EPSILON = 1e-5
_NETWORKS = ("encoder_front", "encoder_layer")
_FRONT = ("conv1/weight", "conv1/bias", "conv2/weight", "conv2/bias")
_NORMS = ("self_attention/layer_norm", "ffn/layer_norm")
_PRODUCTS = ("self_attention/linear_0", "self_attention/linear_1", "ffn/linear_0", "ffn/linear_1")

Array = NDArray[np.float32]
Layer = Mapping[str, OrtValue]
KeysAndValues = tuple[Array, Array]


class PaddedEncoder:
    """The encoder of a model of any size; several threads may use it at once.

    Args:
        variables: those of the encoder, by their names in CTranslate2's form.
        threads: so many cores; 0 leaves their number to the library.
        padded_frames: the length of window for which padding is computed beforehand.

    Raises:
        ModelMismatch: the variables are not those of an encoder of Whisper.
    """

    def __init__(self, variables: Variables, threads: int, padded_frames: int = SHORTEST_WINDOW_FRAMES) -> None:
        try:
            self._front: Layer = {name: _given(_floats(variables, name)) for name in _FRONT}
            count = sum(name.endswith("/ffn/layer_norm/gamma") for name in variables)
            self._layers = [_layer(variables, f"layer_{number}/") for number in range(count)]
            self._positions = _floats(variables, "position_encodings/encodings")
            self._scale, self._shift = (_floats(variables, f"layer_norm/{name}") for name in ("gamma", "beta"))
            heads = int(variables["num_heads"])
        except KeyError as error:
            raise ModelMismatch(f"an encoder of Whisper without {error}") from error
        width = self._positions.shape[1]
        if not self._layers or heads * _HEAD_SIZE != width:
            raise ModelMismatch(f"an encoder of Whisper with {len(self._layers)} layers of {heads} heads in {width}")
        self._front_network, self._layer_network = (_session(name, threads) for name in _NETWORKS)
        self._padded_frames = padded_frames
        self._nothing = [(np.zeros((heads, 0, _HEAD_SIZE), np.float32),) * 2] * len(self._layers)
        no_speech = np.zeros((0, variables["conv1/weight"].shape[1]), np.float32)
        empty = self._seen(no_speech, padded_frames // FRAMES_A_POSITION, padded_frames)
        self._padding = self._attended(empty)
        self._encoded_padding = self._through(empty, self._nothing)

    @classmethod
    def load(cls, folder: Path, threads: int) -> "PaddedEncoder | None":
        """The encoder of the model in `folder`; None if its file is not laid out as those that are known here."""
        try:
            return cls(read_variables(folder / "model.bin", "encoder/"), threads)
        except ModelMismatch:
            return None

    def encode(self, frames: Array, length: int) -> Array:
        """The output (1, positions, width) for `frames` (frames, bands) in a window of `length` frames.

        In windows of other lengths than that for which padding was computed, all of the padding is computed.
        """
        is_padded = length == self._padded_frames
        read = min(length, len(frames) + MARGIN_FRAMES) if is_padded else length
        count = -(-read // FRAMES_A_POSITION)
        padding = [(keys[:, count:], values[:, count:]) for keys, values in self._padding]
        encoded = self._through(self._seen(frames, count, length), padding if is_padded else self._nothing)
        return np.concatenate((encoded, self._encoded_padding[:, count:]), axis=1) if is_padded else encoded

    def _seen(self, frames: Array, count: int, length: int) -> Array:
        """The first `count` positions of a window, as the first layer takes them."""
        # The convolutions look at two frames behind the last position.
        looked_at = filled(frames, min(length, FRAMES_A_POSITION * (count + 1)))
        given = {"frames": _given(looked_at.T[None]), **self._front}
        (seen,) = _run(self._front_network, ["positions"], given)
        return np.asarray(seen.numpy()[:, :count] + self._positions[:count])

    def _through(self, seen: Array, padding: Sequence[KeysAndValues]) -> Array:
        """What comes out of the last layer, normalised."""
        x = _given(seen)
        for layer, behind in zip(self._layers, padding, strict=True):
            (x,) = _run(self._layer_network, ["y"], _inputs(x, behind, layer))
        return self._normalised(x.numpy())

    def _attended(self, seen: Array) -> list[KeysAndValues]:
        """The keys and values of each layer, with nothing behind them."""
        x, found = _given(seen), []
        for layer, behind in zip(self._layers, self._nothing, strict=True):
            x, keys, values = _run(self._layer_network, ["y", "keys", "values"], _inputs(x, behind, layer))
            found.append((keys.numpy(), values.numpy()))
        return found

    def _normalised(self, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return np.asarray(centred / deviation * self._scale + self._shift)


def filled(frames: Array, length: int) -> Array:
    """The frames, cut or followed by padding up to `length`."""
    missing = max(0, length - len(frames))
    return np.pad(frames[:length], ((0, missing), (0, 0)), constant_values=FILLING)


def _session(name: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads, options.intra_op_num_threads = 1, threads
    # The arena would keep the memory of the longest window, and saves no time.
    options.enable_cpu_mem_arena = False
    # Threads that wait for work by running take it from the other lanes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Products of unsigned and signed numbers overflow on processors without VNNI; this takes others there.
    options.add_session_config_entry("session.x64quantprecision", "1")
    network = resources.files(__package__).joinpath(f"{name}.onnx").read_bytes()
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _layer(variables: Variables, prefix: str) -> Layer:
    """The inputs of one layer by their names in the network."""
    found: dict[str, NDArray[np.generic]] = {}
    for norm in _NORMS:
        found |= {f"{norm}/{each}": _floats(variables, f"{prefix}{norm}/{each}") for each in ("gamma", "beta")}
    for product in _PRODUCTS:
        rounded, scale = _in_8_bits(variables, f"{prefix}{product}/weight")
        found[f"{product}/weight"] = np.ascontiguousarray(rounded.T)
        found[f"{product}/weight_scale"] = scale
        found[f"{product}/bias"] = _floats(variables, f"{prefix}{product}/bias")
    return {name: _given(value) for name, value in found.items()}


def _in_8_bits(variables: Variables, name: str) -> tuple[NDArray[np.int8], Array]:
    """Rows as integers from -127 to 127, and what each row is to be multiplied with."""
    if variables[name].dtype == np.int8:
        return variables[name].astype(np.int8), 1 / _floats(variables, f"{name}_scale")
    weight = _floats(variables, name)
    scale = np.abs(weight).max(axis=1) / np.float32(_LARGEST_INT8)
    return np.round(weight / np.maximum(scale, 1e-12)[:, None]).astype(np.int8), scale


def _floats(variables: Variables, name: str) -> Array:
    value = variables[name]
    if value.dtype != np.int8:
        return np.ascontiguousarray(value, np.float32)
    scale = variables[f"{name}_scale"].astype(np.float32)
    return np.asarray(value.astype(np.float32) / scale.reshape(-1, *(1,) * (value.ndim - 1)))


def _run(network: onnxruntime.InferenceSession, outputs: Sequence[str], inputs: Layer) -> list[OrtValue]:
    try:
        return list(network.run_with_ort_values(list(outputs), inputs))
    except (Fail, RuntimeException) as error:
        # Named as the errors of other libraries are, so that one of memory is recognised.
        raise RuntimeError(str(error)) from error


def _inputs(x: OrtValue, padding: KeysAndValues, layer: Layer) -> Layer:
    return {"x": x, "padding_keys": _given(padding[0]), "padding_values": _given(padding[1]), **layer}


def _given(value: NDArray[np.generic]) -> OrtValue:
    return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value))
