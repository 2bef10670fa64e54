"""The rules for the bandwidth of a kernel, and the arguments that functions with a bandwidth refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Alignment, Dimension, Median, NearestNeighbors, Silverman, reference
from bitlens.arrays import ArrayContext
from bitlens.estimators.matrix.bandwidths import sigmas

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def normal(n, *shape, seed=0):
    return np.random.default_rng([n, seed]).normal(size=(n, *shape))


@pytest.mark.parametrize("factor", [1e-200, 1e-3, 1e3, 1e200])
def test_rules_follow_the_scale(factor):
    x, maps = normal(40, 5), normal(40, 3, 4, seed=1)
    for rule in (Median(), NearestNeighbors(4), Alignment(np.arange(40) % 3)):
        a = bitlens.multivariate_information(x, maps, bandwidth=rule, bandwidth_x=rule)
        b = bitlens.multivariate_information(x * factor, maps * factor, bandwidth=rule, bandwidth_x=rule)
        assert a == pytest.approx(b, abs=1e-9, nan_ok=True)
    assert bitlens.renyi_entropy(x * factor, 1.01, 2 * factor) == pytest.approx(
        bitlens.renyi_entropy(x, 1.01, 2), abs=1e-9
    )


def test_rules_by_hand():
    x = np.array([0.0, 1.0, 3.0, 3.0])[:, None]  # distances 1 3 3 2 2 0
    for rule, sigma in [
        (Median(), 2.0),
        (Silverman(5.0), 5 * 4 ** (-1 / 5)),
        (Dimension(), math.sqrt(1 / 2)),
        (NearestNeighbors(1), (1 + 1 + 0 + 0) / 4),
        (NearestNeighbors(2), (2 + 1.5 + 1 + 1) / 4),
    ]:
        assert bitlens.renyi_entropy(x, 1.5, rule) == pytest.approx(bitlens.renyi_entropy(x, 1.5, sigma), abs=1e-12)


# Samples on a line: (positions, the nonzero distances in ascending order, their median by hand).
MEDIANS = {
    "an odd number": ([0, 1, 3], [1, 2, 3], 2.0),
    "an even number": ([0, 1, 3, 7], [1, 2, 3, 4, 6, 7], 3.5),
    "two in the middle far apart": ([0, 1, 10, 13], [1, 3, 9, 10, 12, 13], 9.5),
    "zeros are left out, an even number remains": ([0, 0, 1], [1, 1], 1.0),
    "zeros are left out, five remain": ([0, 0, 2, 3], [1, 2, 2, 3, 3], 2.0),
    "zeros are left out, four remain": ([0, 0, 0, 0, 5], [5, 5, 5, 5], 5.0),
    "zeros are left out, the two in the middle differ": ([0, 0, 1, 1, 4], [1, 1, 1, 1, 3, 3, 4, 4], 2.0),
    "one distance": ([2, 5], [3], 3.0),
    "zeros only": ([4, 4, 4], [], 1.0),
}


@pytest.mark.parametrize("name", MEDIANS)
def test_the_median_by_hand(name):
    positions, distances, median = MEDIANS[name]
    x = np.array(positions, float)
    table = abs(x[:, None] - x)
    assert sorted(distance for distance in table[np.triu_indices(len(x), 1)] if distance > 0) == distances
    for squares in (table[None] ** 2, torch.from_numpy(table[None] ** 2)):
        assert sigmas(Median(), squares, np.ones(1), 1, ArrayContext()).tolist() == [median]
    expected = bitlens.renyi_entropy(x[:, None], 1.5, median)
    assert bitlens.renyi_entropy(x[:, None], 1.5, Median()) == pytest.approx(expected, abs=1e-12)


def test_each_channel_has_its_median():
    """Channels with different numbers of zeros, the first of them constant."""
    channels = np.array([[4.0, 4, 4, 4], [0, 1, 3, 7], [0, 0, 2, 3]])
    table = abs(channels[:, :, None] - channels[:, None])
    for squares in (table**2, torch.from_numpy(table**2)):
        assert sigmas(Median(), squares, np.ones(3), 1, ArrayContext()).tolist() == [1, 3.5, 2]


def test_the_median_leaves_out_equal_samples():
    """Most distances of a rarely active channel are 0, and so would be the median of all distances."""
    x = np.zeros((30, 1))
    x[:3, 0] = [1, 2, 4]
    assert 0 < bitlens.renyi_entropy(x) < 1


def test_alignment_takes_the_kernel_most_like_that_of_the_labels():
    labels = np.arange(60) % 3
    x = labels[:, None] * 10.0 + normal(60, 2)
    distances = reference.pair_distances(x)
    ideal = (labels[:, None] == labels).astype(float)

    def alignment(sigma):
        kernel = np.exp(-(distances**2) / (2 * sigma**2))
        return (kernel * ideal).sum() / np.linalg.norm(kernel) / np.linalg.norm(ideal)

    mean = distances.mean()
    for rule, candidates in [
        (Alignment(labels), np.linspace(0.1 * mean, 10 * mean, 75) / math.sqrt(2)),
        (Alignment(labels, smallest=0.01), np.linspace(0.01, 10 * mean, 75) / math.sqrt(2)),
    ]:
        sigma = max(candidates, key=alignment)
        assert sigma not in candidates[[0, -1]]
        assert bitlens.renyi_entropy(x, 1.01, rule) == pytest.approx(bitlens.renyi_entropy(x, 1.01, sigma), abs=1e-9)


X, MAPS = normal(8, 3), normal(8, 4, 2, seed=1)

# (call, error, message)
REFUSED = [
    (lambda: bitlens.renyi_entropy(X[0]), ValueError, "x: expected shape (samples, ...), got (3,)"),
    (lambda: bitlens.renyi_entropy(X[:1]), ValueError, "x: expected at least 2 samples, got 1"),
    (lambda: bitlens.renyi_entropy(np.array([1])), ValueError, "x: expected at least 2 samples, got 1"),
    (lambda: bitlens.renyi_entropy(np.array([1, -1])), ValueError, "x: expected classes from 0 on, got -1"),
    (lambda: bitlens.renyi_entropy(X * np.nan), ValueError, "x: contains NaN or infinity"),
    (lambda: bitlens.renyi_entropy("abc"), TypeError, "x: expected a NumPy array or a PyTorch tensor, got str"),
    (lambda: bitlens.renyi_entropy(X, 0), ValueError, "alpha: expected a finite number above 0, got 0"),
    (lambda: bitlens.renyi_entropy(X, math.inf), ValueError, "alpha: expected a finite number above 0, got inf"),
    (lambda: bitlens.renyi_entropy(X, 1.01, 0), ValueError, "bandwidth: expected a finite number above 0, got 0"),
    (lambda: bitlens.renyi_entropy(X, 1.01, "paper"), TypeError, "bandwidth: expected a rule, sigma, or one sigma"),
    (lambda: bitlens.renyi_entropy(X, 1.01, [1.0, 2.0]), ValueError, "bandwidth: expected one sigma for each of 1"),
    (
        lambda: bitlens.renyi_entropy(X, 1.01, [-1.0]),
        ValueError,
        "bandwidth: expected finite numbers above 0, got -1.0",
    ),
    (lambda: bitlens.renyi_entropy(X, 1.01, Silverman(-5)), ValueError, "bandwidth: h: expected a finite number above"),
    (lambda: bitlens.renyi_entropy(X, 1.01, Silverman("h")), TypeError, "bandwidth: h: expected a number, got 'h'"),
    (
        lambda: bitlens.renyi_entropy(X, 1.01, NearestNeighbors(8)),
        ValueError,
        "bandwidth: expected m from 1 to n - 1 = 7",
    ),
    (
        lambda: bitlens.renyi_entropy(X, 1.01, Alignment(X[:, 0])),
        TypeError,
        "bandwidth: labels: expected integers, got float64",
    ),
    (lambda: bitlens.renyi_entropy(X, 1.01, Alignment()), ValueError, "bandwidth: expected an Alignment with labels"),
    (
        lambda: bitlens.renyi_entropy(X, 1.01, Alignment(np.arange(8), smallest=0)),
        ValueError,
        "bandwidth: smallest: expected a finite number above 0, got 0",
    ),
    (
        lambda: bitlens.published_settings("mine"),
        ValueError,
        "name: expected one of paper, repitl, tensor-kernel, got 'mine'",
    ),
    (lambda: bitlens.renyi_joint_entropy([]), ValueError, "variables: expected at least one array, got none"),
    (lambda: bitlens.multivariate_information(X, MAPS, seed=-1), ValueError, "seed: expected 0 or more, got -1"),
    (lambda: bitlens.channel_decomposition(X, MAPS, seed=-1), ValueError, "seed: expected 0 or more, got -1"),
    (
        lambda: bitlens.renyi_joint_entropy([X, X[:5]]),
        ValueError,
        "variables: expected the same samples in each, got 8",
    ),
    (
        lambda: bitlens.renyi_mutual_information(X, X[:5]),
        ValueError,
        "y: expected the same samples in each, got 8 and 5",
    ),
    (lambda: bitlens.multivariate_information(X[:5], MAPS), ValueError, "x: expected the 8 samples of maps, got 5"),
    (lambda: bitlens.multivariate_information(X, X[0]), ValueError, "maps: expected shape (samples, channels, ...)"),
    (
        lambda: bitlens.multivariate_information(X, MAPS, permutations=1),
        ValueError,
        "permutations: expected at least 2",
    ),
    (lambda: bitlens.channel_decomposition(X, MAPS[:, :1]), ValueError, "maps: expected at least 2 channels, got 1"),
    (
        lambda: bitlens.channel_decomposition(X, MAPS, permutations=-1),
        ValueError,
        "permutations: expected at least 0, got -1",
    ),
    (
        lambda: bitlens.channel_decomposition(X, MAPS, pairs=7),
        ValueError,
        "pairs: expected 1 to 6 for 4 channels, got 7",
    ),
    (lambda: bitlens.channel_decomposition(X, MAPS, pairs=2.0), TypeError, "pairs: expected an integer, got 2.0"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED, ids=[row[2] for row in REFUSED])
def test_refused(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).startswith(message)
