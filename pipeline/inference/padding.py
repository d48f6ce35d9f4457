"""Padding in brief: positions that are alike are looked at as one, which has the weight of all.

A softmax over keys of which n are the same is one over the key, with the logarithm of n added to its weight.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from pipeline.inference.networks import Array

# With 32 of them log-probabilities are as good as with all positions; with every fourth position they are not.
_CLUSTERS = 64
_ITERATIONS = 10
_DIMENSIONS = 32
# The shortest segment has a second of padding of its own.
_NEVER_PADDING = 50


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which of the positions of a window without speech are alike; -1 for those at its start, which are none."""

    labels: NDArray[np.int64]

    @classmethod
    def of(cls, positions: Array) -> "Clusters":
        """Those of `positions` (n, values), by k-means of a random projection, which keeps distances.

        In double precision, whose last bit decides nothing: it differs with the number of threads.
        """
        projection = np.random.default_rng(0).standard_normal((positions.shape[1], _DIMENSIONS))
        points = positions[_NEVER_PADDING:].astype(np.float64) @ projection
        labels = np.full(len(positions), -1)
        if len(points):
            with warnings.catch_warnings():
                # As where there are fewer kinds of positions than clusters.
                warnings.filterwarnings("ignore", "One of the clusters is empty")
                _, found = kmeans2(points, min(_CLUSTERS, len(points)), _ITERATIONS, minit="++", seed=0)
            _, labels[_NEVER_PADDING:] = np.unique(found, return_inverse=True)
        return cls(labels)

    def means(self, positions: Array) -> Array:
        """The mean of each cluster, shape (..., clusters, values), of `positions` (..., n, values)."""
        found = np.empty((*positions.shape[:-2], self.labels.max() + 1, positions.shape[-1]), np.float32)
        for label in range(found.shape[-2]):
            found[..., label, :] = positions[..., self.labels == label, :].mean(axis=-2)
        return found

    def behind(self, count: int) -> tuple[NDArray[np.intp], Array]:
        """The clusters that have positions behind the first `count`, and the logarithms of how many."""
        sizes = np.bincount(self.labels[max(count, _NEVER_PADDING) :], minlength=1)
        some = np.flatnonzero(sizes)
        return some, np.log(sizes[some]).astype(np.float32)
