"""The kernels of matrix-based Renyi entropies: linear, cosine and Gaussian, alone and in products."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Cosine, Gaussian, Linear, Median, UndefinedWarning
from bitlens.estimators.matrix.kernels import as_kernel
from tests.support.hidden_state_arrays import A, B, C

LABELS = np.arange(24) % 3
KERNELS = [Linear(), Cosine(), Linear(center=True), Cosine(center=True)]


def gram(x, kernel):
    x = x - x.mean(axis=0) if kernel.center else x
    if as_kernel(kernel).unit:
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return x @ x.T


def entropy(matrix, alpha):
    values = np.linalg.eigvalsh(matrix / np.trace(matrix))
    values = values[values > 1e-13]
    if alpha == 1:
        return -(values * np.log2(values)).sum()
    return math.log2((values**alpha).sum()) / (1 - alpha)


def close(found, expected, tolerance=1e-9):
    assert found == pytest.approx(expected, abs=tolerance)


def test_a_cosine_is_a_linear_kernel_of_unit_rows():
    assert as_kernel(Cosine()) == Linear(unit=True)
    assert as_kernel(Cosine(center=True)) == Linear(center=True, unit=True)
    assert Cosine() == Cosine(center=False)


@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 3])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_definitions(kernel, alpha):
    for x in (A, B, C):
        close(bitlens.renyi_entropy(x, alpha, kernel=kernel), entropy(gram(x, kernel), alpha))
    of_a, of_b = gram(A, kernel), gram(C[:24], kernel)
    same = (LABELS[:, None] == LABELS).astype(float)
    joint = entropy(of_a * of_b, alpha)
    close(bitlens.renyi_joint_entropy([A, C[:24]], alpha, kernel=kernel), joint)
    close(bitlens.renyi_joint_entropy([A, C[:24]], alpha, kernel=kernel, scale_bandwidth=False), joint)
    close(bitlens.renyi_joint_entropy([A, LABELS, C[:24]], alpha, kernel=kernel), entropy(of_a * of_b * same, alpha))
    expected = entropy(of_a, alpha) + entropy(of_b, alpha) - joint
    close(bitlens.renyi_mutual_information(A, C[:24], alpha, kernel=kernel), expected)
    expected = math.log2(3) + entropy(of_a, alpha) - entropy(of_a * same, alpha)
    close(bitlens.renyi_mutual_information(LABELS, A, alpha, kernel=kernel), expected)
    close(bitlens.renyi_entropy(LABELS, alpha, kernel=kernel), math.log2(3))


@pytest.mark.parametrize("bandwidth", [0.7, Median(), bitlens.NearestNeighbors(3)], ids=str)
def test_a_bandwidth_is_short_for_a_gaussian_kernel(bandwidth):
    kernel = Gaussian(bandwidth)
    assert bitlens.renyi_entropy(A, kernel=kernel) == bitlens.renyi_entropy(A, 1.01, bandwidth)
    assert bitlens.renyi_joint_entropy([A, B], kernel=kernel) == bitlens.renyi_joint_entropy([A, B], 1.01, bandwidth)
    found = bitlens.renyi_mutual_information(A, LABELS, 2, kernel=kernel)
    assert found == bitlens.renyi_mutual_information(A, LABELS, 2, bandwidth)
    assert bitlens.renyi_entropy(A) == bitlens.renyi_entropy(A, kernel=Gaussian())


def test_linear_kernels_are_exact_with_any_tolerance():
    x = np.random.default_rng(0).normal(size=(3000, 12)) + 1
    for alpha in (1, 1.01, 2):
        estimate = bitlens.renyi_entropy(x, alpha, kernel=Linear(), tolerance=0.1, full_output=True)
        assert estimate.exact
        close(estimate.value, entropy(x.T @ x, alpha))
        assert estimate.standard_error == 0


def test_tensors_and_half_precision():
    close(bitlens.renyi_entropy(torch.from_numpy(A), kernel=Linear()), bitlens.renyi_entropy(A, kernel=Linear()))
    half = torch.from_numpy(B).half()
    found = bitlens.renyi_entropy(half, kernel=Cosine(center=True))
    assert found == bitlens.renyi_entropy(half.float(), kernel=Cosine(center=True))
    images = A.reshape(24, 5, 8)
    assert bitlens.renyi_entropy(images, kernel=Linear()) == bitlens.renyi_entropy(A, kernel=Linear())


@pytest.mark.parametrize(
    "call",
    [
        lambda: bitlens.renyi_entropy(np.ones((5, 3)), kernel=Cosine(center=True)),
        lambda: bitlens.renyi_entropy(np.zeros((5, 3)), kernel=Linear()),
        lambda: bitlens.renyi_joint_entropy([np.ones((24, 3)), A], kernel=Cosine(center=True)),
        lambda: bitlens.renyi_mutual_information(LABELS, np.zeros((24, 2)), kernel=Linear()),
    ],
)
def test_kernels_that_are_zero_have_no_entropy(call):
    message = "expected a kernel that is not 0 everywhere, got 1 of 1 without"
    with pytest.warns(UndefinedWarning, match=message) as caught:
        assert math.isnan(call())
    assert caught[0].filename == __file__


FUNCTIONS = {
    "entropy": bitlens.renyi_entropy,
    "joint entropy": lambda x, *args, **kwargs: bitlens.renyi_joint_entropy([x, x], *args, **kwargs),
    "information": lambda x, *args, **kwargs: bitlens.renyi_mutual_information(x, x, *args, **kwargs),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_refused_arguments(name):
    function = FUNCTIONS[name]
    with pytest.raises(ValueError, match=r"^bandwidth: expected none together with a kernel, got 2.0 and Linear"):
        function(A, 1.01, 2.0, kernel=Linear())
    with pytest.raises(ValueError, match=r"^bandwidth: expected none together with a kernel, got Median\(\) and Gauss"):
        function(A, bandwidth=Median(), kernel=Gaussian(1.0))
    with pytest.raises(TypeError, match=r"^kernel: expected Gaussian\(\), Linear\(\) or Cosine\(\), got 'linear'"):
        function(A, kernel="linear")
    with pytest.raises(ValueError, match=r"^alpha: expected a finite number above 0, got 0"):
        function(A, 0, kernel=Linear())


def test_samples_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^y: expected the same samples in each, got 24 and 60"):
        bitlens.renyi_mutual_information(A, C, kernel=Linear())
    with pytest.raises(ValueError, match=r"^x: expected at least 2 samples, got 1"):
        bitlens.renyi_entropy(A[:1], kernel=Linear())
