"""The full output of the inter-sample entropy: closed forms, a short twin, ties by brute force, and its warnings."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

import bitlens
from bitlens import InterSampleDiversity, NeighborWarning, inter_sample_entropy, reference
from bitlens.arrays import NDArray
from bitlens.estimators import categories
from bitlens.estimators.neighbors import diversity

RANDOM = np.random.default_rng(11)
DUPLICATES = RANDOM.normal(size=(12, 3))[RANDOM.integers(0, 12, 90)]
# Pairs of equal samples at different distances from each other.
PAIRS = np.repeat(RANDOM.normal(size=(35, 3)), 2, axis=0)
SPARSE = np.where(RANDOM.random((80, 20)) < 0.1, RANDOM.integers(1, 4, (80, 20)), 0).astype(np.float64)
# id: samples [n, values]
SAMPLES = {
    "noise": RANDOM.normal(size=(70, 4)),
    "binary float64": RANDOM.integers(0, 2, (90, 12)).astype(np.float64),
    "binary float32": RANDOM.integers(0, 2, (90, 12)).astype(np.float32),
    "duplicates": DUPLICATES,
    "pairs": PAIRS,
    "sparse": SPARSE,
    "a dead layer": np.full((30, 3), 2.5),
    "signed zeros": np.where(RANDOM.random((40, 2)) < 0.5, -0.0, 0.0) + RANDOM.integers(0, 2, (40, 2)) * [[1.0, 0.0]],
}


def full(x, k=15, **options) -> InterSampleDiversity:
    """The full output, which warns of nothing: it says the same in numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return inter_sample_entropy(x, k, full_output=True, **options)


def all_distances(x: NDArray) -> NDArray:
    """Distances [n, n], infinite from a sample to itself."""
    wide = x.astype(np.float64)
    distances = np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distances, math.inf)
    return distances


def entropy_of_distinct(distances: NDArray) -> float:
    """H* in bits of all samples as neighbours: rows of sum log2(n - 1), samples at distance 0 are one point."""
    n = len(distances)
    target = math.log2(n - 1)
    rows = np.zeros((n, n))
    for i, row in enumerate(distances):
        if (row == 0).sum() >= target:
            rows[i] = row == 0
            continue
        low, high = 1e-12, 1e12
        for _ in range(200):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if np.exp(-row / middle).sum() < target else (low, middle)
        rows[i] = np.exp(-row / low)
    rows *= target / rows.sum(axis=1, keepdims=True)
    both = rows + rows.T
    points = np.unique((distances == 0) | np.eye(n, dtype=bool), axis=0).astype(float)
    merged = points @ both @ points.T
    return reference.entropy(merged / merged.sum())


def tied_by_force(distances: NDArray, k: int) -> int:
    """Number of samples whose k-th and (k + 1)-th distances are equal."""
    ordered = np.sort(distances, axis=1)
    return int((ordered[:, k - 1] == ordered[:, k]).sum()) if k < len(distances) - 1 else 0


@pytest.mark.parametrize(("n", "k"), [(3, 2), (10, 4), (40, 15), (80, 79)])
@pytest.mark.parametrize("value", [0.0, -3.5])
def test_a_dead_layer_is_one_sample(n, k, value):
    found = full(np.full((n, 6), value), k)
    assert (found.diversity, found.distinct, found.without_scale) == (0, 1, 1)
    assert found.tied == (n if k < n - 1 else 0)
    assert found.entropy == pytest.approx(found.null_mean, abs=1e-12)
    assert found.null_std == pytest.approx(0, abs=1e-12)
    bound = math.log2(min(2500, n - 1) * n)
    assert found.effective_share == pytest.approx(2**-bound, rel=1e-9)


def test_ten_points_have_nothing_but_the_entropy_of_ten():
    """Ten far groups of 30 equal samples: each point is near itself alone, so that H* is log2 10."""
    groups = np.repeat(np.arange(10), 30)
    x = 1e6 * np.eye(10)[groups]
    found = full(x)
    assert (found.distinct, found.without_scale, found.diversity_k) == (10, 1, 299)
    bound = math.log2(300 * 299)
    assert found.diversity == pytest.approx(math.log2(10) / bound, rel=1e-12)
    assert found.effective_share == pytest.approx(10 / (300 * 299), rel=1e-9)
    assert found.entropy > 0.8 * found.bound  # which tells nothing


