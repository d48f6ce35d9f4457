"""Padding in brief is worth what all of it is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.inference.padding import Clusters

KINDS, POSITIONS, WIDTH = 40, 1500, 16
Array = NDArray[np.float32]


def _attended(query: Array, keys: Array, values: Array, bias: Array | float = 0.0) -> Array:
    weights = np.exp(keys @ query + bias)
    return np.asarray(weights / weights.sum() @ values)


@given(st.integers(0, 2**32 - 1), st.integers(50, POSITIONS - 1))
def test_positions_that_are_alike_weigh_as_much_as_one(seed: int, count: int) -> None:
    """Fewer kinds than clusters: what is attended to behind any position is the same."""
    chance = np.random.default_rng(seed)
    kinds = chance.standard_normal((KINDS, WIDTH))
    values = chance.standard_normal((KINDS, WIDTH))
    which = chance.integers(0, KINDS, POSITIONS)
    positions = kinds[which] + chance.standard_normal((POSITIONS, WIDTH)) / 1000
    clusters = Clusters.of(positions.astype(np.float32))
    some, weights = clusters.behind(count)
    query = chance.standard_normal(WIDTH) / 4
    brief = _attended(query, clusters.means(positions)[some], clusters.means(values[which])[some], weights)
    np.testing.assert_allclose(brief, _attended(query, positions[count:], values[which][count:]), atol=0.02)
    assert np.exp(weights).sum() == np.float32(POSITIONS - count)


def test_nothing_stands_behind_the_end() -> None:
    chance = np.random.default_rng(1)
    clusters = Clusters.of(chance.standard_normal((200, WIDTH)).astype(np.float32))
    some, weights = clusters.behind(200)
    assert len(some) == len(weights) == 0


def test_a_window_that_is_shorter_than_any_padding_has_none() -> None:
    clusters = Clusters.of(np.ones((20, WIDTH), np.float32))
    assert len(clusters.behind(10)[0]) == 0
    assert clusters.means(np.ones((20, WIDTH), np.float32)).shape == (0, WIDTH)
