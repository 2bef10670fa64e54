"""One set of edges: every estimator that bins values puts them where numpy.histogram does."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import bitlens
from bitlens import EqualWidth, _core, reference


def of_neurons(values, bins):
    labels = np.arange(len(values)) % 2
    return float(bitlens.neuron_information(values[:, None], labels, EqualWidth(bins)).entropy[0])


def of_maps(values, bins):
    return float(bitlens.intra_sample_entropy(values[None, None], bins)[0, 0])


def of_layers(values, bins):
    return bitlens.binned_information(values[:, None], bins=bins).input


def twin(values, bins):
    return reference.entropy(np.histogram(values.astype(np.float64), bins)[0])


each_estimator = pytest.mark.parametrize("estimate", [of_neurons, of_maps, of_layers])


@each_estimator
def test_whole_numbers(estimate):
    """All edges are whole numbers: each bin has one value, the last one two."""
    for bins in range(2, 257):
        values = np.arange(bins + 1.0)
        expected = reference.entropy(np.r_[np.ones(bins - 1), 2.0])
        for moved in (values, values - 100, -values, values * 0.25, values.astype(np.float32), values.astype(np.int16)):
            assert estimate(moved, bins) == pytest.approx(expected, abs=1e-12), bins


def levels(count, dtype):
    return (np.arange(count + 1) / count).astype(dtype)


RNG = np.random.default_rng(0)

# id: values
VALUES = {
    "k/255": levels(255, np.float64),
    "k/255 in float32": levels(255, np.float32),
    "k/127 around 0": np.r_[-levels(127, np.float64)[:0:-1], levels(127, np.float64)],
    "k/127 around 0 in float32": np.r_[-levels(127, np.float32)[:0:-1], levels(127, np.float32)],
    "k/10": np.arange(11) / 10,
    "tenths below 0": np.arange(-30, -9) / 10,
    "uint8": np.arange(256, dtype=np.uint8),
    "int8": np.arange(-128, 128).astype(np.int8),
    "float16": levels(255, np.float16),
    "normal": RNG.normal(size=500),
    "normal in float32": RNG.normal(size=500).astype(np.float32),
    "an offset": RNG.normal(size=500) + 1e9,
    "a constant": np.full(9, 0.1),
    "zeros": np.zeros(9),
    "a range near the largest": RNG.uniform(-8.9e307, 8.9e307, 500),
    "whole numbers near the largest": np.arange(-16, 17) * 2.0**1018,
    "the largest float32": RNG.uniform(-3.4e38, 3.4e38, 500).astype(np.float32),
    "small": RNG.normal(size=500) * 1e-200,
}


@each_estimator
@pytest.mark.parametrize("name", VALUES)
def test_values_against_numpy(name, estimate):
    values = VALUES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for bins in (2, 3, 7, 10, 30, 32, 100, 127, 128, 255, 256):
            assert estimate(values, bins) == pytest.approx(twin(values, bins), abs=1e-12), bins


# id: values of which numpy.histogram says that the bins are too many for their range
NARROW = {
    "subnormal": np.array([0, 1, 1, 3, 5, 5, 6, 9]) * 5e-324,
    "close together": 1 + np.array([0, 1, 1, 3, 5, 5, 6, 9]) * 2.0**-52,
    "a large constant": np.full(9, 1e308),
    "a small constant": np.full(9, -5e-324),
}


@each_estimator
@pytest.mark.parametrize("name", NARROW)
def test_ranges_of_few_numbers(name, estimate):
    """Each distinct value has its own bin where the bins are many more than the values."""
    expected = reference.entropy(np.unique(NARROW[name], return_counts=True)[1])
    for bins in (30, 32, 255, 256):
        assert estimate(NARROW[name], bins) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("estimate", [of_neurons, of_layers])
def test_ranges_beyond_a_float64(estimate):
    values = np.array([-1.7e308, -0.8e308, 0.8e308, 1.7e308, 1.7e308, 1.7e308, -1.7e308, -1.7e308])
    for bins in (4, 5):
        assert estimate(values, bins) == pytest.approx(reference.entropy(np.array([3, 1, 1, 3])), abs=1e-12)


def test_edges_are_those_of_linspace():
    ranges = np.array([[0, 1], [-1, 1], [0.1, 0.7], [-3e-7, 2e5], [-1e307, 1.5e307], [2, 2], [1e-300, 3e-300]])
    for bins in (2, 3, 10, 32, 255, 256):
        edges = np.empty((len(ranges), bins - 1))
        _core.bin_edges(ranges, edges)
        for (low, high), row in zip(ranges, edges, strict=True):
            expected = np.linspace(low, high, bins + 1)[1:-1] if low < high else np.full(bins - 1, math.inf)
            np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_given_range_has_the_same_edges_in_both(dtype):
    """The range of float32 values is widened to the nearest float32."""
    values = (np.arange(41) / 40 * 0.1).astype(dtype)
    for bins in (4, 10, 20, 40):
        maps = bitlens.intra_sample_entropy(values[None, None], bins, (0, 0.1))[0, 0]
        layers = bitlens.binned_information(values[:, None], bins=bins, value_range=(0, 0.1)).input
        high = max(0.1, float(dtype(0.1)))
        counts = np.histogram(values.astype(np.float64), bins, (0, high))[0]
        assert maps == pytest.approx(reference.entropy(counts), abs=1e-12)
        assert layers == pytest.approx(maps, abs=1e-12)
