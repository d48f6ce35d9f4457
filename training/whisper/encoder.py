"""Whisper's encoder as two networks, whose weights are inputs: one pair serves models of all sizes."""

from pathlib import Path

from training.whisper.graph import CONTRIBUTED, HEAD_SIZE, Graph, feed_forward, normal, product


def write_front(path: Path) -> None:
    """Two convolutions: `frames` (1, bands, 2 n) to `positions` (1, n, width)."""
    graph = Graph()
    x = graph.input("frames", (1, "bands", "frames"))
    for name, inputs, stride in (("conv1", "bands", 1), ("conv2", "width", 2)):
        weight = graph.weight(f"{name}/weight", ("width", inputs, 3))
        bias = graph.weight(f"{name}/bias", ("width",))
        x = graph("Gelu", graph("Conv", x, weight, bias, kernel_shape=[3], pads=[1, 1], strides=[stride]))
    graph.saved(path, positions=graph("Transpose", x, perm=[0, 2, 1]))


def write_layer(path: Path) -> None:
    """One layer: `x` (1, n, width), which attends to itself and to `padding_values` (heads, m, 64).

    `padding_keys` (heads, m, 65) end in what is added to the weight of each: the operator for attention that is fast
    takes no such sum, so that a query ends in a one and a key of `x` in a zero.
    """
    graph = Graph()
    x = graph.input("x", (1, "positions", "width"))
    padding_keys = graph.input("padding_keys", ("heads", "padding", HEAD_SIZE + 1))
    padding_values = graph.input("padding_values", ("heads", "padding", HEAD_SIZE))

    y = product(graph, normal(graph, x, "self_attention/layer_norm"), "self_attention/linear_0", ("width", "three"))
    query, *own = (_by_heads(graph, each) for each in graph.several("Split", y, count=3, axis=2, num_outputs=3))
    one_more = graph.constant([0, 0, 0, 0, 0, 1])
    query, keys = (graph("Pad", each, one_more, graph.constant(end)) for each, end in ((query, 1.0), (own[0], 0.0)))
    keys, values = (
        graph("Concat", mine, theirs, axis=1) for mine, theirs in ((keys, padding_keys), (own[1], padding_values))
    )
    # Heads take the place of a batch, so that their number, an attribute of the operator, is that of no model.
    y = graph("MultiHeadAttention", query, keys, values, domain=CONTRIBUTED, num_heads=1, scale=HEAD_SIZE**-0.5)
    y = graph("Reshape", graph("Transpose", y, perm=[1, 0, 2]), graph.constant([0, -1]))
    y = graph("Unsqueeze", y, graph.constant([0]))
    x = graph("Add", x, product(graph, y, "self_attention/linear_1", ("width", "width")))
    graph.saved(path, y=feed_forward(graph, x), keys=own[0], values=own[1])


def _by_heads(graph: Graph, x: str) -> str:
    """(1, n, width) as (heads, n, 64)."""
    x = graph("Reshape", x, graph.constant([0, 0, -1, HEAD_SIZE]))
    return graph("Transpose", graph("Squeeze", x, graph.constant([0])), perm=[1, 0, 2])
