"""Linear kernels of a layer's channels: whole layers, decompositions and Shannon invariants against plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Cosine, Gaussian, Linear, Median, UndefinedWarning
from bitlens.estimators.matrix.gram import shuffle_orders
from tests.support.hidden_state_arrays import A

X, MAPS = A[:, :7], A[:, 7:37].reshape(24, 5, 6)
LABELS = np.arange(24) % 3
KERNELS = [Linear(), Cosine(), Linear(center=True), Cosine(center=True)]

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def gram(x, kernel):
    x = x.reshape(len(x), -1)
    x = x - x.mean(axis=0) if kernel.center else x
    unit = isinstance(kernel, Cosine) or kernel.unit
    x = x / np.linalg.norm(x, axis=1, keepdims=True) if unit else x
    return x @ x.T


def entropy(matrix, alpha=1.01):
    values = np.linalg.eigvalsh(matrix / np.trace(matrix))
    return math.log2((values[values > 1e-13] ** alpha).sum()) / (1 - alpha)


def information(of_x, of_maps):
    return entropy(of_x) + entropy(of_maps) - entropy(of_x * of_maps)


def product(matrices):
    return np.prod(list(matrices), axis=0)


@pytest.mark.parametrize("x", [X, LABELS], ids=["values", "labels"])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_a_layer_is_the_product_of_its_channels(kernel, x):
    of_x = (LABELS[:, None] == LABELS).astype(float) if x is LABELS else gram(x, kernel)
    of_maps = product(gram(MAPS[:, i], kernel) for i in range(5))
    result = bitlens.multivariate_information(x, MAPS, kernel=kernel, permutations=3)
    assert result.information == pytest.approx(information(of_x, of_maps), abs=1e-9)
    orders = shuffle_orders(24, 3, 0)
    null = [information(of_x[np.ix_(order, order)], of_maps) for order in orders]
    assert (result.null_mean, result.null_std) == pytest.approx((np.mean(null), np.std(null, ddof=1)), abs=1e-9)
    whole = bitlens.multivariate_information(x, MAPS, kernel=kernel, permutations=3, tensor=True)
    assert whole.information == pytest.approx(information(of_x, gram(MAPS, kernel)), abs=1e-9)
    for scale in (True, False):  # linear kernels have no bandwidth
        same = bitlens.multivariate_information(x, MAPS, kernel=kernel, permutations=3, scale_bandwidth=scale)
        assert same == pytest.approx(result, nan_ok=True)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_decompositions_and_invariants(kernel):
    of_x, channels = gram(X, kernel), [gram(MAPS[:, i], kernel) for i in range(5)]
    result = bitlens.channel_decomposition(X, MAPS, kernel=kernel, permutations=2)
    assert result.single == pytest.approx([information(of_x, of) for of in channels], abs=1e-9)
    pairs = [information(of_x, channels[i] * channels[j]) for i, j in result.pairs]
    assert result.pair == pytest.approx(pairs, abs=1e-9)
    assert result.multivariate == pytest.approx(information(of_x, product(channels)), abs=1e-9)
    invariants = bitlens.shannon_invariants(X, MAPS, kernel=kernel, permutations=3)
    whole = information(of_x, product(channels))
    lost = sum(whole - information(of_x, product(channels[:i] + channels[i + 1 :])) for i in range(5))
    assert invariants.plain_redundancy == pytest.approx(sum(result.single) / whole, abs=1e-8)
    assert invariants.plain_vulnerability == pytest.approx(lost / whole, abs=1e-8)


FUNCTIONS = [bitlens.multivariate_information, bitlens.channel_decomposition, bitlens.shannon_invariants]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bandwidth_is_short_for_a_gaussian_kernel(function):
    assert repr(function(X, MAPS, permutations=2, kernel=Gaussian(0.4))) == repr(
        function(X, MAPS, permutations=2, bandwidth=0.4, bandwidth_x=0.4)
    )
    assert repr(function(X, MAPS, permutations=2)) == repr(
        function(X, MAPS, permutations=2, bandwidth=Median(), bandwidth_x=Median())
    )


def test_tensors_standard_errors_and_channel_axes():
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 4))
    maps = np.stack([x @ random.normal(size=(4, 4)), random.normal(size=(80, 4))], axis=1)
    settings = {"kernel": Cosine(center=True), "permutations": 4, "intervals": True}
    result = bitlens.multivariate_information(x, maps, **settings)
    assert 0 < result.standard_error < result.excess
    moved = bitlens.multivariate_information(
        torch.from_numpy(x), torch.from_numpy(maps.swapaxes(1, 2).copy()), **settings, channel_axis=2
    )
    assert moved == pytest.approx(result, abs=1e-9)


def test_a_channel_without_spread_has_no_kernel():
    maps = MAPS.copy()
    maps[:, 2] = 3
    message = r"^maps: expected kernels that are not 0 everywhere, got 1 of 5 without; .*; leave these channels out"
    with pytest.warns(UndefinedWarning, match=message) as caught:
        result = bitlens.multivariate_information(X, maps, kernel=Cosine(center=True), permutations=2)
    assert caught[0].filename == __file__
    assert math.isnan(result.information)
    assert math.isnan(result.p_value)
    with pytest.warns(UndefinedWarning, match=message):
        invariants = bitlens.shannon_invariants(X, maps, kernel=Cosine(center=True), permutations=2)
    assert math.isnan(invariants.redundancy)
    assert math.isnan(invariants.p_value)
    with pytest.warns(UndefinedWarning, match=message):
        single = bitlens.channel_decomposition(X, maps, kernel=Cosine(center=True), permutations=0).single
    assert np.isnan(single).tolist() == [False, False, True, False, False]
    with pytest.warns(UndefinedWarning, match=r"^x: expected kernels that are not 0 everywhere, got 1 of 1 without"):
        bitlens.multivariate_information(np.ones((24, 2)), MAPS, kernel=Linear(center=True), permutations=2)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"bandwidth": 2.0}, ValueError, r"^bandwidth: expected none together with a kernel, got 2.0 and Linear"),
        ({"bandwidth_x": 2.0}, ValueError, r"^bandwidth_x: expected none together with a kernel, got 2.0 and Linear"),
        ({"kernel": "linear"}, TypeError, r"^kernel: expected Gaussian\(\), Linear\(\) or Cosine\(\), got 'linear'"),
        ({"alpha": 0}, ValueError, "^alpha: expected a finite number above 0, got 0"),
    ],
)
def test_refused_arguments(function, settings, error, message):
    with pytest.raises(error, match=message):
        function(X, MAPS, **{"kernel": Linear(), **settings})


def test_samples_that_do_not_fit():
    with pytest.raises(ValueError, match=r"^x: expected the 24 samples of maps, got 20"):
        bitlens.multivariate_information(X[:20], MAPS, kernel=Linear())
