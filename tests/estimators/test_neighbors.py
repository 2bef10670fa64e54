"""The filter of the neighbour search never loses a neighbour: adversarial data, and sizes around the edges of tiles."""

from __future__ import annotations

import numpy as np
import pytest

import bitlens
from bitlens import reference
from bitlens.arrays import ArrayContext
from bitlens.estimators.neighbors import nearest
from bitlens.estimators.neighbors.diversity import entropy_of_neighbors
from tests.support.adversarial_points import DATA, far_apart, near_duplicates, normal
from tests.support.operands import call


def assert_exact(x, k):
    distances, indices = bitlens.nearest_neighbors(x, k)
    expected_distances, expected_indices = reference.nearest_neighbors(x, k)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


@pytest.mark.parametrize("length", [3, 64])
@pytest.mark.parametrize("name", ["normal", "ties", "near-duplicates"])
def test_several_rows_of_tiles(name, length):
    """Tiles of their real size, in three rows, of which the last is incomplete."""
    assert nearest._CPU_TILES.rows * nearest._CPU_TILES.panel == 576
    assert_exact(DATA[name](1300, length), 15)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(nearest, "_CPU_TILES", nearest._Tiles(48, 2, 1))
    monkeypatch.setattr(nearest, "_LIST_SLACK", 64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 3, 64])
@pytest.mark.parametrize("name", DATA)
def test_many_small_tiles(small_tiles, name, length, dtype):
    x = DATA[name](250, length)
    if dtype == "float32" and np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70  # these values are up to 1e100, beyond the range of float32
    assert_exact(x.astype(dtype), 7)


@pytest.mark.parametrize("n", [47, 85, 95, 96, 97, 143, 144, 145, 191, 192, 193, 239, 240, 241, 287, 288, 289])
def test_sizes_around_the_edges_of_tiles(small_tiles, n):
    assert_exact(normal(n, 5), 3)


@pytest.mark.parametrize("k", [1, 10, 62, 63, 64, 65, 138, 139])
def test_numbers_of_neighbors_up_to_all(small_tiles, k):
    """From k = 63 on, the filter would discard nothing and is skipped."""
    assert_exact(normal(140, 5), k)


@pytest.mark.parametrize("difference", [0, 1e-30, 1e-200])
@pytest.mark.parametrize("k", [1, 15, 198, 199, 200])
def test_groups_of_equal_samples_larger_than_a_list(k, difference):
    """Two groups of 200, and one sample with a tiny difference: the square of 1e-200 is 0, that of 1e-30 is not."""
    x = np.zeros((400, 40))
    x[1::2] = 1.0
    x[100, 39] = difference
    assert_exact(x, k)
    assert_exact(x.astype(np.float32), k)


@pytest.mark.parametrize("length", [4999, 20000])
def test_long_samples(length):
    """The rounding errors of dot products grow with the number of values."""
    assert_exact(far_apart(60, length), 3)
    assert_exact(np.abs(normal(60, length, scale=1e-3)) + 1, 3)


def test_the_filter_is_used_where_it_can_be(monkeypatch):
    """With a bound that never rejects them, wrong candidates are returned: so the filter is in use."""
    monkeypatch.setattr(nearest, "relative_error", lambda length: -1.0)
    x = near_duplicates(250, 3)
    assert (bitlens.nearest_neighbors(x, 7)[1] != reference.nearest_neighbors(x, 7)[1]).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("far", [1e19, 1e22, 1e30])
@pytest.mark.parametrize("length", [3, 20])
def test_far_outliers_do_not_blur_the_rest(dtype, far, length):
    """In the filter's float32, the products of ordinary samples underflow compared with those of the outliers."""
    x = np.random.default_rng(0).normal(size=(600, length)).astype(dtype)
    x[0], x[1] = far, -far
    distances, indices = bitlens.nearest_neighbors(x, 15)
    expected_distances, expected_indices = reference.nearest_neighbors(x, 15)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-12)


def test_values_that_span_more_than_float64_are_refused():
    x = np.random.default_rng(0).normal(size=(50, 4))
    x[0, 0] = 1e200
    message = r"^x: expected nonzero magnitudes within a factor of 2\^400 of the largest, 1e\+200, got smaller ones; "
    with pytest.raises(ValueError, match=message):
        bitlens.inter_sample_entropy(x, 5)


@pytest.mark.parametrize("wrong", [2**31 - 1, -1, 7])
def test_refused_indices_of_neighbours(wrong):
    with pytest.raises(ValueError, match=f"^indices: expected 0 to 6, got {wrong}$"):
        call("edge_sums", indices=np.full((5, 3), wrong, np.int32))


@pytest.mark.parametrize("length", [1, 3, 64, 784])
@pytest.mark.parametrize("name", DATA)
def test_distances_of_float32_products_are_good_to_a_hundred_thousandth(small_tiles, name, length):
    x = DATA[name](400, length)
    if np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70
    x = x.astype(np.float32)
    ends = float(x.min()), float(x.max())
    found = nearest.search(x, ArrayContext(), ends, 20, trusted_share=nearest.TRUSTED_SHARE)
    np.testing.assert_allclose(found.distances * found.unit, reference.nearest_neighbors(x, 20)[0], rtol=1e-5)


def test_products_are_trusted_where_they_can_be():
    """Most distances of random points are not the exact ones, and differ from them by rounding only."""
    x = normal(500, 784).astype(np.float32)
    ends = float(x.min()), float(x.max())
    distances, indices = nearest.search(x, ArrayContext(), ends, 20, trusted_share=nearest.TRUSTED_SHARE)[:2]
    exact_distances, exact_indices = bitlens.nearest_neighbors(x, 20)
    assert (distances != exact_distances).mean() > 0.9
    assert (indices == exact_indices).mean() > 0.99
    np.testing.assert_allclose(distances, exact_distances, rtol=2e-6)


def entropy_of_products(x, k):
    """The entropy of distances from products, as the diversity has it."""
    ends = float(x.min()), float(x.max())
    found = nearest.search(x, ArrayContext(), ends, k, trusted_share=nearest.TRUSTED_SHARE)
    return entropy_of_neighbors(found.distances, found.indices, ArrayContext())


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("k", [2, 15, 180])
def test_entropies_of_float32_samples(small_tiles, name, k):
    """Errors of the filter's products hardly change a sum over all pairs, and the entropy is without them."""
    x = DATA[name](400, 64)
    if np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70
    x = x.astype(np.float32)
    expected = reference.inter_sample_entropy(x, k)
    assert abs(bitlens.inter_sample_entropy(x, k) - expected) < 1e-9
    assert abs(entropy_of_products(x, k) - expected) < 1e-6


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("k", [90, 119])
def test_entropies_of_long_samples_with_nearly_all_neighbors(name, k):
    """No list is cut, but products replace the distances of long samples."""
    x = DATA[name](120, 1100)
    if np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70
    x = x.astype(np.float32)
    found = entropy_of_products(x, k)
    exact = bitlens.inter_sample_entropy(x, k)
    assert abs(exact - reference.inter_sample_entropy(x, k)) < 1e-9
    assert abs(found - exact) < 1e-6
    if name == "normal":
        assert found != exact


def test_threads_do_not_change_a_bit(threads):
    x = normal(1500, 30)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append([*bitlens.neighbor_probabilities(x, 25), np.array(bitlens.inter_sample_entropy(x, 25))])
    for other in results[1:]:
        for expected, result in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(result, expected)
