"""The filter of the neighbour search, which must never lose a neighbour: data made to mislead it, and seams of its tiles."""

from __future__ import annotations

import numpy as np
import pytest
from operands import call

import bitlens
from bitlens import _core, reference
from bitlens.estimators import neighbors


def assert_exact(x, k):
    distances, indices = bitlens.nearest_neighbors(x, k)
    expected_distances, expected_indices = reference.nearest_neighbors(x, k)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


def normal(n, length, scale=1.0, offset=0.0):
    return np.random.default_rng(n + length).normal(size=(n, length)) * scale + offset


def grid(n, length):
    """Points of an integer grid, some of them several times: most distances are tied."""
    return np.random.default_rng(1).integers(0, 3 if length < 10 else 2, (n, length)).astype(np.float64)


def near_duplicates(n, length):
    """Each point with 60 others 1e-7 away: more than the filter keeps, and closer than it can tell."""
    points = np.repeat(normal(-(-n // 61), length), 61, axis=0)[:n]
    return points + normal(n, length, scale=1e-7)


def far_apart(n, length):
    """Two groups whose inner distances vanish beside the distance between the groups."""
    return normal(n, length, scale=1e-5) + np.where(np.arange(n) % 2, 1e3, -1e3)[:, None]


def exact_duplicates(n, length):
    return normal(max(n // 50, 1), length)[np.arange(n) % max(n // 50, 1)]


def outlier(n, length):
    """One point so far away that all others nearly coincide in the filter's unit."""
    x = normal(n, length)
    x[n // 2] = 1e9
    return x


# name: make(n, length)
DATA = {
    "normal": normal,
    "ties": grid,
    "offset 1e6": lambda n, length: normal(n, length, offset=1e6),
    "offset -1e9, scale 1e-3": lambda n, length: normal(n, length, 1e-3, -1e9),
    "scale 1e-6": lambda n, length: normal(n, length, 1e-6),
    "scale 1e6": lambda n, length: normal(n, length, 1e6),
    "scale 1e-100": lambda n, length: normal(n, length, 1e-100),
    "scale 1e100": lambda n, length: normal(n, length, 1e100),
    "near-duplicates": near_duplicates,
    "far apart": far_apart,
    "exact duplicates": exact_duplicates,
    "outlier": outlier,
}


@pytest.mark.heavy
@pytest.mark.parametrize("length", [3, 64])
@pytest.mark.parametrize("name", ["normal", "ties", "near-duplicates"])
def test_several_thousand_samples(name, length):
    """Eight rows of tiles, the last cut short."""
    assert neighbors._TILE_ROWS * neighbors._PANEL == 576
    assert_exact(DATA[name](4400, length), 15)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(neighbors, "_TILE_ROWS", 2)
    monkeypatch.setattr(neighbors, "_TILE_COLUMNS", 1)
    monkeypatch.setattr(neighbors, "_LIST_SLACK", 64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", [1, 3, 64])
@pytest.mark.parametrize("name", DATA)
def test_many_small_tiles(small_tiles, name, length, dtype):
    x = DATA[name](250, length)
    if dtype == "float32" and np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70  # 1e30: beyond it, float32 has no values
    assert_exact(x.astype(dtype), 7)


@pytest.mark.parametrize("n", [47, 85, 95, 96, 97, 143, 144, 145, 191, 192, 193, 239, 240, 241, 287, 288, 289])
def test_sizes_around_the_seams(small_tiles, n):
    assert_exact(normal(n, 5), 3)


@pytest.mark.parametrize("k", [1, 10, 62, 63, 64, 65, 138, 139])
def test_numbers_of_neighbors_up_to_all(small_tiles, k):
    """From k = 63 on the filter would keep every sample, and is left out."""
    assert_exact(normal(140, 5), k)


@pytest.mark.parametrize("difference", [0, 1e-30, 1e-200])
@pytest.mark.parametrize("k", [1, 15, 198, 199, 200])
def test_groups_of_equal_samples_that_no_list_holds(k, difference):
    """Two of 200, and one sample hardly different: the square of 1e-200 is 0, that of 1e-30 is not."""
    x = np.zeros((400, 40))
    x[1::2] = 1.0
    x[100, 39] = difference
    assert_exact(x, k)
    assert_exact(x.astype(np.float32), k)


@pytest.mark.parametrize("length", [4999, 20000])
def test_long_samples(length):
    """Rounding of dot products grows with their length."""
    assert_exact(far_apart(60, length), 3)
    assert_exact(np.abs(normal(60, length, scale=1e-3)) + 1, 3)


def test_the_filter_is_used_where_it_can_be(monkeypatch):
    """Without a bound that proves them wrong, the candidates are what is returned."""
    monkeypatch.setattr(neighbors, "_relative_error", lambda length: -1.0)
    x = near_duplicates(250, 3)
    assert (bitlens.nearest_neighbors(x, 7)[1] != reference.nearest_neighbors(x, 7)[1]).any()


def candidate_lists(n, capacity):
    """Lists as they start: empty, nothing too far."""
    return {
        "bounds": np.empty((n, capacity), np.float32),
        "candidates": np.empty((n, capacity), np.int32),
        "counts": np.zeros(n, np.int32),
        "limits": np.full(n, np.inf, np.float32),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "length"), [(1, 1), (47, 7), (48, 8), (49, 9), (97, 383), (144, 384), (200, 1000)])
def test_samples_in_panels(n, length, dtype):
    """Whole numbers whose mean is one of them, so that every value is exact but for the width."""
    x = np.random.default_rng(n).integers(-9, 10, (n, length)).astype(dtype)
    mean = np.arange(length) % 5 - 2.0
    panels = np.full((-(-n // 48), length, 48), np.nan, np.float32)
    norms, width = np.empty(n), np.empty(1)
    _core.center_samples(x, mean, panels, norms, width)
    assert width == np.abs(x - mean).max()
    values = panels.transpose(0, 2, 1).reshape(-1, length)
    np.testing.assert_array_equal(values[:n], ((x - mean) / width).astype(np.float32))
    assert (values[n:] == 0).all()
    np.testing.assert_allclose(norms, (values[:n].astype(np.float64) ** 2).sum(axis=1), rtol=1e-14)


def test_samples_that_are_all_alike_have_the_width_1():
    panels, norms, width = np.empty((1, 4, 48), np.float32), np.empty(3), np.empty(1)
    _core.center_samples(np.full((3, 4), 7.0), np.full(4, 7.0), panels, norms, width)
    assert width == 1
    assert not panels.any()
    assert not norms.any()


@pytest.mark.parametrize("length", [1, 2, 383, 384, 385, 768, 1000])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (3, 2)])
def test_dot_products(rows, columns, length):
    """Of whole numbers, which float32 adds up exactly; into a part of a larger tile."""
    random = np.random.default_rng(0)
    a, b = (random.integers(-9, 10, (count, length, 48)).astype(np.float32) for count in (rows, columns))
    tile = np.full((rows * 48, columns * 48 + 5), np.nan, np.float32)
    _core.dot_products(a, b, tile[:, :-5])
    expected = a.transpose(0, 2, 1).reshape(-1, length) @ b.transpose(0, 2, 1).reshape(-1, length).T
    np.testing.assert_array_equal(tile[:, :-5], expected)
    assert np.isnan(tile[:, -5:]).all()


@pytest.mark.parametrize("values", [3, 300, 30000])
@pytest.mark.parametrize("rows", [16, 23, 64])
def test_no_pair_is_lost_below_the_limit(values, rows):
    """Tiles of products in whole numbers: lists hold all pairs below their limits, at least `kept` of them, in order.

    Of three values nearly all are tied, at the limit as well; of 30000 hardly any.
    """
    random = np.random.default_rng(0)
    n, kept = 400, 12
    dots = random.integers(-values, values + 1, (n, n)).astype(np.float32)
    dots = np.minimum(dots, dots.T)
    norms = random.integers(0, 4, n).astype(np.float32)
    lists = candidate_lists(n, kept + 90)
    for i in range(0, n, rows):
        for j in range(i, n, 150):
            tile = np.ascontiguousarray(dots[i : i + rows, j : j + 150])
            _core.keep_nearest(tile, norms, i, j, kept, *lists.values())

    expected = norms[:, None] + norms - 2 * dots
    np.fill_diagonal(expected, np.inf)  # itself
    for i in range(n):
        held = lists["candidates"][i, : lists["counts"][i]]
        assert (np.diff(held) > 0).all()
        np.testing.assert_array_equal(lists["bounds"][i, : len(held)], expected[i, held])
        assert set(np.flatnonzero(expected[i] < lists["limits"][i])) <= set(held)
        smallest = np.argsort(expected[i], kind="stable")[:kept]
        assert set(smallest) <= set(held)


@pytest.mark.heavy
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("far", [1e19, 1e22, 1e30])
@pytest.mark.parametrize("length", [3, 20])
def test_far_outliers_do_not_blur_the_rest(dtype, far, length):
    """The filter's float32 products vanish beside theirs."""
    x = np.random.default_rng(0).normal(size=(2000, length)).astype(dtype)
    x[0], x[1] = far, -far
    distances, indices = bitlens.nearest_neighbors(x, 15)
    expected_distances, expected_indices = reference.nearest_neighbors(x, 15)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-12)


def test_values_that_span_more_than_float64_are_refused():
    x = np.random.default_rng(0).normal(size=(50, 4))
    x[0, 0] = 1e200
    with pytest.raises(ValueError, match="x: values up to 1e\\+200 beside far smaller ones span more"):
        bitlens.inter_sample_entropy(x, 5)


@pytest.mark.parametrize("wrong", [2**31 - 1, -1, 5])
def test_neighbours_that_are_no_samples(wrong):
    with pytest.raises(ValueError, match=f"^indices: found {wrong}, expected 0 to 4$"):
        call("edge_entropy", indices=np.full((5, 3), wrong, np.int32))


@pytest.mark.parametrize("length", [1, 3, 64, 784])
@pytest.mark.parametrize("name", DATA)
def test_distances_of_float32_products_are_good_to_a_hundred_thousandth(small_tiles, name, length):
    x = DATA[name](400, length)
    if np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70
    x = x.astype(np.float32)
    distances, _, unit = neighbors._nearest(x, 20, neighbors._TRUSTED_SHARE)
    np.testing.assert_allclose(distances * unit, reference.nearest_neighbors(x, 20)[0], rtol=1e-5)


def test_products_are_trusted_where_they_can_be():
    """Most distances of random points differ from the exact ones, by no more than rounding."""
    x = normal(500, 784).astype(np.float32)
    distances, indices, _ = neighbors._nearest(x, 20, neighbors._TRUSTED_SHARE)
    exact_distances, exact_indices = bitlens.nearest_neighbors(x, 20)
    assert (distances != exact_distances).mean() > 0.9
    assert (indices == exact_indices).mean() > 0.99
    np.testing.assert_allclose(distances, exact_distances, rtol=2e-6)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("k", [2, 15, 180])
def test_entropies_of_float32_samples(small_tiles, name, k):
    """The same filter and the same products, whose errors hardly move a sum over all pairs."""
    x = DATA[name](400, 64)
    if np.abs(x).max() > np.finfo(np.float32).max:
        x = x * 1e-70
    x = x.astype(np.float32)
    assert abs(bitlens.inter_sample_entropy(x, k) - reference.inter_sample_entropy(x, k)) < 1e-6


def test_threads_do_not_change_a_bit(threads):
    x = normal(1500, 30)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append([*bitlens.neighbor_probabilities(x, 25), np.array(bitlens.inter_sample_entropy(x, 25))])
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)
