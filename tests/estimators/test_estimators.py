"""Every estimator against bitlens.reference: for noise, digits and the feature maps of a real layer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

import bitlens
from bitlens import reference

TOLERANCE = {"float64": 1e-9, "float32": 1e-6}

each_dtype = pytest.mark.parametrize("dtype", TOLERANCE)
each_bins = pytest.mark.parametrize("bins", [2, 32, 256])


@each_dtype
@pytest.mark.parametrize("k", [2, 15, 99])
def test_inter_sample_entropy(maps, dtype, k):
    x = maps[:100].astype(dtype)
    expected = reference.inter_sample_entropy(x, k)
    assert bitlens.inter_sample_entropy(x, k) == pytest.approx(expected, abs=TOLERANCE[dtype])


@each_dtype
def test_nearest_neighbors(maps, dtype):
    x = maps.astype(dtype)
    distances, indices = bitlens.nearest_neighbors(x, 10)
    expected_distances, expected_indices = reference.nearest_neighbors(x, 10)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


@each_dtype
@pytest.mark.parametrize("k", [2, 15, 99])
def test_neighbor_probabilities(maps, dtype, k):
    x = maps[:100].astype(dtype)
    indices, probabilities, scales = bitlens.neighbor_probabilities(x, k)
    expected_indices, expected_probabilities, expected_scales = reference.neighbor_probabilities(x, k)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(probabilities, expected_probabilities, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(scales, expected_scales, rtol=TOLERANCE[dtype])


@each_dtype
@each_bins
def test_intra_sample_entropy(maps, dtype, bins):
    x = maps.astype(dtype)
    expected = reference.intra_sample_entropy(x, bins)
    np.testing.assert_allclose(bitlens.intra_sample_entropy(x, bins), expected, rtol=0, atol=TOLERANCE[dtype])


@each_dtype
def test_intra_sample_entropy_over_a_given_range(maps, dtype):
    x = maps.astype(dtype)
    given = (float(x.min()) - 0.3, 3 * float(x.max()) + 1.7)
    expected = reference.intra_sample_entropy(x, 20, given)
    result = bitlens.intra_sample_entropy(x, 20, given)
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[dtype])
    assert not np.allclose(result, bitlens.intra_sample_entropy(x, 20))


@pytest.mark.parametrize("block_bytes", [1, 3 * 4 * 4 * 32, 10**9], ids=["one", "three", "all"])
def test_intra_sample_entropy_in_blocks_of_samples(random_maps, monkeypatch, block_bytes):
    monkeypatch.setattr("bitlens.estimators.channels.intra_sample_entropy._BLOCK_BYTES", block_bytes)
    expected = reference.intra_sample_entropy(random_maps)
    np.testing.assert_allclose(bitlens.intra_sample_entropy(random_maps), expected, rtol=0, atol=1e-9)


@each_dtype
@pytest.mark.parametrize("classes", [None, 1, 7])
def test_channel_entropy(maps, dtype, classes):
    x = maps.astype(dtype)
    labels = None if classes is None else np.arange(len(x)) % classes
    expected = reference.channel_entropy(x, labels, 16)
    assert expected.shape == ((maps.shape[1],) if classes is None else (classes, maps.shape[1]))
    np.testing.assert_allclose(bitlens.channel_entropy(x, labels, 16), expected, rtol=0, atol=TOLERANCE[dtype])


@each_dtype
@each_bins
def test_distance_codes(maps, dtype, bins):
    x = maps[:60].astype(dtype)
    np.testing.assert_array_equal(bitlens.distance_codes(x, bins), reference.distance_codes(x, bins))


@each_dtype
@each_bins
def test_joint_histogram(maps, random_maps, dtype, bins):
    a, b = maps[:60].astype(dtype), random_maps[:60]
    np.testing.assert_array_equal(bitlens.joint_histogram(a, b, bins), reference.joint_histogram(a, b, bins))


@each_bins
def test_joint_histogram_counts_what_numpy_counts(maps, random_maps, bins):
    """Distances from another library, in NumPy's bins between the smallest and the largest distance of each channel."""
    a, b = maps[:60].astype(np.float64), random_maps[:60]
    result = bitlens.joint_histogram(a, b, bins)
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            x, y = pdist(a[:, i].reshape(60, -1)), pdist(b[:, j].reshape(60, -1))
            counts, _, _ = np.histogram2d(x, y, bins, ((x.min(), x.max()), (y.min(), y.max())))
            np.testing.assert_array_equal(result[i, j], counts)


