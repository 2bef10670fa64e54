"""Joint histograms of binned distances, and the distances, by numba, NumPy, scikit-learn, SciPy and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from bench.data import NDArray

Pairs = NDArray
"""int64 [pairs, 2]: the channels of a and of b."""

_ONE_HOT_ROWS = 8192


def information_of_counts(counts: NDArray, bins: int) -> NDArray:
    """Return the mutual information of tables [..., bins, bins] in bits."""
    counts = counts.reshape(*counts.shape[:-1], bins, bins) if counts.shape[-1] == bins**2 else counts
    return _sum_log(counts.sum(-1)) + _sum_log(counts.sum(-2)) - _sum_log(counts.reshape(*counts.shape[:-2], -1))


def _sum_log(counts: NDArray) -> NDArray:
    p = counts / counts.sum(axis=-1, keepdims=True)
    return -(p * np.log2(p, where=p > 0, out=np.zeros_like(p))).sum(axis=-1)


@cache
def _scatter() -> Callable[..., None]:
    """Compile the loop of numba: one table per pair of channels, on all cores, summed while it is in the cache."""
    import numba

    @numba.njit(parallel=True, fastmath=True)
    def scatter(a: Any, b: Any, bins: Any, sums: Any) -> None:
        for i in numba.prange(a.shape[0]):
            table = np.zeros(bins * bins, np.uint32)
            for j in range(b.shape[0]):
                table[:] = 0
                x, y = a[i], b[j]
                for p in range(x.shape[0]):
                    table[np.uint32(x[p]) * np.uint32(bins) + np.uint32(y[p])] += 1
                total = 0.0
                for count in table:
                    if count > 0:
                        total += count * np.log2(np.float64(count))
                sums[i, j] = total

    return scatter


def numba_information(a: NDArray, b: NDArray, bins: int = 32) -> NDArray:
    """Return the mutual information of all pairs of channels, [channels a, channels b]."""
    sums = np.empty((len(a), len(b)))
    _scatter()(a, b, bins, sums)
    n = a.shape[1]
    entropy_a, entropy_b = (_sum_log(np.array([np.bincount(row, minlength=bins) for row in x])) for x in (a, b))
    return entropy_a[:, None] + entropy_b - (np.log2(n) - sums / n)


def bincount_information(a: NDArray, b: NDArray, pairs: Pairs, bins: int = 32) -> NDArray:
    """Return mutual information by one bincount of combined codes per pair of channels."""
    rows = a.astype(np.intp) * bins
    return np.array([information_of_counts(np.bincount(rows[i] + b[j], minlength=bins**2), bins) for i, j in pairs])


def bincount_pairs(a: NDArray, b: NDArray, pairs: Pairs, bins: int = 32) -> NDArray:
    """Return the same for few pairs of channels: each pair converts the types of its codes."""
    return np.array(
        [
            information_of_counts(np.bincount(a[i].astype(np.intp) * bins + b[j], minlength=bins**2), bins)
            for i, j in pairs
        ]
    )


def histogram2d_information(a: NDArray, b: NDArray, pairs: Pairs, bins: int = 32) -> NDArray:
    """Return mutual information by one numpy.histogram2d per pair of channels."""
    edges = ((0, bins), (0, bins))
    return np.array([information_of_counts(np.histogram2d(a[i], b[j], bins, edges)[0], bins) for i, j in pairs])


def sklearn_information(a: NDArray, b: NDArray, pairs: Pairs) -> NDArray:
    """Return mutual information by one mutual_info_score per pair of channels."""
    from sklearn.metrics import mutual_info_score

    return np.array([mutual_info_score(a[i], b[j]) for i, j in pairs]) / np.log(2)


def one_hot_counts(a: NDArray, b: NDArray, bins: int = 32, *, integers: bool = False) -> NDArray:
    """Return all tables [channels a, bins, channels b, bins] by products of one-hot rows, by blocks of sample pairs.

    The products are exact in float32 and in int8.
    """
    import torch

    kind, total = (torch.int8, torch.int32) if integers else (torch.float32, torch.float32)
    values = torch.arange(bins, dtype=torch.uint8)[None, :, None]
    counts = torch.zeros(len(a) * bins, len(b) * bins, dtype=total)
    a_codes, b_codes = torch.from_numpy(a), torch.from_numpy(b)
    for start in range(0, a.shape[1], _ONE_HOT_ROWS):
        block = slice(start, start + _ONE_HOT_ROWS)
        x, y = (
            (codes[:, None, block] == values).to(kind).reshape(-1, codes[:, block].shape[1])
            for codes in (a_codes, b_codes)
        )
        if integers:
            counts += torch._int_mm(x, y.T)
        else:
            counts.addmm_(x, y.T)
    return counts.reshape(len(a), bins, len(b), bins).numpy()


def torch_codes(maps: NDArray, bins: int = 32) -> NDArray:
    """Return codes by torch.cdist of each channel and np.digitize into equal bins."""
    import torch

    tensor = torch.from_numpy(maps).flatten(2).transpose(0, 1).contiguous()
    upper = torch.triu_indices(len(maps), len(maps), 1)
    return np.stack([_digitize(torch.cdist(x, x)[upper[0], upper[1]].numpy(), bins) for x in tensor])


def scipy_codes(maps: NDArray, bins: int = 32) -> NDArray:
    """Return codes by scipy.spatial.distance.pdist of each channel in float64 and np.digitize."""
    from scipy.spatial.distance import pdist

    return np.stack([_digitize(pdist(maps[:, c].reshape(len(maps), -1)), bins) for c in range(maps.shape[1])])


def _digitize(distances: NDArray, bins: int) -> NDArray:
    return np.digitize(distances, np.linspace(distances.min(), distances.max(), bins + 1)[1:-1]).astype(np.uint8)


def all_pairs(a: int, b: int) -> Pairs:
    """Return every pair of channels, [a b, 2]."""
    return np.stack(np.meshgrid(np.arange(a), np.arange(b), indexing="ij"), axis=-1).reshape(-1, 2)


def sampled_pairs(a: int, b: int, count: int) -> Pairs:
    """Return `count` random pairs of channels."""
    everything = all_pairs(a, b)
    return everything[np.random.default_rng(0).permutation(len(everything))[:count]]
