"""`python -m training.encoder.export --out FOLDER`: Whisper's encoder as two networks, whose weights are inputs.

Needs `onnx`, which the project does not install. There are no weights in them, and no sizes: one pair serves Whisper
models of all sizes. Inputs have the names of the variables in CTranslate2's form of the model.
"""

import argparse
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
OPSET, IR_VERSION = 20, 9
CONTRIBUTED = "com.microsoft"
"""Operators of ONNX Runtime: attention without a matrix of all pairs in memory, and matrix products of 8 bits."""


class Graph:
    """A network while it is written: each method adds an operator and gives back the name of what comes out."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        """An input; names in its shape are sizes that vary."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def constant(self, value: Sequence[int] | Sequence[float]) -> str:
        """A tensor that is always the same."""
        name = f"constant{len(self._constants)}"
        array = np.array(value, np.int64 if isinstance(value[0], int) else np.float32)
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
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3) for name in outputs]
        graph = helper.make_graph([*self._nodes, *named], path.stem, self._inputs, told, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="voxqueue")
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


def write_front(path: Path) -> None:
    """Two convolutions: `frames` (1, bands, 2 n) to `positions` (1, n, width)."""
    graph = Graph()
    x = graph.input("frames", (1, "bands", "frames"))
    for name, inputs, stride in (("conv1", "bands", 1), ("conv2", "width", 2)):
        weight = graph.input(f"{name}/weight", ("width", inputs, 3))
        bias = graph.input(f"{name}/bias", ("width",))
        x = graph("Gelu", graph("Conv", x, weight, bias, kernel_shape=[3], pads=[1, 1], strides=[stride]))
    graph.saved(path, positions=graph("Transpose", x, perm=[0, 2, 1]))


def write_layer(path: Path) -> None:
    """One layer: `x` (1, n, width), which attends to itself and to what `padding_*` (heads, m, 64) stand for."""
    graph = Graph()
    x = graph.input("x", (1, "positions", "width"))
    padding = [graph.input(f"padding_{name}", ("heads", "padding", HEAD_SIZE)) for name in ("keys", "values")]

    y = _product(graph, _normal(graph, x, "self_attention/layer_norm"), "self_attention/linear_0", ("width", "three"))
    query, *own = (_by_heads(graph, each) for each in graph.several("Split", y, count=3, axis=2, num_outputs=3))
    all_of = [graph("Concat", mine, theirs, axis=1) for mine, theirs in zip(own, padding, strict=True)]
    # Heads take the place of a batch, so that their number, an attribute of the operator, is that of no model.
    y = graph("MultiHeadAttention", query, *all_of, domain=CONTRIBUTED, num_heads=1)
    y = graph("Reshape", graph("Transpose", y, perm=[1, 0, 2]), graph.constant([0, -1]))
    y = graph("Unsqueeze", y, graph.constant([0]))
    x = graph("Add", x, _product(graph, y, "self_attention/linear_1", ("width", "width")))

    y = _product(graph, _normal(graph, x, "ffn/layer_norm"), "ffn/linear_0", ("width", "four"))
    y = _product(graph, graph("Gelu", y), "ffn/linear_1", ("four", "width"))
    graph.saved(path, y=graph("Add", x, y), keys=own[0], values=own[1])


def _normal(graph: Graph, x: str, name: str) -> str:
    scale, shift = (graph.input(f"{name}/{each}", ("width",)) for each in ("gamma", "beta"))
    return graph("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)


def _product(graph: Graph, x: str, name: str, shape: tuple[str, str]) -> str:
    """`x` times a matrix of 8 bits with a scale a column: each row of `x` is rounded to 8 bits on a scale of its own.

    The operator knows one scale for all rows, so they are brought to one range before it, and back after it.
    """
    weight = graph.input(f"{name}/weight", shape, TensorProto.INT8)
    scale = graph.input(f"{name}/weight_scale", shape[1:])
    bias = graph.input(f"{name}/bias", shape[1:])
    largest = graph("ReduceMax", graph("Abs", x), graph.constant([2]), keepdims=1)
    largest = graph("Max", largest, graph.constant([LEAST]))
    y = graph("DynamicQuantizeMatMul", graph("Div", x, largest), weight, scale, domain=CONTRIBUTED)
    return graph("Add", graph("Mul", y, largest), bias)


def _by_heads(graph: Graph, x: str) -> str:
    """(1, n, width) as (heads, n, 64)."""
    x = graph("Reshape", x, graph.constant([0, 0, -1, HEAD_SIZE]))
    return graph("Transpose", graph("Squeeze", x, graph.constant([0])), perm=[1, 0, 2])


def main() -> None:
    """Writes both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    folder: Path = parser.parse_args().out
    write_front(folder / "encoder_front.onnx")
    write_layer(folder / "encoder_layer.onnx")


if __name__ == "__main__":
    main()
