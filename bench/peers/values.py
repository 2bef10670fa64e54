"""Entropies of value histograms by NumPy and PyTorch."""

from __future__ import annotations

import numpy as np

from bench.data import NDArray
from bench.peers.parallel import one_thread_each

_BLOCK = 64  # samples in a block, so that its codes fit in the cache


def entropy_rows(counts: NDArray) -> NDArray:
    """Return the entropies of histograms [..., bins] in bits."""
    p = counts / counts.sum(axis=-1, keepdims=True)
    return -(p * np.log2(p, where=p > 0, out=np.zeros_like(p))).sum(axis=-1)


def histogram_loop(maps: NDArray, low: float, high: float, bins: int = 32) -> NDArray:
    """Return the entropies [n, channels] by one numpy.histogram per map."""
    return np.array([[entropy_rows(np.histogram(v, bins, (low, high))[0]) for v in sample] for sample in maps])


def histc_loop(maps: NDArray, low: float, high: float, bins: int = 32) -> NDArray:
    """Return the entropies [n, channels] by one torch.histc per map."""
    import torch

    def of_sample(sample: torch.Tensor) -> NDArray:
        return torch.stack([torch.histc(values, bins, low, high) for values in sample]).numpy()

    with one_thread_each() as pool:
        counts = np.stack(list(pool.map(of_sample, torch.from_numpy(maps))))
    return entropy_rows(counts.astype(np.float64))


def bincount_blocks(maps: NDArray, bins: int = 32) -> NDArray:
    """Return the entropies by NumPy without a loop over maps: one bincount counts all maps of a block."""
    low, high = float(maps.min()), float(maps.max())
    n, channels, _ = maps.shape
    offsets = (np.arange(_BLOCK * channels) * bins)[:, None]
    entropies = np.empty((n, channels))
    for start in range(0, n, _BLOCK):
        block = maps[start : start + _BLOCK].reshape(-1, maps.shape[2])
        codes = np.minimum(((block - low) * (bins / (high - low))).astype(np.intp), bins - 1)
        codes += offsets[: len(codes)]
        counts = np.bincount(codes.ravel(), minlength=len(codes) * bins)
        entropies[start : start + _BLOCK] = entropy_rows(counts.reshape(-1, channels, bins))
    return entropies
