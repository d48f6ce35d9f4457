"""Networks of Whisper in ONNX Runtime, with weights that CTranslate2's form of the model has.

Weights of products are in 8 bits, with a scale for each row of a product on both sides, as CTranslate2 has them itself.
`training/whisper` says how the networks were written.
"""

from collections.abc import Mapping, Sequence
from importlib import resources

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from pipeline.inference.weights import Variables

HEAD_SIZE = 64
"""Of every Whisper model."""
_LARGEST_INT8 = 127
# Of `onnx.proto`: the numbers of the fields that are written here, and of the types of numbers.
_GRAPH, _INITIALIZER, _DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 7, 5, 1, 2, 8, 9
_TYPES = {"float32": 1, "int8": 3, "int64": 7}
_NUMBER, _BYTES = 0, 2
_SEVEN_BITS = 0x7F

Array = NDArray[np.float32]
Weights = Mapping[str, NDArray[np.generic]]
Inputs = Mapping[str, OrtValue]


class Network:
    """One of the networks; several threads may run it at once.

    Args:
        name: of the file.
        threads: so many cores; 0 leaves their number to the library.
        weights: those that the network is to have from the beginning, if they are not inputs of it.
    """

    def __init__(self, name: str, threads: int, weights: Weights | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads, options.intra_op_num_threads = 1, threads
        # The arena would keep the memory of the longest window, and saves no time.
        options.enable_cpu_mem_arena = False
        # Threads that wait for work by running take it from the other lanes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Products of unsigned and signed numbers overflow on processors without VNNI; this takes others there.
        options.add_session_config_entry("session.x64quantprecision", "1")
        network = resources.files(__package__).joinpath(f"{name}.onnx").read_bytes() + _appended(weights or {})
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def __call__(self, outputs: Sequence[str], inputs: Inputs) -> list[OrtValue]:
        """The outputs of these names."""
        try:
            return list(self._session.run_with_ort_values(list(outputs), inputs))
        except (Fail, RuntimeException) as error:
            # Named as the errors of other libraries are, so that one of memory is recognised.
            raise RuntimeError(str(error)) from error


def given(value: NDArray[np.generic]) -> OrtValue:
    """An input."""
    return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value))


def product_weights(variables: Variables, source: str, name: str) -> dict[str, NDArray[np.generic]]:
    """The weights of the product `name` in a network, from the variables whose names begin with `source`."""
    rounded, scale = _in_8_bits(variables, f"{source}/weight")
    has_bias = f"{source}/bias" in variables
    return {
        f"{name}/weight": np.ascontiguousarray(rounded.T),
        f"{name}/weight_scale": scale,
        f"{name}/bias": floats(variables, f"{source}/bias") if has_bias else np.zeros(len(scale), np.float32),
    }


def norm_weights(variables: Variables, source: str, name: str) -> dict[str, NDArray[np.generic]]:
    """The weights of the layer normalisation `name`, likewise."""
    return {f"{name}/{each}": floats(variables, f"{source}/{each}") for each in ("gamma", "beta")}


def floats(variables: Variables, name: str) -> Array:
    """A variable as float32, whatever its numbers are."""
    value = variables[name]
    if value.dtype != np.int8:
        return np.ascontiguousarray(value, np.float32)
    scale = variables[f"{name}_scale"].astype(np.float32)
    return np.asarray(value.astype(np.float32) / scale.reshape(-1, *(1,) * (value.ndim - 1)))


def _in_8_bits(variables: Variables, name: str) -> tuple[NDArray[np.int8], Array]:
    """Rows as integers from -127 to 127, and what each row is to be multiplied with."""
    if variables[name].dtype == np.int8:
        return variables[name].astype(np.int8), 1 / floats(variables, f"{name}_scale")
    weight = floats(variables, name)
    scale = np.maximum(weight.max(axis=1), -weight.min(axis=1)) / np.float32(_LARGEST_INT8)
    rounded = weight / np.maximum(scale, np.float32(1e-12))[:, None]
    return np.rint(rounded, out=rounded).astype(np.int8), scale


def _appended(weights: Weights) -> bytes:
    """What has to stand behind the bytes of a network to give it these weights.

    Messages of Protocol Buffers that stand one behind the other are read as one, with the lists of both joined.
    """
    tensors = b"".join(_field(_INITIALIZER, _tensor(name, value)) for name, value in weights.items())
    return _field(_GRAPH, tensors) if weights else b""


def _tensor(name: str, value: NDArray[np.generic]) -> bytes:
    dims = b"".join(_varint(_DIMS << 3 | _NUMBER) + _varint(size) for size in value.shape)
    kind = _varint(_DATA_TYPE << 3 | _NUMBER) + _varint(_TYPES[value.dtype.name])
    return dims + kind + _field(_NAME, name.encode()) + _field(_RAW_DATA, value.tobytes())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth bit says that another follows."""
    found = bytearray()
    while value > _SEVEN_BITS:
        found.append(value & _SEVEN_BITS | ~_SEVEN_BITS & 0xFF)
        value >>= 7
    return bytes([*found, value])