@each_dtype
@each_bins
def test_channel_mutual_information(maps, random_maps, dtype, bins):
    """b has 6 channels, which is not a multiple of the kernel's group size."""
    a, b = maps[:60].astype(dtype), np.concatenate([random_maps[:60], random_maps[60:]], axis=1)
    expected = reference.channel_mutual_information(a, b, bins)
    result = bitlens.channel_mutual_information(a, b, bins)
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[dtype])


def test_channel_mutual_information_with_all_entropies(maps, random_maps):
    a, b = maps[:60], random_maps[:60]
    counts = reference.joint_histogram(a, b)
    joint = np.array([[reference.entropy(table) for table in row] for row in counts])
    entropy_a = np.array([reference.entropy(tables[0].sum(axis=1)) for tables in counts])
    entropy_b = np.array([reference.entropy(table.sum(axis=0)) for table in counts[0]])
    result = bitlens.channel_mutual_information(a, b, full_output=True)
    expected = {
        "mutual_information": entropy_a[:, None] + entropy_b - joint,
        "entropy_a": entropy_a,
        "entropy_b": entropy_b,
        "joint_entropy": joint,
        "conditional_entropy": joint - entropy_b,
    }
    assert result._fields == tuple(expected)
    for name, table in expected.items():
        np.testing.assert_allclose(getattr(result, name), table, rtol=0, atol=1e-9, err_msg=name)


def test_counts_beyond_the_table_of_logarithms():
    """39 903 pairs in 2 x 2 bins: the logarithms of counts above 4096 are not in the kernel's table."""
    codes = np.random.default_rng(0).integers(0, 2, (2, 39_903), np.uint8)
    counts = bitlens.joint_histogram(codes, codes, 2, codes=True)[0, 1]
    assert (counts > 4096).all()
    result = bitlens.channel_mutual_information(codes, codes, 2, codes=True, full_output=True).joint_entropy[0, 1]
    assert result == pytest.approx(reference.entropy(counts), abs=1e-9)


def test_codes_and_their_maps_have_the_same_results(maps, random_maps):
    a, b = maps[:60], random_maps[:60]
    codes_a, codes_b = bitlens.distance_codes(a, 20), bitlens.distance_codes(b, 20)
    expected = bitlens.channel_mutual_information(a, b, 20)
    np.testing.assert_array_equal(bitlens.channel_mutual_information(codes_a, codes_b, 20, codes=True), expected)
    np.testing.assert_array_equal(
        bitlens.joint_histogram(codes_a, codes_b, 20, codes=True), bitlens.joint_histogram(a, b, 20)
    )


@pytest.mark.parametrize("kind", [np.int64, np.float32, np.float64])
def test_label_entropies(kind):
    confusion = np.random.default_rng(0).integers(0, 30, (10, 10)).astype(kind)
    confusion[:, 3] = 0
    confusion[7] = 0
    result, expected = bitlens.label_entropies(confusion), reference.label_entropies(confusion.astype(np.float64))
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-9)
    assert np.flatnonzero(np.isnan(result[0])).tolist() == [3]
    assert np.flatnonzero(np.isnan(result[1])).tolist() == [7]


THREADED = {
    "nearest_neighbors": lambda x: bitlens.nearest_neighbors(x, 20),
    "neighbor_probabilities": lambda x: bitlens.neighbor_probabilities(x, 20)[1:],
    "inter_sample_entropy": lambda x: [bitlens.inter_sample_entropy(x, 20)],
    "intra_sample_entropy": lambda x: [bitlens.intra_sample_entropy(x)],
    "channel_entropy": lambda x: [bitlens.channel_entropy(x)],
    "distance_codes": lambda x: [bitlens.distance_codes(x)],
    "joint_histogram": lambda x: [bitlens.joint_histogram(x, x)],
    "channel_mutual_information": lambda x: bitlens.channel_mutual_information(x, x, full_output=True),
}


@pytest.mark.parametrize("name", THREADED)
def test_results_do_not_depend_on_the_number_of_threads(threads, name):
    maps = np.random.default_rng(0).normal(size=(400, 6, 7)).astype(np.float32)
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append([np.asarray(part).tobytes() for part in THREADED[name](maps)])
    assert results[0] == results[1] == results[2]
