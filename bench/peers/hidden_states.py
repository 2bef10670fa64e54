"""Entropies of hidden states through the D x D covariance, as in public code, and a surrogate without spectra."""

from __future__ import annotations

import numpy as np

from bench.data import NDArray


def numpy_covariance_entropies(states: NDArray) -> NDArray:
    """Return the entropy in bits of the D x D covariance of centred unit rows, for layers [L, n, D], in float64."""
    return np.array([_bits(np.linalg.eigvalsh(_covariance(layer.astype(np.float64)))) for layer in states])


def torch_covariance_entropies(states: NDArray) -> NDArray:
    """Return the same from PyTorch, in the type of the states."""
    import torch

    bits = []
    for layer in torch.from_numpy(states):
        rows = layer - layer.mean(0)
        rows = rows / rows.norm(dim=1, keepdim=True)
        bits.append(_bits(torch.linalg.eigvalsh(rows.T @ rows / len(rows)).numpy()))
    return np.array(bits)


def nuclear_norms(states: NDArray) -> NDArray:
    """Return the surrogate of the nuclear norm of centred unit rows of each layer: the largest norms of the columns.

    The sum of the min(n, D) largest norms of columns, divided by n (Li et al. 2024, arXiv 2410.10672).
    """
    import torch

    norms = []
    for layer in torch.from_numpy(states):
        rows = layer - layer.mean(0)
        rows = rows / rows.norm(dim=1, keepdim=True)
        largest = rows.norm(dim=0).sort(descending=True).values[: min(rows.shape)]
        norms.append(float(largest.sum()) / len(rows))
    return np.array(norms)


def _covariance(rows: NDArray) -> NDArray:
    rows = rows - rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.T @ rows / len(rows)


def _bits(values: NDArray) -> float:
    values = values[values > 0].astype(np.float64)
    values = values / values.sum()
    return float(-(values * np.log2(values)).sum())
