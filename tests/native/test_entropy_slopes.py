"""Derivatives of matrix-based entropies by quadrature agree with those by eigenvectors."""

from __future__ import annotations

import numpy as np
import pytest

from bitlens import _core


def entropy_slopes(matrices, alpha):
    entropies, slopes = np.empty(len(matrices)), np.empty(matrices.shape)
    _core.entropy_slopes(matrices, alpha, entropies, slopes)
    return entropies, slopes


def by_eigenvectors(matrix, alpha):
    values, vectors = np.linalg.eigh(matrix / np.trace(matrix))
    values = np.maximum(values, 1e-15)
    e = alpha - 1
    h = np.log(values) if alpha == 1 else np.expm1(e * np.log(values)) / e
    c = values @ h
    entropy = -(c if alpha == 1 else np.log1p(e * c) / e) / np.log(2)
    factors = alpha * (c - h) / ((1 + e * c) * np.trace(matrix) * np.log(2))
    return entropy, (vectors * factors) @ vectors.T


def gaussian_kernel(x, sigma):
    return np.exp(-((x[:, None] - x) ** 2).sum(-1) / (2 * sigma**2))


def samples(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("alpha", [1, 1.01, 1.25, 1.5])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 31, 65, 130])
def test_slopes_of_regular_kernels(n, alpha):
    matrices = np.stack([gaussian_kernel(samples(n, 12, seed), 2.5) * scale for seed, scale in ((0, 1), (1, 0.01))])
    entropies, slopes = entropy_slopes(matrices, alpha)
    for matrix, entropy, slope in zip(matrices, entropies, slopes, strict=True):
        expected, derivatives = by_eigenvectors(matrix, alpha)
        assert entropy == pytest.approx(expected, abs=1e-9)
        np.testing.assert_allclose(slope, derivatives, rtol=1e-8, atol=1e-8 / np.trace(matrix))
        np.testing.assert_array_equal(slope, slope.T)


@pytest.mark.parametrize("alpha", [1, 1.01, 1.5])
@pytest.mark.parametrize(
    "x",
    [samples(90, 1), np.repeat(samples(30, 8), 3, 0), np.zeros((20, 2)), np.repeat(np.eye(3), 20, 0) * 1e3],
    ids=["one dimension", "duplicates", "equal samples", "one-hot"],
)
def test_singular_kernels_have_finite_slopes(x, alpha):
    """Directions of eigenvalues near 0 have no precise slope; the gradient of the samples does not need it."""
    matrix = gaussian_kernel(x, 1.5)
    (entropy,), (slope,) = entropy_slopes(matrix[None], alpha)
    expected, derivatives = by_eigenvectors(matrix, alpha)
    assert np.isfinite(slope).all()
    assert entropy == pytest.approx(expected, abs=1e-9)
    found, wanted = ((weights.sum(1)[:, None] * x - weights @ x) for weights in (slope * matrix, derivatives * matrix))
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_matrices_without_an_entropy_are_nan():
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    matrices = np.stack([np.eye(2), indefinite, np.zeros((2, 2)), -np.eye(2), np.full((2, 2), np.nan)])
    entropies, slopes = entropy_slopes(matrices, 1.01)
    assert np.isnan(entropies).tolist() == [False, True, True, True, True]
    assert entropies[0] == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(slopes[0], 0, atol=1e-9)


def test_slopes_do_not_depend_on_threads(threads):
    matrices = np.stack([gaussian_kernel(samples(40, 5, seed), 2.0) for seed in range(9)])
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append(entropy_slopes(matrices, 1.01)[1])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
