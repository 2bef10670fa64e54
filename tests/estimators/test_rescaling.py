"""Values whose squares overflow or underflow: when they are rescaled, and that results scale with them exactly.

Scaling by a power of two changes no digit of a float64 result, unless a square overflows or loses digits near zero.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bitlens
from bitlens.arrays import rescale_for_squares

# Around the threshold 2^400, and where squares would overflow (from 2^512 on) or lose digits (below 2^-485).
EXPONENTS = [399, 400, 401, 450, 511, 512, 513, 514, 520, 560, 600, 900]
EXPONENTS += [-exponent for exponent in EXPONENTS] + [-538, -1000]

each_exponent = pytest.mark.parametrize("exponent", EXPONENTS)
each_kind = pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])

MAPS = np.random.default_rng(0).normal(size=(40, 3, 5))


def rescaled(values, kind=np.asarray):
    scaled, unit = rescale_for_squares(kind(np.array(values, np.float64)[:, None]), "x", (0,))
    return np.asarray(scaled)[:, 0].tolist(), float(unit[0, 0])


@each_kind
@pytest.mark.parametrize("peak", [2.0**400, -(2.0**400), 2.0**-400, 1.0, 1.5])
def test_values_whose_squares_are_safe_are_not_copied(kind, peak):
    x = kind(np.array([[peak], [0.0], [peak / 2]]))
    scaled, unit = rescale_for_squares(x, "x", (0, 1))
    assert scaled is x
    assert unit.item() == 1


@each_kind
@pytest.mark.parametrize(
    ("peak", "exponent"),
    [
        (math.nextafter(2.0**400, math.inf), 400),
        (2.0**401, 401),
        (2.0**512, 512),
        (2.0**513, 513),
        (2.0**520, 520),
        (2.0**600, 600),
        (1.7e308, 1023),
        (math.nextafter(2.0**-400, 0), -401),
        (2.0**-401, -401),
        (2.0**-512, -512),
        (2.0**-600, -600),
        (2.0**-1022, -1022),
    ],
)
def test_beyond_the_threshold_the_largest_magnitude_becomes_1_to_2(kind, peak, exponent):
    for sign in (1, -1):
        scaled, unit = rescaled([sign * peak, 0.0, peak / 2], kind)
        assert unit == 2.0**exponent
        assert 1 <= abs(scaled[0]) < 2
        assert scaled == [sign * math.ldexp(peak, -exponent), 0.0, math.ldexp(peak, -exponent - 1)]


@each_kind
def test_channels_are_scaled_separately(kind):
    x = np.array([[2.0**450, 3.0, 2.0**-450, 0.0], [-(2.0**451), 1.0, 0.0, 0.0]])
    scaled, unit = rescale_for_squares(kind(x), "x", (0,))
    np.testing.assert_array_equal(unit, [[2.0**451, 1, 2.0**-450, 1]])
    np.testing.assert_array_equal(scaled, [[0.5, 3, 1, 0], [-1, 1, 0, 0]])


def test_float32_is_not_scaled():
    """Its squares are within the range of float64, in which they are computed."""
    x = np.full((3, 2), np.finfo(np.float32).max)
    assert rescale_for_squares(x, "x", (0, 1))[0] is x


def test_a_range_that_no_scale_fits_is_refused():
    assert rescaled([2.0**401, 2.0])[0] == [1, 2.0**-400]
    for smallest in (1.0, -1.0, 1e-300):
        with pytest.raises(
            ValueError, match=r"^x: expected nonzero magnitudes within a factor of 2\^400 of the largest"
        ):
            rescaled([2.0**401, smallest])


@each_exponent
def test_neighbours_and_scales_follow_exactly(exponent):
    x, factor = MAPS, 2.0**exponent
    distances, indices = bitlens.nearest_neighbors(x, 7)
    scaled_distances, scaled_indices = bitlens.nearest_neighbors(x * factor, 7)
    np.testing.assert_array_equal(scaled_indices, indices)
    np.testing.assert_array_equal(scaled_distances, distances * factor)
    _, probabilities, scales = bitlens.neighbor_probabilities(x, 7)
    _, scaled_probabilities, scaled_scales = bitlens.neighbor_probabilities(x * factor, 7)
    np.testing.assert_array_equal(scaled_probabilities, probabilities)
    np.testing.assert_array_equal(scaled_scales, scales * factor)
    assert bitlens.inter_sample_entropy(x * factor, 7) == bitlens.inter_sample_entropy(x, 7)


@each_exponent
def test_codes_and_kernels_do_not_change(exponent):
    x, factor = MAPS, 2.0**exponent
    np.testing.assert_array_equal(bitlens.distance_codes(x * factor), bitlens.distance_codes(x))
    for bandwidth in (bitlens.Median(), bitlens.NearestNeighbors(3)):
        entropy = bitlens.renyi_entropy(x, 1.01, bandwidth)
        assert bitlens.renyi_entropy(x * factor, 1.01, bandwidth) == entropy
    assert bitlens.renyi_entropy(x * factor, 1.01, 2 * factor) == bitlens.renyi_entropy(x, 1.01, 2)


@pytest.mark.parametrize("exponent", [399, 400, 401, 450, 505, -399, -400, -401, -450, -480])
def test_noise_follows_where_its_variance_is_a_float64(exponent):
    x, factor = MAPS, 2.0**exponent
    expected = bitlens.pairwise_distance_information(x, noise_variance=0.25)
    scaled = bitlens.pairwise_distance_information(x * factor, noise_variance=0.25 * factor * factor)
    assert (scaled.lower.input, scaled.upper.input) == (expected.lower.input, expected.upper.input)
