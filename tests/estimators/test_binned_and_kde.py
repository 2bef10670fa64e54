"""Information of layers by binning and by pairwise distances: closed forms, definitions, extreme input."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bitlens


def normal(n, *shape):
    return np.random.default_rng(n).normal(size=(n, *shape))


def test_binning_by_hand():
    t = np.array([[0.0, 0.0], [0.4, 0.1], [0.6, 0.0], [1.0, 1.0], [0.9, 1.0], [0.1, 0.3]])
    words = ["00", "00", "10", "11", "11", "00"]  # two bins for each value
    labels = np.array([0, 0, 0, 1, 1, 1])
    shares = np.unique(words, return_counts=True)[1] / 6
    entropy = -(shares * np.log2(shares)).sum()
    within = (
        -(2 / 3) * math.log2(2 / 3) - 1 / 3 * math.log2(1 / 3)
    ) * 1  # two and one sample of the same word in each class
    found = bitlens.binned_information(t, labels, bins=2)
    assert found[:2] == pytest.approx((entropy, entropy - within), abs=1e-12)


def test_binning_saturates_where_all_samples_differ():
    found = bitlens.binned_information(normal(200, 50), np.arange(200) % 10)
    assert found[:2] == pytest.approx((math.log2(200), math.log2(10)), abs=1e-9)
    assert found.labels_null_mean == pytest.approx(found.labels, abs=1e-9)  # chance alone gives as much
    assert (found.saturation, found.labels_p_value) == (pytest.approx(1), 1)


@pytest.mark.parametrize("bins", [2, 30, 256])
def test_one_value_carries_nothing(bins):
    found = bitlens.binned_information(np.full((9, 3), 2.0), np.arange(9) % 2, bins)
    assert found[:4] == (0, 0, 0, 0)
    assert (found.labels_p_value, found.saturation) == (1, 0)


def test_range_of_the_bins():
    t = np.array([[-0.9], [-0.1], [0.1], [0.9]])
    assert bitlens.binned_information(t, bins=2, value_range=(-1, 1)).input == 1
    assert bitlens.binned_information(t, bins=2, value_range=(1, 2)).input == 0
    assert math.isnan(bitlens.binned_information(t).labels)


def mixture_by_loops(t, labels, variance, divisor):
    def information(rows):
        total = 0.0
        for a in rows:
            total -= math.log2(np.mean([math.exp(-((a - b) ** 2).sum() / (divisor * variance)) for b in rows]))
        return total / len(rows)

    whole = information(t)
    return whole, whole - sum((labels == c).mean() * information(t[labels == c]) for c in np.unique(labels))


@pytest.mark.parametrize("variance", [0.01, 0.1, 3.0])
def test_pairwise_distances_by_loops(variance):
    t, labels = normal(30, 2, 2), np.arange(30) % 3
    found = bitlens.pairwise_distance_information(t, labels, variance)
    for bound, divisor in ((found.lower, 8), (found.upper, 2)):
        assert bound[:2] == pytest.approx(mixture_by_loops(t.reshape(30, -1), labels, variance, divisor), abs=1e-9)


def test_bounds_enclose_the_information_of_a_known_mixture():
    """Two Gaussians 4 standard deviations apart: the overlap reduces the information of one bit; by integration."""
    t = np.repeat([0.0, 4.0], 10)[:, None]
    grid = np.linspace(-10, 14, 20001)
    density = (np.exp(-(grid**2) / 2) + np.exp(-((grid - 4) ** 2) / 2)) / 2 / math.sqrt(2 * math.pi)
    entropy = -np.trapezoid(density * np.log2(density), grid)
    exact = entropy - math.log2(2 * math.pi * math.e) / 2
    found = bitlens.pairwise_distance_information(t, np.repeat([0, 1], 10), 1.0)
    assert found.lower.input < exact < found.upper.input
    assert found.upper.input == pytest.approx(found.upper.labels, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_far_apart_and_all_alike(scale):
    far = np.arange(8.0)[:, None] * 1e3 * scale
    found = bitlens.pairwise_distance_information(far, np.arange(8) % 2, min(scale, 1e100) ** 2 or 1e-300)
    if scale >= 1:
        assert found.lower[:2] == pytest.approx((3, 1), abs=1e-9)
    alike = bitlens.pairwise_distance_information(np.full((8, 3), scale), np.arange(8) % 2)
    assert alike.lower[:2] == alike.upper[:2] == (0, 0)


T = normal(8, 3)

# (call, error, message)
REFUSED = [
    (lambda: bitlens.binned_information(T * np.inf), ValueError, "activations: contains NaN or infinity"),
    (lambda: bitlens.binned_information(T[0]), ValueError, "activations: expected shape (samples, ...), got (3,)"),
    (lambda: bitlens.binned_information(T, bins=1), ValueError, "bins: expected 2 to 256, got 1"),
    (lambda: bitlens.binned_information(T, bins=257), ValueError, "bins: expected 2 to 256, got 257"),
    (lambda: bitlens.binned_information(T, bins=2.0), TypeError, "bins: expected an integer, got 2.0"),
    (lambda: bitlens.binned_information(T, np.zeros(7, int)), ValueError, "labels: expected shape (8,)"),
    (lambda: bitlens.binned_information(T, np.zeros(8)), TypeError, "labels: expected integers, got float64"),
    (lambda: bitlens.binned_information(T, value_range=(1, 1)), ValueError, "value_range: expected finite low < high"),
    (lambda: bitlens.binned_information(T, value_range=3), TypeError, "value_range: expected two numbers"),
    (
        lambda: bitlens.pairwise_distance_information(T, noise_variance=0),
        ValueError,
        "noise_variance: expected a finite",
    ),
    (
        lambda: bitlens.pairwise_distance_information(T, noise_variance="s"),
        TypeError,
        "noise_variance: expected a number",
    ),
    (lambda: bitlens.pairwise_distance_information(1.0), TypeError, "activations: expected a NumPy array"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED, ids=[row[2] for row in REFUSED])
def test_refused(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).startswith(message)
