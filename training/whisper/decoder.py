"""Whisper's decoder as three networks: what it makes of an encoded window once, a layer, and the end of a step.

A step takes the hypotheses of several windows, as many of each, and one token of each hypothesis.
"""

from pathlib import Path

from onnx import TensorProto

from training.whisper.graph import CONTRIBUTED, HEAD_SIZE, Graph, feed_forward, normal, product


def write_memory(path: Path) -> None:
    """What a layer attends to: `memory` (1, n, width) to `keys` and `values` (1, heads, n, 64); weights are inputs."""
    graph = Graph()
    x = graph.input("memory", (1, "positions", "width"))
    y = product(graph, x, "attention/linear_1", ("width", "two"))
    keys, values = (_by_heads(graph, each) for each in graph.several("Split", y, count=2, axis=2, num_outputs=2))
    graph.saved(path, keys=keys, values=values)


def write_layer(path: Path) -> None:
    """One layer: `x` (rows, width), a row for each hypothesis, those of a window together.

    `past_*` (rows before, heads, t, 64) are of the step before, whose row a hypothesis continues is in `parents`;
    `memory_*` (windows, 1, heads, n, 64) what `write_memory` gave, `memory_bias` (windows, 1, 1, 1, n) what is added to
    the weight of each position, and `grid` windows, hypotheses of each, heads, 1 and 64.
    """
    graph = Graph(has_weights=True)
    x = graph.input("x", ("rows", "width"))
    past = [graph.input(f"past_{name}", ("before", "heads", "past", HEAD_SIZE)) for name in ("keys", "values")]
    parents = graph.input("parents", ("rows",), TensorProto.INT64)
    memory_keys, memory_values = (
        graph.input(f"memory_{name}", ("windows", 1, "heads", "n", HEAD_SIZE)) for name in ("keys", "values")
    )
    bias = graph.input("memory_bias", ("windows", 1, 1, 1, "n"))
    grid = graph.input("grid", (5,), TensorProto.INT64)

    y = product(graph, normal(graph, x, "self_attention/layer_norm"), "self_attention/linear_0", ("width", "three"))
    query, *new = (
        graph("Reshape", each, graph.constant([0, -1, 1, HEAD_SIZE]))
        for each in graph.several("Split", y, count=3, axis=1, num_outputs=3)
    )
    keys, values = (
        graph("Concat", graph("Gather", before, parents, axis=0), each, axis=2)
        for before, each in zip(past, new, strict=True)
    )
    y = _attention(graph, query, keys, values)
    y = graph("Reshape", y, graph("Shape", x))
    x = graph("Add", x, product(graph, y, "self_attention/linear_1", ("width", "width")))

    y = product(graph, normal(graph, x, "attention/layer_norm"), "attention/linear_0", ("width", "width"))
    # Each hypothesis by itself, so that its scores are the same to the last bit whatever the others are.
    y = _attention(graph, graph("Reshape", y, grid), memory_keys, memory_values, bias)
    y = graph("Reshape", y, graph("Shape", x))
    x = graph("Add", x, product(graph, y, "attention/linear_2", ("width", "width")))
    graph.saved(path, y=feed_forward(graph, x), keys=keys, values=values)


def write_vocabulary(path: Path) -> None:
    """The end of a step: `x` (rows, width) to the logits of each hypothesis.

    A vocabulary is text and, behind it, controls and timestamps; how many of each of the two is `parts`. Of text so
    many `candidates` come back, the likeliest, and the logarithm of the sum over all; of the others all logits.
    """
    graph = Graph(has_weights=True)
    x = graph.input("x", ("rows", "width"))
    candidates = graph.input("candidates", (1,), TensorProto.INT64)
    logits = product(graph, normal(graph, x, "layer_norm"), "projection", ("width", "tokens"))
    text, specials = graph.several("Split", logits, graph.weight("parts", (2,)), count=2, axis=1)
    likeliest, tokens = graph.several("TopK", text, candidates, count=2, axis=1)
    # This way it is a single pass of vector instructions, which the operator of this name is not.
    text_first, first = (
        graph("Gather", each, graph.constant([0]), axis=1) for each in (text, graph("LogSoftmax", text, axis=1))
    )
    graph.saved(path, text=likeliest, text_tokens=tokens, text_total=graph("Sub", text_first, first), specials=specials)


def _attention(graph: Graph, query: str, keys: str, values: str, bias: str | None = None) -> str:
    """Of (..., 1, 64) to (..., n, 64).

    The operators that do all of it take three times as long with so few queries.
    """
    scores = graph("FusedMatMul", query, keys, domain=CONTRIBUTED, transB=1, alpha=HEAD_SIZE**-0.5)
    scores = graph("Add", scores, bias) if bias else scores
    return graph("MatMul", graph("Softmax", scores, axis=-1), values)


def _by_heads(graph: Graph, x: str) -> str:
    """(1, n, width) as (1, heads, n, 64)."""
    return graph("Transpose", graph("Reshape", x, graph.constant([0, 0, -1, HEAD_SIZE])), perm=[0, 2, 1, 3])
