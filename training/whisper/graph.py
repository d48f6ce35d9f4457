"""Networks for ONNX Runtime, written operator by operator, and the parts that Whisper's networks share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEAD_SIZE = 64
"""Of every Whisper model."""
EPSILON = 1e-5
LEAST = 1e-9
LARGEST = 127
OPSET, IR_VERSION = 20, 9
CONTRIBUTED = "com.microsoft"
"""Operators of ONNX Runtime: attention without a matrix of all pairs in memory, and matrix products of 8 bits."""


class Graph:
    """A network while it is written: each method adds an operator and gives back the name of what comes out.

    Args:
        has_weights: whether weights are put into the network when it is loaded, which readies them for products once.
            Else they are inputs, and one network serves all layers.
    """

    def __init__(self, *, has_weights: bool = False) -> None:
        self._has_weights = has_weights
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        """An input; names in its shape are sizes that vary."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def weight(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        """A weight, by the name of the variable in CTranslate2's form of the model."""
        return name if self._has_weights else self.input(name, shape, kind)

    def constant(self, value: float | Sequence[int] | Sequence[float], kind: type | None = None) -> str:
        """A tensor that is always the same: of int64 or float32, if no kind of number is told."""
        name = f"constant{len(self._constants)}"
        array = np.array(value, kind)
        array = array if kind else array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def __call__(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """An operator with one output."""
        return self.several(operator, *inputs, count=1, domain=domain, **attributes)[0]

    def several(self, operator: str, *inputs: str, count: int, domain: str = "", **attributes: Any) -> list[str]:
        """An operator with several outputs."""
        outputs = [f"{operator}{len(self._nodes)}.{number}" for number in range(count)]
        self._nodes.append(helper.make_node(operator, list(inputs), outputs, domain=domain, **attributes))
        return outputs

    def saved(self, path: Path, **outputs: str) -> None:
        """Write the network; `outputs` are names by which its outputs are asked for."""
        named = [helper.make_node("Identity", [inside], [name]) for name, inside in outputs.items()]
        told = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph([*self._nodes, *named], path.stem, self._inputs, told, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="voxqueue")
        path.write_bytes(model.SerializeToString())


def normal(graph: Graph, x: str, name: str) -> str:
    """A layer normalisation."""
    scale, shift = (graph.weight(f"{name}/{each}", ("width",)) for each in ("gamma", "beta"))
    return graph("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)


def product(graph: Graph, x: str, name: str, shape: tuple[str, str]) -> str:
    """`x` times a matrix of 8 bits with a scale a column: each row of `x` is rounded to 8 bits on a scale of its own.

    The operators know one scale for all rows, so they are brought to one range before it, and back after it.
    """
    weight = graph.weight(f"{name}/weight", shape, TensorProto.INT8)
    scale = graph.weight(f"{name}/weight_scale", shape[1:])
    bias = graph.weight(f"{name}/bias", shape[1:])
    largest = graph(
        "Max", graph("ReduceMax", graph("Abs", x), graph.constant([-1]), keepdims=1), graph.constant([LEAST])
    )
    step, middle = graph.constant(1 / LARGEST), graph.constant(128, np.uint8)
    rounded = graph("QuantizeLinear", graph("Div", x, largest), step, middle)
    y = graph("MatMulIntegerToFloat", rounded, weight, step, scale, middle, domain=CONTRIBUTED)
    return graph("Add", graph("Mul", y, largest), bias)


def feed_forward(graph: Graph, x: str) -> str:
    """The last part of a layer, in the encoder and in the decoder."""
    y = product(graph, normal(graph, x, "ffn/layer_norm"), "ffn/linear_0", ("width", "four"))
    return graph("Add", x, product(graph, graph("Gelu", y), "ffn/linear_1", ("four", "width")))
