"""How to read an inter-sample entropy: its bound, ties, coinciding samples, diversity, null and standard error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import ArrayContext, NDArray, as_numpy, call_kernel, warn_caller
from bitlens.estimators.intervals import interval, jackknife_error
from bitlens.estimators.neighbors.scan import Neighbors

DIVERSITY_NEIGHBORS = 1500
"""The diversity is computed with all other samples as neighbours, or with this number of them."""

_SHUFFLES = 3


class NeighborWarning(UserWarning):
    """The inter-sample entropy depends on the order of the samples, or samples coincide and raise it."""


class InterSampleDiversity(NamedTuple):
    """The inter-sample entropy and what tells how to read it."""

    entropy: float
    """The inter-sample entropy in bits, as the paper defines it."""
    bound: float
    """The largest possible entropy, log2 min(2 n k, n (n - 1)) bits."""
    diversity: float
    """Entropy of distinct samples with `diversity_k` neighbours / its bound: 0 for a dead layer, 1 for white noise."""
    effective_share: float
    """2^(that entropy minus its bound), from 0 to 1. It spreads values that `diversity` compresses near 1."""
    diversity_k: int
    """Number of neighbours of the diversity. Compare only values of equal n and equal `diversity_k`."""
    distinct: int
    """Number of distinct samples. A dead layer has one."""
    without_scale: float
    """Share of samples that coincide with log2(k) or more neighbours: they raise the entropy towards its bound."""
    tied: int
    """Number of samples whose k-th neighbour is one of several at the same distance: their order decides."""
    null_mean: float
    """The entropy when every feature is shuffled by itself, in bits. It may be above or below the entropy."""
    null_std: float
    """The standard deviation of the entropy over three such shuffles, in bits."""
    standard_error: float
    """Standard error of the entropy in bits, by the jackknife; NaN without intervals, for fewer than 64 samples, or
    if k exceeds about 15/16 of the samples or of `diversity_k`."""
    low: float
    """Lower end of the 95 % interval of the entropy."""
    high: float
    """Upper end of the 95 % interval of the entropy."""


def entropy_of_neighbors(distances: Any, indices: Any, context: ArrayContext) -> float:
    """Compute the inter-sample entropy in bits from the neighbours [n, k], ordered by (distance, index)."""
    return float(_entropy_array(distances, indices, context)[0])


def _entropy_array(distances: Any, indices: Any, context: ArrayContext) -> Any:
    scales = neighbor_scales(distances, context)
    last = last_neighbors(distances, indices, context)
    return _entropy_array_of_sums(edge_sums(distances, indices, 0, scales, *last, context), context)


def neighbor_scales(distances: Any, context: ArrayContext) -> Any:
    """Compute the scale of each sample, float64 [samples], from the distances [samples, k] of its neighbours."""
    scales = context.empty((len(distances),), "float64")
    call_kernel(context, _core.neighbor_scales, distances, scales)
    return scales


def last_neighbors(distances: Any, indices: Any, context: ArrayContext) -> tuple[Any, Any]:
    """The distance and the index of each sample's last neighbour, which tell whether another one is among them."""
    return context.astype(distances[:, -1], "float64"), context.astype(indices[:, -1], "int32")


def edge_sums(
    distances: Any,
    indices: Any,
    first: int,
    scales: Any,
    last_distances: Any,
    last_indices: Any,
    context: ArrayContext,
) -> Any:
    """Compute the sums [samples, 2] over the pairs of a run of samples that begins at `first`.

    Scales and last neighbours are those of all samples, [n].
    """
    sums = context.empty((len(distances), 2), "float64")
    vectors = (scales, last_distances, last_indices)
    call_kernel(context, _core.edge_sums, distances, indices, first, *vectors, sums)
    return sums


def entropy_of_sums(sums: Any, context: ArrayContext) -> float:
    """Compute the inter-sample entropy in bits from the sums [n, 2] of all samples, in their order."""
    return float(_entropy_array_of_sums(sums, context)[0])


def _entropy_array_of_sums(sums: Any, context: ArrayContext) -> Any:
    entropy = context.empty((1,), "float64")
    call_kernel(context, _core.edge_entropy, sums, entropy)
    return entropy


def entropy_with_warnings(neighbors: Neighbors, context: ArrayContext) -> float:
    """Compute the entropy; warn where coinciding samples raise it, or else where the order of the samples decides."""
    n, k = neighbors.distances.shape
    entropy = _entropy_array(neighbors.distances, neighbors.indices, context)
    counts = context.empty((3,), "float64")  # read at once, so that the host waits for a GPU once
    counts[0], counts[1], counts[2] = entropy[0], without_scale(neighbors.distances), neighbors.ties.sum()
    bits, coinciding, tied = counts.tolist()
    warn_of_samples(n, k, int(coinciding), int(tied))
    return float(bits)


