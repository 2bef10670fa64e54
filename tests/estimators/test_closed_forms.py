"""Closed forms, identities, and the values of degenerate input: known without a second implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bitlens
from bitlens import reference

SQUARE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])


def equidistant_clusters(clusters: int, points: int) -> np.ndarray:
    """The corners of a regular simplex, repeated in each of several distant clusters."""
    simplex = np.tile(np.eye(points), (clusters, 1))
    return np.column_stack([simplex, 100.0 * np.repeat(np.arange(clusters), points)])


# name: (samples, k, bits); all neighbour pairs are equally probable, so that the entropy is the log of their number.
NEIGHBORS = {
    "square": (SQUARE, 2, 3.0),
    "simplex of 3": (equidistant_clusters(1, 3), 2, math.log2(3 * 2)),
    "simplex of 10": (equidistant_clusters(1, 10), 9, math.log2(10 * 9)),
    "simplex of 100": (equidistant_clusters(1, 100), 99, math.log2(100 * 99)),
    "4 simplexes of 6": (equidistant_clusters(4, 6), 5, math.log2(4 * 6 * 5)),
    "100 simplexes of 5": (equidistant_clusters(100, 5), 4, math.log2(100 * 5 * 4)),
    "all samples the same, k = n - 1": (np.ones((20, 3)), 19, math.log2(20 * 19)),
}


@pytest.mark.parametrize("name", NEIGHBORS)
def test_inter_sample_entropy_of_equal_edges(name):
    x, k, bits = NEIGHBORS[name]
    assert bitlens.inter_sample_entropy(x, k) == pytest.approx(bits, abs=1e-12)


def test_scale_of_equal_distances():
    """k weights exp(-1/s) sum to log2 k: s = 1 / ln(k / log2 k)."""
    _, probabilities, scales = bitlens.neighbor_probabilities(np.eye(9) / math.sqrt(2), k=8)
    np.testing.assert_allclose(scales, 1 / math.log(8 / 3), rtol=1e-12)
    np.testing.assert_allclose(probabilities, 3 / 8, rtol=1e-12)


@pytest.mark.parametrize("bins", [2, 3, 16, 32, 255, 256])
def test_values_spread_evenly_have_the_entropy_of_the_bins(bins):
    values = (np.arange(10 * bins) + 0.5) / (10 * bins)
    result = bitlens.intra_sample_entropy(values[None, None], bins, (0.0, 1.0))
    assert result == pytest.approx(math.log2(bins), abs=1e-12)


@pytest.mark.parametrize("counts", [(1, 1), (3, 1), (5, 2, 1), (1, 0, 0, 0, 7)], ids=str)
def test_values_chosen_from_a_histogram_have_its_entropy(counts):
    values = np.repeat(np.arange(len(counts)) + 0.5, counts)
    result = bitlens.intra_sample_entropy(values[None, None], len(counts), (0.0, len(counts)))
    assert result == pytest.approx(reference.entropy(np.array(counts)), abs=1e-12)


# name: (confusion, H(label | predicted), H(predicted | label))
CONFUSIONS = {
    "all right": (np.diag([4, 5, 6]), [0, 0, 0], [0, 0, 0]),
    "uniform": (np.full((4, 4), 3), [2, 2, 2, 2], [2, 2, 2, 2]),
    "all taken for one class": (np.array([[5, 0], [5, 0]]), [1, math.nan], [0, 0]),
    "a class without samples": (np.array([[2, 2], [0, 0]]), [0, 0], [1, math.nan]),
    "quarters": (np.array([[1, 1], [3, 0]]), [reference.entropy(np.array([1, 3])), 0], [1, 0]),
    "nothing at all": (np.zeros((2, 2)), [math.nan] * 2, [math.nan] * 2),
    "one class": (np.array([[7]]), [0], [0]),
    "counts whose sum is beyond a float64": (np.full((2, 2), 1e308), [1, 1], [1, 1]),
}


@pytest.mark.parametrize("name", CONFUSIONS)
def test_label_entropies(name):
    confusion, label_given_predicted, predicted_given_label = CONFUSIONS[name]
    result = bitlens.label_entropies(confusion)
    np.testing.assert_allclose(result[0], label_given_predicted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result[1], predicted_given_label, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_excess_of_independent_channels_is_zero(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 200, 1, 6))
    result = bitlens.permutation_test(bitlens.channel_mutual_information, a, b, permutations=40, seed=seed)
    assert result.null_mean[0, 0] > 0.02
    assert abs(result.excess[0, 0]) < 3 * result.null_std[0, 0]


def test_identical_channels_share_all_their_entropy(maps):
    result = bitlens.channel_mutual_information(maps, maps.copy(), full_output=True)
    np.testing.assert_allclose(np.diag(result.mutual_information), result.entropy_a, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.diag(result.conditional_entropy), 0, atol=1e-12)


def test_mutual_information_is_symmetric(maps, random_maps):
    a, b = maps[:100], random_maps[:100]
    forward, backward = bitlens.channel_mutual_information(a, b), bitlens.channel_mutual_information(b, a)
    np.testing.assert_allclose(forward, backward.T, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(bitlens.joint_histogram(a, b), bitlens.joint_histogram(b, a).transpose(1, 0, 3, 2))


def test_chain_rule(maps, random_maps):
    a, b = maps[:100], random_maps[:100]
    forward = bitlens.channel_mutual_information(a, b, full_output=True)
    backward = bitlens.channel_mutual_information(b, a, full_output=True)
    joint = forward.joint_entropy
    np.testing.assert_allclose(joint, forward.entropy_b + forward.conditional_entropy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(joint, forward.entropy_a[:, None] + backward.conditional_entropy.T, rtol=0, atol=1e-12)


STATISTICS = {
    "inter_sample_entropy": lambda x: bitlens.inter_sample_entropy(x, 8),
    "intra_sample_entropy": lambda x: np.sort(bitlens.intra_sample_entropy(x), axis=0),
    "channel_entropy": lambda x: bitlens.channel_entropy(x),
    "joint_histogram": lambda x: bitlens.joint_histogram(x, x),
    "channel_mutual_information": lambda x: bitlens.channel_mutual_information(x, x),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_the_order_of_samples_does_not_matter(random_maps, name):
    """All distances differ here; among equal distances, the k-th neighbour depends on the order of samples."""
    shuffled = random_maps[np.random.default_rng(5).permutation(len(random_maps))]
    np.testing.assert_allclose(STATISTICS[name](shuffled), STATISTICS[name](random_maps), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("scale", [1e-200, 2.0**-20, 1e6, 1e200])
def test_scale_does_not_matter(random_maps, name, scale):
    """At 1e200 the squares of the values overflow, at 1e-200 they underflow to 0."""
    np.testing.assert_allclose(STATISTICS[name](random_maps * scale), STATISTICS[name](random_maps), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("offset", [-1e3, 2.0**40])
def test_offset_does_not_matter(digit_maps, name, offset):
    """The values are whole numbers, to which the offset is added without rounding."""
    np.testing.assert_allclose(STATISTICS[name](digit_maps + offset), STATISTICS[name](digit_maps), rtol=0, atol=1e-12)


def test_constant_maps_carry_nothing():
    maps = np.full((12, 3, 4, 4), 7.5)
    assert not bitlens.intra_sample_entropy(maps).any()
    assert not bitlens.channel_entropy(maps, np.zeros(12, int)).any()
    assert not bitlens.distance_codes(maps).any()
    for table in bitlens.channel_mutual_information(maps, maps, full_output=True):
        assert not table.any()


def test_a_dead_channel_shares_nothing_with_live_ones(random_maps):
    maps = random_maps.copy()
    maps[:, 1] = 0
    result = bitlens.channel_mutual_information(maps, maps, full_output=True)
    assert not result.mutual_information[1].any()
    assert not result.mutual_information[:, 1].any()
    assert result.entropy_a[1] == 0
    assert result.entropy_a[[0, 2]].min() > 1
    np.testing.assert_allclose(result.joint_entropy[1], result.entropy_b, rtol=0, atol=1e-12)
    assert not bitlens.distance_codes(maps)[1].any()


@pytest.mark.parametrize("copies", [4, 5, 9, 17], ids=lambda copies: f"{copies} copies")
def test_duplicates_beyond_log2_k_have_the_limit_of_scale_0(copies):
    """For k = 8 the weights sum to log2 k = 3: three neighbours coincide in groups of 4, all eight in groups of 9."""
    x = np.repeat(np.random.default_rng(0).normal(size=(6, 3)), copies, axis=0)
    _, probabilities, scales = bitlens.neighbor_probabilities(x, k=8)
    assert not scales.any()
    np.testing.assert_array_equal(probabilities, np.tile(np.arange(8) < copies - 1, (len(x), 1)))
    entropy = bitlens.inter_sample_entropy(x, k=8)
    assert entropy == pytest.approx(reference.inter_sample_entropy(x, 8), abs=1e-12)
    if copies <= 9:  # a group contains all its neighbours, so that its ordered pairs have equal probabilities
        assert entropy == pytest.approx(math.log2(6 * copies * (copies - 1)), abs=1e-12)


def test_fewer_duplicates_than_log2_k_have_a_scale():
    x = np.repeat(np.random.default_rng(0).normal(size=(12, 3)), 3, axis=0)
    _, probabilities, scales = bitlens.neighbor_probabilities(x, k=8)
    assert (scales > 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 3, rtol=1e-12)


def test_two_samples_have_one_pair_and_no_information():
    maps = np.array([[[1.0, 2.0]], [[4.0, 6.0]]])
    assert bitlens.distance_codes(maps).tolist() == [[0]]
    assert bitlens.channel_mutual_information(maps, maps).tolist() == [[0.0]]
    assert bitlens.joint_histogram(maps, maps, 2).sum() == 1
    distances, indices = bitlens.nearest_neighbors(maps, 1)
    assert distances.tolist() == [[5.0], [5.0]]
    assert indices.tolist() == [[1], [0]]


def test_maps_of_one_value_have_no_entropy(random_maps):
    assert not bitlens.intra_sample_entropy(random_maps[:, :, 0, 0]).any()
