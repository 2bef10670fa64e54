"""Orders below 1: rounding errors do not count as eigenvalues, and what is left out is bounded and said."""

from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest
import torch

import bitlens
from bitlens import PrecisionWarning, reference
from bitlens.estimators.matrix import spectra

ORDERS = [0.05, 0.1, 0.3]

each_order = pytest.mark.parametrize("alpha", ORDERS)


def normal(n, *shape):
    return np.random.default_rng(n).normal(size=(n, *shape))


def warned_bits(x, alpha, bandwidth):
    """The entropy, and the bound that the warning names, or the limit if nothing was said."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        bits = bitlens.renyi_entropy(x, alpha, bandwidth)
    assert [warning.category for warning in raised] in ([], [PrecisionWarning])
    message = str(raised[0].message) if raised else f"could carry up to {PrecisionWarning.limit} bits"
    return bits, float(message.split("up to ")[1].split(" ")[0])


@each_order
@pytest.mark.parametrize("n", [100, 1000, 2000])
@pytest.mark.parametrize("classes", [1, 2, 10, 25])
def test_classes_of_equal_size(n, classes, alpha):
    """Every order gives log2 of their number. The kernel of 1000 samples and that of 2000 have other solvers."""
    labels = np.arange(n) % classes
    assert bitlens.renyi_entropy(labels, alpha) == pytest.approx(math.log2(classes), abs=1e-9)
    groups = labels[:, None] * 1e3 + np.zeros(3)
    assert bitlens.renyi_entropy(groups, alpha, 1.0) == pytest.approx(math.log2(classes), abs=1e-9)


@each_order
@pytest.mark.parametrize("n", [100, 1200])
def test_classes_of_unequal_size(n, alpha):
    shares = np.array([0.7, 0.2, 0.05, 0.05])
    labels = np.repeat(np.arange(4), (shares * n).astype(int))
    expected = math.log2((shares**alpha).sum()) / (1 - alpha)
    assert bitlens.renyi_entropy(labels, alpha) == pytest.approx(expected, abs=1e-9)
    assert bitlens.renyi_joint_entropy([labels, labels], alpha) == pytest.approx(expected, abs=1e-9)
    assert bitlens.renyi_mutual_information(labels, labels, alpha) == pytest.approx(expected, abs=1e-9)


@each_order
@pytest.mark.parametrize("large", [False, True])
def test_layers_of_classes(alpha, large, monkeypatch):
    """The users of spectra with several channels, by the core's solver and by LAPACK."""
    for name in ("_LARGE", "_LARGE_OF_SEVERAL"):
        monkeypatch.setattr(spectra, name, 2 if large else 1024)
    labels = np.arange(96) % 8
    maps = np.stack([labels % 2, labels // 2 % 2, labels // 4], axis=1) * 1e3
    found = bitlens.multivariate_information(labels, maps, alpha, bandwidth=1.0)
    assert found[:4] == pytest.approx([3, 3, 3, 3], abs=1e-9)
    decomposition = bitlens.channel_decomposition(labels, maps, alpha=alpha, bandwidth=1.0, permutations=1)
    np.testing.assert_allclose(decomposition.single, 1, atol=1e-9)
    np.testing.assert_allclose(decomposition.pair, 2, atol=1e-9)
    assert decomposition.multivariate == pytest.approx(3, abs=1e-9)
    as_tensors = bitlens.channel_decomposition(
        torch.from_numpy(labels), torch.from_numpy(maps), alpha=alpha, bandwidth=1.0
    )
    np.testing.assert_allclose(as_tensors.pair.numpy(), 2, atol=1e-9)


@each_order
@pytest.mark.parametrize("n", [2, 50, 1500])
def test_samples_that_are_all_equal(n, alpha):
    assert bitlens.renyi_entropy(np.full((n, 3), 0.1), alpha) == pytest.approx(0, abs=1e-9)
    assert bitlens.renyi_entropy(np.zeros(n, int), alpha) == pytest.approx(0, abs=1e-9)


@each_order
@pytest.mark.parametrize("distance", [1e-3, 0.5, 3.0])
def test_two_samples(distance, alpha):
    k = math.exp(-(distance**2) / 2)
    shares = np.array([1 + k, -math.expm1(-(distance**2) / 2)]) / 2
    expected = math.log2((shares**alpha).sum()) / (1 - alpha)
    assert bitlens.renyi_entropy(np.array([[0.0], [distance]]), alpha, 1.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("alpha", [*ORDERS, 0.5, 0.9, 0.999, 1, 2])
@pytest.mark.parametrize("n", [30, 1100])
def test_the_twin(n, alpha):
    """Kernels without eigenvalues near the cut, on either side of which rounding decides."""
    x = normal(n, 40)
    expected = reference.spectrum_entropy(np.linalg.eigvalsh(reference.gaussian_gram(x, 3.0) / n), alpha)
    assert bitlens.renyi_entropy(x, alpha, 3.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("alpha", [*ORDERS, 0.5, 0.7])
@pytest.mark.parametrize("sigma", [0.5, 2.0, 20.0])
@pytest.mark.parametrize("large", [False, True])
def test_the_bound_holds_for_eigenvalues_of_60_digits(sigma, alpha, large, monkeypatch):
    """Points on a line, whose eigenvalues fall to 1e-60 and below."""
    for name in ("_LARGE", "_LARGE_OF_SEVERAL"):
        monkeypatch.setattr(spectra, name, 2 if large else 1024)
    points = np.linspace(0, 10, 24)
    with mpmath.workdps(120):
        rows = [[mpmath.exp(-((mpmath.mpf(a) - mpmath.mpf(b)) ** 2) / (2 * sigma**2)) for b in points] for a in points]
        spectrum = mpmath.eigsy(mpmath.matrix(rows) / 24, eigvals_only=True)
        assert min(spectrum) > 0
        exact = float(mpmath.log(mpmath.fsum(value**alpha for value in spectrum), 2) / (1 - alpha))
    bits, bound = warned_bits(points[:, None], alpha, sigma)
    assert exact - bound * 1.06 <= bits <= exact + 1e-3  # the message has two digits


def test_the_warning_names_the_bound_and_what_to_do():
    message = (
        r"^alpha: expected an order at which rounding errors of the kernel are negligible, got 0.1; eigenvalues below "
        r"2.2e-14 of the largest one are left out, which could carry up to 0\.\d+ bits; use a larger alpha or a smaller"
    )
    x = normal(100, 2)
    with pytest.warns(PrecisionWarning, match=message) as raised:
        bitlens.renyi_entropy(x, 0.1)
    assert raised[0].filename == __file__
    for alpha in (0.9, 1, 1.01, 2):
        bitlens.renyi_entropy(x, alpha)


def test_the_order_tends_to_1_without_a_step():
    x = normal(200, 2)
    at_1 = bitlens.renyi_entropy(x, 1)
    for below in (1e-12, 1e-9, 1e-6):
        assert bitlens.renyi_entropy(x, 1 - below) == pytest.approx(at_1, abs=1e-8 + 20 * below)