def test_white_noise_is_as_diverse_as_possible():
    found = full(np.random.default_rng(0).normal(size=(300, 784)))
    assert 0.998 < found.diversity <= 1
    assert found.effective_share > 0.95
    assert (found.distinct, found.without_scale, found.tied) == (300, 0, 0)


def test_a_simplex_has_diversity_one():
    """All distances are equal, so that all pairs have one probability, and every sample is tied."""
    found = full(np.eye(20), 5)
    assert found.diversity == pytest.approx(1, abs=1e-12)
    assert found.effective_share == pytest.approx(1, abs=1e-9)
    assert found.tied == 20


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("k", [3, 12])
def test_against_a_short_twin(name, k):
    x = SAMPLES[name]
    n, distances = len(x), all_distances(x)
    found = full(x, k)
    expected = entropy_of_distinct(distances)
    assert found.diversity == pytest.approx(expected / math.log2(n * (n - 1)), abs=1e-9)
    assert found.effective_share == pytest.approx(2**expected / (n * (n - 1)), rel=1e-7)
    assert found.bound == math.log2(min(2 * n * k, n * (n - 1)))
    assert found.distinct == len(np.unique(x + 0.0, axis=0))
    coinciding = (np.sort(distances, axis=1)[:, :k] == 0).sum(axis=1)
    assert found.without_scale == (coinciding >= math.log2(k)).mean()
    assert found.diversity_k == n - 1


def test_minus_zero_is_zero():
    x = SAMPLES["noise"].copy()
    x[:10] = 0.0
    negative = x.copy()
    negative[:5] = -0.0
    assert full(x, 5) == full(negative, 5)
    assert full(negative, 5).distinct == 61
    assert full(negative.astype(np.float32), 5).distinct == 61


@pytest.mark.parametrize("name", ["noise", "duplicates", "pairs"])
def test_the_order_of_the_samples_is_no_information(name):
    x = SAMPLES[name]
    order = np.random.default_rng(2).permutation(len(x))
    ours, theirs = (full(rows, len(x) - 1, intervals=False) for rows in (x, x[order]))
    for field in ("entropy", "bound", "diversity", "effective_share"):
        assert getattr(ours, field) == pytest.approx(getattr(theirs, field), rel=1e-9)
    for field in ("diversity_k", "distinct", "without_scale", "tied"):
        assert getattr(ours, field) == getattr(theirs, field)


@pytest.mark.parametrize("name", ["binary float32", "sparse"])
def test_the_order_of_the_samples_moves_the_entropy_by_ties_alone(name):
    x = SAMPLES[name]
    orders = [np.random.default_rng(seed).permutation(len(x)) for seed in range(4)]
    found = [full(x[order], 5, intervals=False) for order in orders]
    assert len({(each.tied, each.distinct, each.without_scale) for each in found}) == 1
    assert found[0].tied > 0
    assert np.ptp([each.diversity for each in found]) < 1e-9
    assert 1e-6 < np.ptp([each.entropy for each in found]) < 0.1
    without = [full(x[order], len(x) - 1, intervals=False) for order in orders]
    assert {each.tied for each in without} == {0}
    assert np.ptp([each.entropy for each in without]) < 1e-9


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("k", [2, 3, 5, 8, 15, 29])
def test_ties_are_counted_exactly(name, k):
    x = SAMPLES[name]
    assert full(x, k, intervals=False).tied == tied_by_force(all_distances(x), k)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "k"), [(700, 2), (700, 15), (700, 16)])
def test_ties_behind_the_filter_are_counted_exactly(dtype, n, k):
    """In sets of this size float32 products select the candidates. The distances of whole numbers are exact."""
    x = np.random.default_rng(n + k).integers(0, 2, (n, 40)).astype(dtype)
    with pytest.warns(NeighborWarning, match=f"^x: {tied_by_force(all_distances(x), k)} of {n} samples have several"):
        inter_sample_entropy(x, k)


@pytest.mark.parametrize("k", [2, 3, 7, 30])
@pytest.mark.parametrize("vocabulary", [2, 5, 1000])
def test_category_inputs_against_their_one_hot_codes(vocabulary, k):
    values = np.random.default_rng(vocabulary).integers(0, vocabulary, (70, 6))
    values[40:] = values[:30]
    codes = (values[..., None] == np.unique(values)).reshape(70, -1).astype(np.float64)
    found = categories.full_category_diversity(values, k, seed=0, intervals=True)
    expected = full(codes, k)
    assert found.tied == tied_by_force(all_distances(codes), k)
    for field in ("entropy", "bound", "diversity", "effective_share", "standard_error", "low", "high"):
        assert getattr(found, field) == pytest.approx(getattr(expected, field), rel=1e-7)
    for field in ("diversity_k", "distinct", "without_scale", "tied"):
        assert getattr(found, field) == getattr(expected, field)


