"""Sigmas that are infinitely small or large beside the distances are refused; nothing becomes NaN without a word."""

from __future__ import annotations

import math
import re
import warnings

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Alignment, Dimension, Median, NearestNeighbors, Silverman
from bitlens.estimators.categories import category_exponents

X = np.random.default_rng(0).normal(size=(20, 3))
MAPS = np.random.default_rng(1).normal(size=(20, 4, 3))
LABELS = np.arange(20) % 2

# id: (function of the scale of the values and a bandwidth, the argument that it names)
USERS = {
    "renyi_entropy": (lambda s, b: bitlens.renyi_entropy(X * s, 1.01, b), "bandwidth"),
    "a tensor": (lambda s, b: bitlens.renyi_entropy(torch.from_numpy(X * s), 1.01, b), "bandwidth"),
    "below order 1": (lambda s, b: bitlens.renyi_entropy(X * s, 0.9, b), "bandwidth"),
    "renyi_joint_entropy": (lambda s, b: bitlens.renyi_joint_entropy([X * s, X * s], 1.01, b), "bandwidth"),
    "renyi_mutual_information": (lambda s, b: bitlens.renyi_mutual_information(X * s, LABELS, 2, b), "bandwidth"),
    "multivariate_information": (
        lambda s, b: bitlens.multivariate_information(LABELS, MAPS * s, bandwidth=b, permutations=2)[0],
        "bandwidth",
    ),
    "its x": (
        lambda s, b: bitlens.multivariate_information(X * s, MAPS, bandwidth_x=b, permutations=2)[0],
        "bandwidth_x",
    ),
    "channel_decomposition": (
        lambda s, b: bitlens.channel_decomposition(LABELS, MAPS * s, bandwidth=b).multivariate,
        "bandwidth",
    ),
}

# (scale of the values, bandwidth)
EXTREME = [
    (1, 1e-300),
    (1, 5e-324),
    (1, 1e-160),
    (1, 1e300),
    (1e222, 1.0),
    (1e-222, 1.0),
    *((scale, rule) for scale in (1e222, 1e300, 1e-222) for rule in (Silverman(), Dimension())),
    (1, Silverman(1e-300)),
    (1, Silverman(1e308)),
]


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize(("scale", "bandwidth"), EXTREME, ids=str)
@pytest.mark.parametrize("name", USERS)
def test_infinite_and_vanishing_sigmas_are_refused(name, scale, bandwidth):
    call, argument = USERS[name]
    message = (
        rf"^{argument}: expected a sigma within a factor of about 1e150 of the distances, which are up to \S+, "
        r"got \S+; scale the values or use Median\(\)$"
    )
    with pytest.raises(ValueError, match=message):
        call(scale, bandwidth)


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("rule", [Median(), NearestNeighbors(3), Alignment(LABELS)], ids=str)
@pytest.mark.parametrize("scale", [1e-300, 1e-222, 1e-150, 1e-100, 1e100, 1e150, 1e222, 1e300])
@pytest.mark.parametrize("name", USERS)
def test_rules_that_follow_the_distances_take_any_scale(name, scale, rule):
    call, _ = USERS[name]
    assert call(scale, rule) == pytest.approx(call(1, rule), abs=1e-9)


def test_an_alignment_names_its_first_sigma():
    assert bitlens.renyi_entropy(X * 1e200, 1.01, Alignment(LABELS, smallest=1e300)) > 0
    for smallest in (1e-300, 1e300):
        with pytest.raises(ValueError, match=r"^bandwidth: smallest: expected a sigma within a factor of about 1e150"):
            bitlens.renyi_entropy(X, 1.01, Alignment(LABELS, smallest=smallest))


def test_one_sigma_of_several_channels_is_refused():
    with pytest.raises(ValueError, match=r"^bandwidth: expected a sigma within .*, got 1e-300; "):
        bitlens.channel_decomposition(LABELS, MAPS, bandwidth=[1.0, 2.0, 1e-300, 1.0])


@pytest.mark.parametrize("rule", [Silverman(), Dimension(), Median(), 1e-300, 1.0], ids=str)
@pytest.mark.parametrize("value", [0.0, 1e-300, 1.0, 1e300])
def test_channels_of_equal_samples_have_no_entropy_with_any_sigma(value, rule):
    maps = MAPS.copy()
    maps[:] = value
    assert bitlens.renyi_entropy(maps, 1.01, rule) == 0
    found = bitlens.channel_decomposition(LABELS, maps, bandwidth=rule)
    assert abs(found.single).max() < 1e-9


def test_values_of_categories():
    tokens = np.random.default_rng(0).integers(0, 9, (12, 4))
    with pytest.raises(ValueError, match=r"^bandwidth: expected a sigma within a factor of about 1e150"):
        category_exponents(tokens, 1e-300)


def test_noise_without_variance():
    for variance in (1e-320, 5e-324):
        message = f"noise_variance: expected at least 2.23e-308, got {variance:.3g}; scale the values"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            bitlens.pairwise_distance_information(X, noise_variance=variance)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scale in (1, 1e10, 1e150, 1e222, 1e300):
            assert bitlens.pairwise_distance_information(X * scale, noise_variance=1e-307).upper.input == (
                pytest.approx(math.log2(20), abs=1e-9)
            )
            assert bitlens.pairwise_distance_information(X / scale, noise_variance=1e307).upper.input == 0
