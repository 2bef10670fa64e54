"""The neighbour search by a scan of lower bounds, on every back-end: the same neighbours at the same distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens
from bitlens import reference
from bitlens.arrays import as_numpy, as_samples
from bitlens.estimators.neighbors import nearest, projection
from bitlens.estimators.neighbors.projection import Projection
from bitlens.estimators.neighbors.scan import scan
from tests.support.adversarial_points import DATA, exact_duplicates, grid, normal

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def in_range(x, dtype):
    """1e30 is about where float32 ends."""
    return (x * 1e-70 if dtype == "float32" and np.abs(x).max() > np.finfo(np.float32).max else x).astype(dtype)


def orthonormal(length, count, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(length, count)))[0]


def principal(x, coarse, finer):
    """Principal directions, as for large sets."""
    rows = x[:512].astype(np.float64)
    mean = rows.mean(axis=0)
    directions = projection._principal_directions((rows - mean) / (np.abs(rows - mean).max() or 1.0), finer)
    if not directions.shape[1]:  # all samples are equal
        directions = np.eye(x.shape[1], 1)
    return Projection(mean, projection._shrunk(directions), min(coarse, directions.shape[1]))


def random(x, coarse, finer):
    """Directions that have nothing to do with the samples, around a point far from them."""
    return Projection(x.max(axis=0) * 2.0, orthonormal(x.shape[1], min(finer, x.shape[1])), min(coarse, x.shape[1]))


@pytest.fixture
def projected(monkeypatch):
    """A function that makes every search use a projection of the given kind and numbers of directions."""

    def use(make, coarse, finer):
        monkeypatch.setattr(
            nearest,
            "choose_projection",
            lambda x, among, context, k: make(as_numpy(x if among is None else among), coarse, finer),
        )

    return use


def assert_exact(backend, x, k):
    expected_distances, expected_indices = reference.nearest_neighbors(x, k)
    with backend.active():
        distances, indices = (part.cpu().numpy() for part in bitlens.nearest_neighbors(backend.put(x), k))
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


@pytest.mark.parametrize(
    ("make", "length", "coarse", "finer", "dtype"),
    [
        (principal, 40, 3, 9, "float32"),
        (principal, 1, 1, 1, "float64"),
        (random, 40, 2, 2, "float64"),
        (random, 40, 40, 40, "float32"),
    ],
)
@pytest.mark.parametrize("name", DATA)
def test_projected_samples(backend, projected, name, make, length, coarse, finer, dtype):
    projected(make, coarse, finer)
    assert_exact(backend, in_range(DATA[name](140, length), dtype), 7)


def test_lists_that_fill_up(backend, projected):
    """More samples than a list on a GPU holds, on a direction that tells few of them apart."""
    projected(random, 1, 1)
    assert_exact(backend, grid(600, 9), 5)


@pytest.mark.each_kernel
@pytest.mark.parametrize("n", [2, 47, 49, 127, 128, 129, 257])
def test_sizes_around_the_seams(backend, projected, n):
    projected(principal, 2, 4)
    assert_exact(backend, normal(n, 5), 1)


@pytest.mark.parametrize("k", [1, 10, 64, 138, 139])
def test_numbers_of_neighbors_up_to_all(backend, projected, k):
    projected(principal, 2, 4)
    assert_exact(backend, normal(140, 5), k)


@pytest.mark.parametrize("k", [1, 99, 100, 199])
def test_groups_of_equal_samples(backend, projected, k):
    """Two groups of 100 samples, and one sample that differs by little."""
    projected(principal, 1, 1)
    x = np.zeros((200, 40))
    x[1::2] = 1.0
    x[50, 39] = 1e-30
    assert_exact(backend, x, k)


@pytest.mark.parametrize("make", [grid, exact_duplicates])
def test_ties_are_those_of_the_search_by_tiles(backend, projected, make):
    with backend.active():
        given = as_samples(backend.put(make(300, 4)), "x", at_least=2)
        by_tiles = as_numpy(nearest.search(*given, 5).ties)
        projected(principal, 2, 2)
        found = nearest.search(*given, 5)
        np.testing.assert_array_equal(as_numpy(found.ties), by_tiles)
    assert found.coordinates == (2, 2)
    assert 0 < by_tiles.sum() < 300 or make is exact_duplicates


@each_dtype
def test_distances_have_the_bits_of_the_search_by_tiles(backend, projected, dtype):
    x = (normal(300, 6) @ normal(6, 100) + normal(300, 100, 0.1)).astype(dtype)
    with backend.active():
        points = backend.put(x)
        by_tiles = bitlens.nearest_neighbors(points, 9)
        projected(principal, 4, 6)
        by_scan = bitlens.nearest_neighbors(points, 9)
        assert torch.equal(by_scan[0], by_tiles[0])
        assert torch.equal(by_scan[1], by_tiles[1])


@each_dtype
def test_few_distances_are_computed_of_samples_near_a_plane(backend, projected, dtype):
    x = (normal(700, 2) @ normal(2, 100) + normal(700, 100, 1e-3)).astype(dtype)
    with backend.active():
        points, context, ends = as_samples(backend.put(x), "x", at_least=2)
        found = scan(points, None, context, ends[1] - ends[0], 5, principal(x, 2, 2), 1.0)
        measured = as_numpy(found.measured)
    assert measured.min() >= 5
    assert measured.mean() < 60


def test_directions_that_are_too_long_lose_neighbours(backend, projected):
    """So the other tests can fail: bounds must not be above the distances."""
    projected(lambda x, *counts: random(x, *counts)._replace(directions=3 * orthonormal(40, 9)), 3, 9)
    x = normal(600, 40)
    with backend.active():
        indices = bitlens.nearest_neighbors(backend.put(x), 7)[1].cpu().numpy()
    assert (indices != reference.nearest_neighbors(x, 7)[1]).any()


def direct(x, y, k):
    """The k nearest rows of y for each row of x by differences."""
    squared = ((x[:, None].astype(np.float64) - y[None]) ** 2).sum(axis=2)
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(squared, order, axis=1)), order


@pytest.mark.each_kernel
@pytest.mark.parametrize(("use_projection", "dtype"), [(False, "float32"), (True, "float64")])
@pytest.mark.parametrize(("n", "m", "k"), [(1, 1, 1), (1, 200, 200), (1, 300, 7), (140, 60, 7), (20, 300, 7)])
@pytest.mark.parametrize("name", ["normal", "ties", "offset 1e6", "scale 1e100", "outlier"])
def test_neighbors_among_other_samples(backend, projected, name, n, m, k, use_projection, dtype):
    if use_projection:
        projected(principal, 2, 3)
    both = in_range(DATA[name](n + m, 11), dtype)
    x, y = both[:n], both[n:]
    unit = 2.0 ** round(np.log2(np.abs(both).max() or 1.0))  # zeros are what float32 leaves of 1e-100
    expected_distances, expected_indices = direct(x.astype(np.float64) / unit, y.astype(np.float64) / unit, k)
    with backend.active():
        found = bitlens.nearest_neighbors(backend.put(x), k, among=backend.put(y))
        distances, indices = (part.cpu().numpy() for part in found)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances * unit, rtol=1e-12)


@pytest.mark.each_kernel
def test_samples_of_more_values_than_a_block_shares(backend):
    x = normal(90, 600)
    expected_distances, expected_indices = direct(x[:30], x[30:], 5)
    with backend.active():
        found = bitlens.nearest_neighbors(backend.put(x[:30]), 5, among=backend.put(x[30:]))
        distances, indices = (part.cpu().numpy() for part in found)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


def test_a_sample_is_its_own_neighbour_among_itself(backend):
    x = normal(100, 5)
    with backend.active():
        points = backend.put(x)
        distances, indices = (part.cpu().numpy() for part in bitlens.nearest_neighbors(points, 4, among=points))
    np.testing.assert_array_equal(indices[:, 0], np.arange(100))
    assert (distances[:, 0] == 0).all()
    np.testing.assert_array_equal(indices[:, 1:], reference.nearest_neighbors(x, 3)[1])


def test_samples_of_two_types_are_compared_in_float64(backend):
    x, y = normal(30, 3).astype(np.float32), normal(50, 3)
    with backend.active():
        distances, indices = bitlens.nearest_neighbors(backend.put(x), 2, among=backend.put(y))
        distances, indices = distances.cpu().numpy(), indices.cpu().numpy()
    expected_distances, expected_indices = direct(x, y, 2)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)