def warn_of_samples(n: int, k: int, coinciding: int, tied: int) -> None:
    """Warn of samples that coincide with their neighbours, or else of those that have ties."""
    if coinciding:
        warn_caller(
            f"x: {coinciding} of {n} samples coincide with log2(k) or more of their {k} neighbours; they raise "
            "the entropy, which reaches its bound for a dead layer; read the diversity of full_output=True",
            NeighborWarning,
        )
    elif tied:
        warn_caller(
            f"x: {tied} of {n} samples have several candidates for neighbour {k} at the same distance, of which "
            "the order of the samples chooses; this moves the entropy by some 0.01 bits; k = n - 1 has no ties",
            NeighborWarning,
        )


def diversity_of_neighbors(
    neighbors: Neighbors,
    nearly_all: Neighbors,
    groups: NDArray,
    shuffled: Callable[[np.random.Generator], float],
    context: ArrayContext,
    *,
    seed: int,
    intervals: bool,
) -> InterSampleDiversity:
    """Everything about the inter-sample entropy.

    `neighbors` are the k nearest, `nearly_all` the `diversity_neighbors` nearest with exact distances. Coinciding
    samples have the same number in `groups`; `shuffled` returns the entropy of the samples with shuffled features.
    """
    n, k = neighbors.distances.shape
    entropy = entropy_of_neighbors(neighbors.distances, neighbors.indices, context)
    count = diversity_neighbors(n)
    bound = entropy_bound(n, count)
    of_distinct = _entropy_of_distinct(nearly_all, groups, context)
    random = np.random.default_rng(seed)
    null = [shuffled(random) for _ in range(_SHUFFLES)]
    error = math.nan
    if intervals:
        distances, indices = as_numpy(nearly_all.distances), as_numpy(nearly_all.indices)
        error = float(
            jackknife_error(lambda kept: _entropy_of_kept(distances, indices, kept, k), n, seed, like=entropy)
        )
    low, high = interval(entropy, error)
    return InterSampleDiversity(
        entropy=entropy,
        bound=entropy_bound(n, k),
        diversity=min(1.0, of_distinct / bound) if bound > 0 else 0.0,
        effective_share=min(1.0, 2 ** (of_distinct - bound)),
        diversity_k=count,
        distinct=int(groups.max()) + 1,
        without_scale=float(without_scale(neighbors.distances)) / n,
        tied=int(neighbors.ties.sum()),
        null_mean=float(np.mean(null)),
        null_std=float(np.std(null, ddof=1)),
        standard_error=error,
        low=low,
        high=high,
    )


def diversity_neighbors(n: int) -> int:
    """The number of neighbours of the diversity of n samples."""
    return min(n - 1, DIVERSITY_NEIGHBORS)


def entropy_bound(n: int, k: int) -> float:
    """The largest inter-sample entropy in bits: that of equal probabilities of all pairs in the graph."""
    return math.log2(min(2 * n * k, n * (n - 1)))


def without_scale(distances: Any) -> Any:
    """The number of samples that coincide with log2(k) or more of their k neighbours."""
    return ((distances == 0).sum(1) >= math.log2(distances.shape[1])).sum()


def _entropy_of_distinct(neighbors: Neighbors, groups: NDArray, context: ArrayContext) -> float:
    """The entropy with rows normalised to log2(k), where coinciding samples are one point."""
    distances, indices = neighbors.distances, neighbors.indices
    points = int(groups.max()) + 1
    if points == len(groups):
        return entropy_of_neighbors(distances, indices, context)
    scales = neighbor_scales(distances, context)
    weights = context.empty(distances.shape, "float64")
    call_kernel(context, _core.neighbor_weights, distances, scales, weights)
    shares = as_numpy(weights)
    shares = shares / shares.sum(axis=1, keepdims=True)
    others = groups[as_numpy(indices)]
    both = np.stack([groups[:, None] * points + others, others * points + groups[:, None]])
    _, places = np.unique(both, return_inverse=True)
    sums: NDArray = np.bincount(places.reshape(-1), np.broadcast_to(shares, both.shape).reshape(-1))
    probabilities = sums[sums > 0] / sums.sum()  # which is 1 exactly for a single point
    return max(0.0, float(-(probabilities * np.log2(probabilities)).sum()))


def _entropy_of_kept(distances: NDArray, indices: NDArray, kept: NDArray, k: int) -> float:
    """The entropy of the kept samples from the neighbours of all samples; NaN where these are not enough."""
    position = np.full(len(distances), -1)
    position[kept] = np.arange(len(kept))
    width = min(indices.shape[1], 2 * k + 64)
    of_kept = position[indices[kept, :width]]
    present = of_kept >= 0
    if (present.sum(axis=1) < k).any():
        return math.nan
    first = np.argsort(~present, axis=1, kind="stable")[:, :k]
    nearest = np.take_along_axis(distances[kept, :width], first, axis=1)
    return entropy_of_neighbors(nearest, np.take_along_axis(of_kept, first, axis=1).astype(np.int32), ArrayContext())