# name of the samples: (k, message)
WARNED = {
    "a dead layer": (
        5,
        r"^x: 30 of 30 samples coincide with log2\(k\) or more of their 5 neighbours; they raise the entropy, which "
        "reaches its bound for a dead layer; read the diversity of full_output=True$",
    ),
    "binary float64": (
        5,
        r"^x: \d+ of 90 samples have several candidates for neighbour 5 at the same distance, of which the order of "
        "the samples chooses; this moves the entropy by some 0.01 bits; k = n - 1 has no ties$",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_warned(name):
    k, message = WARNED[name]
    with pytest.warns(NeighborWarning, match=message) as caught:
        inter_sample_entropy(SAMPLES[name], k)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [50, 700])
def test_continuous_samples_are_not_warned_of(dtype, n):
    x = np.random.default_rng(n).normal(size=(n, 9)).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in (2, 15, n - 1):
            inter_sample_entropy(x, k)


def test_all_neighbours_have_no_ties():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inter_sample_entropy(np.eye(30), 29)


def test_the_null_of_one_feature_is_its_entropy():
    """A single feature has no other that it could depend on."""
    found = full(np.random.default_rng(5).exponential(size=(90, 1)), 7)
    assert found.null_mean == pytest.approx(found.entropy, abs=1e-9)
    assert found.null_std == pytest.approx(0, abs=1e-9)


def test_features_that_depend_on_each_other_are_less_diverse_than_their_shuffles():
    x = np.repeat(np.random.default_rng(6).normal(size=(200, 1)), 12, axis=1)
    found = full(x, 15)
    assert found.entropy < found.null_mean - 10 * found.null_std
    again = full(x, 15, seed=1)
    assert again.null_mean != found.null_mean
    assert (again.entropy, again.diversity) == (found.entropy, found.diversity)
    assert full(x, 15) == found


@pytest.mark.parametrize(("n", "known"), [(63, False), (64, True)])
def test_standard_errors_need_64_samples(n, known):
    x = np.random.default_rng(n).normal(size=(n, 3))
    found = full(x, 6)
    assert np.isfinite([found.standard_error, found.low, found.high]).tolist() == [known] * 3
    without = full(x, 6, intervals=False)
    assert np.isnan([without.standard_error, without.low, without.high]).all()
    assert without[:-3] == found[:-3]


def test_the_error_is_the_jackknife_of_the_entropy():
    x = np.random.default_rng(8).normal(size=(130, 3))
    found = full(x, 9, seed=4)
    expected = bitlens.jackknife(lambda rows: inter_sample_entropy(rows, 9), x, seed=4)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-6)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_many_samples_have_a_limited_number_of_neighbours(monkeypatch):
    monkeypatch.setattr(diversity, "DIVERSITY_NEIGHBORS", 20)
    x = np.random.default_rng(9).normal(size=(60, 4))
    found = full(x, 6)
    assert found.diversity_k == 20
    assert found.diversity == pytest.approx(inter_sample_entropy(x, 20) / math.log2(2 * 60 * 20), rel=1e-9)
    assert found.bound == math.log2(2 * 60 * 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors(dtype):
    x = np.random.default_rng(10).normal(size=(80, 2, 3)).astype(dtype)
    assert full(torch.from_numpy(x), 6) == full(x, 6)


REFUSED = [
    ({"x": np.zeros((2, 3))}, ValueError, "x: expected at least 3 samples"),
    ({"k": 70}, ValueError, "k: expected 2 to n - 1 = 69 for 70 samples, got 70"),
    ({"seed": -1}, ValueError, "seed: expected 0 or more, got -1"),
    ({"x": np.full((70, 2), np.nan)}, ValueError, "x: contains NaN or infinity"),
]


@pytest.mark.parametrize(("changes", "error", "message"), REFUSED)
def test_refused(changes, error, message):
    with pytest.raises(error, match=f"^{message}"):
        inter_sample_entropy(**{"x": SAMPLES["noise"], "k": 5, "full_output": True} | changes)
