"""The choice of the directions of the neighbour search, and what nearest_neighbors refuses among other samples."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bitlens
from bitlens import reference
from bitlens.arrays import ArrayContext
from bitlens.estimators.neighbors import nearest
from bitlens.estimators.neighbors import scan as scanning
from bitlens.estimators.neighbors.products import product_error, products_with
from bitlens.estimators.neighbors.projection import Projection, choose_projection
from tests.support.adversarial_points import DATA


def low_dimensional(n, length, dimension=8):
    random = np.random.default_rng(0)
    x = random.normal(size=(n, dimension)) @ random.normal(size=(dimension, length))
    return (x + random.normal(size=(n, length)) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def x():
    return low_dimensional(9000, 800)


def test_samples_near_a_plane_are_projected(x):
    chosen = choose_projection(x, None, ArrayContext(), 15)
    assert chosen is not None
    assert chosen.coarse == 16
    assert np.linalg.norm(chosen.directions, 2) <= 1
    again = choose_projection(x, None, ArrayContext(), 15)
    np.testing.assert_array_equal(chosen.directions, again.directions)


def remote(n, length):
    """One sample so far away that products of all others are below the range of float32."""
    x = DATA["normal"](n, length)
    x[0, 0] = 1e30
    return x


def constant(n, length):
    """Samples of one value each: sums of equal products are rounded in one direction."""
    return np.outer(DATA["normal"](n, 1), np.ones(length))


BOUNDED = {**DATA, "remote": remote, "constant": constant}


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize(("length", "finest"), [(40, 8), (2000, 8), (2000, 32)])  # long samples are multiplied in parts
def test_bounds_of_projected_samples_hold(name, length, finest):
    x = BOUNDED[name](61, length)
    if not np.abs(x).max() < 1e99:
        x = x / 1e100
    vectors = np.random.default_rng(0).normal(size=(length, finest))
    vectors[:, 0] = 1
    vectors = np.linalg.qr(vectors)[0]
    projection = Projection(x.mean(0), vectors / (np.linalg.norm(vectors, 2) * (1 + 1e-12)), 8)
    width = float(x.max() - x.min())
    ((panels, finer, lowered, errors, order),) = scanning._projected([x], ArrayContext(), projection, width)
    coordinates = panels.transpose(0, 2, 1).reshape(-1, 9)[: len(x)].astype(np.float64)
    points = x[order] / width
    exact = ((points[:, None] - points) ** 2).sum(-1)
    allowed = errors.astype(np.float64)[:, None] + errors
    for given in (coordinates, finer.astype(np.float64)) if finest > 8 else (coordinates,):
        assert (((given[:, None] - given) ** 2).sum(-1) - allowed <= exact * (1 + 1e-9)).all()
    norms = (coordinates**2).sum(1)
    np.testing.assert_allclose(lowered, norms - errors, rtol=1e-5, atol=1e-30)
    if name == "normal":
        assert errors.max() < 0.003 * norms.min()  # otherwise the bounds rule little out


def test_errors_of_two_sets_are_those_of_their_pairs():
    """Samples within the span of the directions, whose rest is all error, and other samples."""
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(200, 8)))[0]
    projection = Projection(np.zeros(200), vectors / (np.linalg.norm(vectors, 2) * (1 + 1e-12)), 8)
    x, y = -0.3 * np.ones((30, 1)) * vectors[:, 0], vectors[:, 0] + 0.05 * DATA["normal"](40, 200)
    parts = [scanning._project(samples, ArrayContext(), projection, 10.0) for samples in (x, y)]
    (_, _, _, of_x, _), (_, _, _, of_y, _) = scanning._projected([x, y], ArrayContext(), projection, 10.0)
    z_x, z_y = (part.panels.transpose(0, 2, 1).reshape(-1, 9)[: len(part.wrong)].astype(float) for part in parts)
    apart = np.sqrt(((z_x[:, None] - z_y) ** 2).sum(-1))
    wrong = np.sqrt(parts[0].wrong)[:, None] + np.sqrt(parts[1].wrong)
    assert (of_x.astype(float)[:, None] + of_y >= 2 * apart * wrong).all()


@pytest.mark.parametrize("length", [5, 768, 3000])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_products_with_vectors(length, offset):
    random = np.random.default_rng(length)
    x, vectors = random.normal(size=(9000, length)) + offset, random.normal(size=(3, length))
    parts = list(products_with(vectors, x, ArrayContext(), x.mean(0), 2.0))
    assert [rows.start for rows, _, _ in parts] == [0, *(rows.stop for rows, _, _ in parts)][:-1]
    products, norms = np.concatenate([p for _, p, _ in parts], axis=1), np.concatenate([n for *_, n in parts])
    error = product_error(length)
    centred = (x - x.mean(0)) / 2
    np.testing.assert_allclose(norms, (centred**2).sum(1), rtol=1e-6)
    largest = error * np.linalg.norm(vectors, axis=1)[:, None] * np.sqrt(norms)
    assert (np.abs(products - vectors @ centred.T) <= largest).all()
    assert error < 2e-5


def test_noise_is_not_projected():
    x = np.random.default_rng(0).normal(size=(9000, 800)).astype(np.float32)
    assert choose_projection(x, None, ArrayContext(), 15) is None
    assert choose_projection(x, x, ArrayContext(), 15) is None


@pytest.mark.parametrize(("n", "k", "length"), [(4000, 15, 800), (9000, 300, 800), (9000, 15, 8)])
def test_small_sets_and_many_neighbours_are_not_projected(x, n, k, length):
    part = np.ascontiguousarray(x[:n, :length])
    assert choose_projection(part, None, ArrayContext(), k) is None


def test_a_constant_is_not_projected():
    x = np.ones((9000, 800), np.float32)
    assert choose_projection(x, None, ArrayContext(), 15) is None


@pytest.mark.parametrize("scale", [1e30, 1e100, 1e-100])
def test_extreme_values_are_not_projected(x, scale):
    """The choice is made in float32."""
    x = (x.astype(np.float64) * scale).astype(np.float32 if scale == 1e30 else np.float64)
    assert choose_projection(x, None, ArrayContext(), 15) is None


def test_a_few_extreme_values_are_accepted(x):
    x = x.astype(np.float64)
    x[[5, 7000]] = 1e100
    chosen = choose_projection(x, None, ArrayContext(), 15)
    assert chosen is None or np.isfinite(chosen.directions).all()


@pytest.mark.parametrize("offset", [0, 1e6])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_search_of_a_large_set(x, offset, dtype):
    """The neighbours of some samples, by differences."""
    x = (x + offset).astype(dtype)
    found = nearest.search(x, ArrayContext(), (float(x.min()), float(x.max())), 15)
    assert found.coordinates[0] > 0
    assert found.measured.mean() < 200
    for i in range(0, len(x), 300):
        squared = ((x.astype(np.float64) - x[i].astype(np.float64)) ** 2).sum(axis=1)
        squared[i] = np.inf
        order = np.argsort(squared, kind="stable")[:15]
        np.testing.assert_array_equal(found.indices[i], order)
        np.testing.assert_allclose(found.distances[i], np.sqrt(squared[order]), rtol=1e-13)


@pytest.mark.parametrize("name", DATA)
def test_lists_that_fill_up(monkeypatch, name):
    """More samples than a list holds, on a direction that tells few of them apart."""
    x = DATA[name](2100, 9)
    along = Projection(x.mean(axis=0), np.eye(9, 1), 1)
    monkeypatch.setattr(nearest, "choose_projection", lambda *_: along)
    distances, indices = bitlens.nearest_neighbors(x, 5)
    expected_distances, expected_indices = reference.nearest_neighbors(x, 5)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-13)


def test_the_entropy_of_a_large_set(x, monkeypatch):
    entropy = bitlens.inter_sample_entropy(x, 15)
    monkeypatch.setattr(nearest, "choose_projection", lambda *_: None)
    assert abs(entropy - bitlens.inter_sample_entropy(x, 15)) < 1e-6


def test_neighbours_among_a_large_set(x):
    distances, indices = bitlens.nearest_neighbors(x[:1000] + np.float32(0.01), 3, among=x)
    assert (indices[:, 0] == np.arange(1000)).mean() > 0.9
    assert (np.diff(distances, axis=1) >= 0).all()


REFUSED = [
    ({"among": np.zeros((5, 3))}, "among: expected the 2 values of a sample of x, got 3"),
    ({"among": np.zeros((0, 2))}, "among: is empty, got shape (0, 2)"),
    ({"among": np.zeros(2)}, "among: expected shape (samples, ...), got (2,); a single feature is (n, 1)"),
    ({"among": np.full((5, 2), np.nan)}, "among: contains NaN or infinity; every value must be finite"),
    ({"among": np.zeros((5, 2)), "k": 6}, "k: expected 1 to 5, the number of samples of among, got 6"),
    ({"among": np.zeros((5, 2)), "k": 0}, "k: expected 1 to 5, the number of samples of among, got 0"),
    ({"among": np.full((5, 2), 1e308), "x": np.full((4, 2), -1e308)}, "x: expected distances within the range of"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_refused_arguments(given, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        bitlens.nearest_neighbors(**({"x": np.zeros((4, 2)), "k": 1} | given))


def test_refused_types():
    with pytest.raises(TypeError, match=r"^among: expected an array of real numbers, got"):
        bitlens.nearest_neighbors(np.zeros((4, 2)), 1, among=np.array([["a", "b"]]))
    with pytest.raises(TypeError, match=r"^k: expected an integer, got"):
        bitlens.nearest_neighbors(np.zeros((4, 2)), 1.5, among=np.zeros((4, 2)))


def test_an_array_among_itself():
    """The same object is given twice, and every sample is its own neighbour."""
    x = np.random.default_rng(0).normal(size=(60, 4))
    distances, indices = bitlens.nearest_neighbors(x, 1, among=x)
    np.testing.assert_array_equal(indices[:, 0], np.arange(60))
    assert (distances == 0).all()
