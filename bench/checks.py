"""Checks of results against the definitions in float64 NumPy and SciPy, each with a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from bench.data import NDArray
from bench.timing import WrongResultError
from bitlens.arrays import ArrayContext
from bitlens.estimators.neighbors.nearest import search
from bitlens.reference import entropy


def close(value: Any, expected: Any, tolerance: float, unit: str = "bits") -> str:
    """Return a sentence with the largest deviation; raise WrongResultError if it exceeds the tolerance."""
    deviation = float(np.abs(np.asarray(value, np.float64) - np.asarray(expected, np.float64)).max())
    if not deviation <= tolerance:  # also true for NaN
        raise WrongResultError(f"off by {deviation:.2g} {unit}, at most {tolerance:g} allowed")
    return f"off by at most {deviation:.1g} {unit} ({tolerance:g} allowed)"


def entropy_close(reference: Callable[[], float], tolerance: float) -> Callable[[float], str]:
    """Return the check of an entropy. The reference is computed when the check first runs."""
    return lambda value: f"{value:.4f} bits, {close(value, reference(), tolerance)}"


def lazy_sample_entropy(x: NDArray, k: int) -> Callable[[], float]:
    """Return a function that computes CNNSlicer eq. 4 to 7 once, by blocks of whole rows of distances."""

    @cache
    def value() -> float:
        from scipy import sparse

        points = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
        norms = (points**2).sum(axis=1)
        columns, weights = [], []
        for start in range(0, len(x), 1000):
            rows = slice(start, min(start + 1000, len(x)))
            squares = norms[rows, None] + norms - 2 * points[rows] @ points.T
            squares[np.arange(rows.stop - start), np.arange(start, rows.stop)] = np.inf
            nearest = np.argpartition(squares, k - 1, axis=1)[:, :k]
            distances = np.sqrt(np.maximum(np.take_along_axis(squares, nearest, axis=1), 0))
            columns.append(nearest)
            weights.append(np.exp(-distances / scales(distances)[:, None]))
        starts = np.arange(0, len(x) * k + 1, k)
        edges = sparse.csr_matrix(
            (np.concatenate(weights).ravel(), np.concatenate(columns).ravel(), starts), (len(x), len(x))
        )
        return entropy((edges + edges.T).data)

    return value


def scales(distances: NDArray) -> NDArray:
    """Solve sum_j exp(-d_j / s) = log2 k for s, by bisection in all rows at once."""
    target = np.log2(distances.shape[1])
    low = np.zeros(len(distances))
    high = distances.max(axis=1) * distances.shape[1]
    for _ in range(50):
        middle = (low + high) / 2
        above = np.exp(-distances / middle[:, None]).sum(axis=1) > target
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def distances_by_hand(x: NDArray, row: int, among: NDArray | None = None) -> NDArray:
    """Return the distances of one sample to all other samples, or to those of `among`; infinity to itself."""
    others = x if among is None else among
    distances = np.empty(len(others))
    for start in range(0, len(others), 2000):
        block = others[start : start + 2000].astype(np.float64) - x[row].astype(np.float64)
        distances[start : start + 2000] = np.sqrt((block**2).sum(axis=1))
    if among is None:
        distances[row] = np.inf
    return distances


def exact_neighbors(x: NDArray, k: int, among: NDArray | None = None) -> Callable[[tuple[NDArray, NDArray]], str]:
    """Return the check of (distances, indices): some samples must have exactly the true neighbours in order."""

    def check(result: tuple[NDArray, NDArray]) -> str:
        for row in sampled_rows(len(x), 5):
            expected = distances_by_hand(x, row, among)
            order = np.argsort(expected, kind="stable")[:k]
            np.testing.assert_array_equal(result[1][row], order)
            np.testing.assert_allclose(result[0][row], expected[order], rtol=1e-12)
        return f"exact, with ties by index; {how_found(x, k) if among is None else 'among other samples'}"

    return check


def how_found(x: NDArray, k: int) -> str:
    """Return how the k nearest neighbours of float32 samples are searched."""
    found = search(x, ArrayContext(), (float(x.min()), float(x.max())), k)
    if found.measured is None:
        return "by products of whole samples"
    coarse, finer = found.coordinates
    return f"by bounds of {coarse} and {finer} directions, which left {found.measured.mean():.0f} distances a sample"


def near_neighbors(
    x: NDArray, k: int, *, among: NDArray | None = None, least_recall: float = 0.9999
) -> Callable[[tuple[NDArray, NDArray]], str]:
    """Return the check of (distances, indices): distances are within 1e-3, and the recall is high enough.

    A neighbour counts as true if its distance is at most 1 + 1e-4 times that of the k-th neighbour, so that a library
    may resolve ties in any order.
    """

    def check(result: tuple[NDArray, NDArray]) -> str:
        hits = 0
        rows = sampled_rows(len(x), 50)
        for row in rows:
            exact = distances_by_hand(x, row, among)
            furthest = np.partition(exact, k - 1)[k - 1] * (1 + 1e-4)
            chosen = np.unique(result[1][row])
            hits += int((exact[chosen] <= furthest).sum())
            np.testing.assert_allclose(result[0][row], exact[result[1][row]], rtol=1e-3)
        recall = hits / (k * len(rows))
        if recall < least_recall:
            raise WrongResultError(f"recall {recall:.3f}, at least {least_recall} expected")
        return f"distances within 0.1 %, recall {recall:.3f}"

    return check


def sampled_rows(n: int, count: int) -> list[int]:
    """Return evenly spaced row numbers, including the first and the last."""
    return [int(row) for row in np.linspace(0, n - 1, count)]


def mutual_information(a: NDArray, b: NDArray, bins: int) -> float:
    """Return the mutual information of the codes of two channels, in bits, by numpy.histogram2d."""
    counts = np.histogram2d(a, b, bins, ((0, bins), (0, bins)))[0]
    return entropy(counts.sum(axis=1)) + entropy(counts.sum(axis=0)) - entropy(counts)


def renyi_entropy(eigenvalues: NDArray, alpha: float) -> NDArray:
    """Return the Renyi entropy of spectra [..., n] in bits, by the form that stays accurate near alpha = 1."""
    spectrum = np.maximum(eigenvalues.astype(np.float64), 0)
    spectrum /= spectrum.sum(axis=-1, keepdims=True)
    logs = np.log(spectrum, where=spectrum > 0, out=np.zeros_like(spectrum))
    return np.log1p((spectrum * np.expm1((alpha - 1) * logs)).sum(axis=-1)) / ((1 - alpha) * np.log(2))
