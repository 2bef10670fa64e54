"""Adjusted information, false discovery rates, verdicts, and the information that chance gives a table."""

from __future__ import annotations

import math
from math import comb, log2

import numpy as np
import pytest
import scipy.stats

import bitlens
from bitlens.estimators.contingency import expected_information
from bitlens.estimators.verdicts import LOWER_BOUND, MEASURED, NOT_ABOVE_CHANCE, NOT_MEASURABLE, verdicts


def expected_by_hand(rows, columns):
    n, total = sum(rows), 0.0
    for y in rows:
        for b in columns:
            for k in range(max(1, y + b - n), min(y, b) + 1):
                total += k / n * log2(n * k / (y * b)) * comb(b, k) * comb(n - b, y - k) / comb(n, y)
    return total


@pytest.mark.parametrize("seed", range(5))
def test_expected_information_by_its_formula(seed):
    random = np.random.default_rng(seed)
    rows = random.integers(1, 12, 4)
    columns = random.multinomial(rows.sum(), np.ones(6) / 6, size=(2, 3))
    found = expected_information(rows, columns)
    assert found.shape == (2, 3)
    for table, value in zip(columns.reshape(6, 6), found.reshape(6), strict=True):
        assert value == pytest.approx(expected_by_hand(rows.tolist(), [c for c in table.tolist() if c]), rel=1e-11)


@pytest.mark.parametrize("rows", [(1500, 1500), (5, 2995), (2990, 9, 1)])
def test_expected_information_of_many_samples(rows):
    """Counts far from their mean are left out of the sum; their probability is too small to be noticed."""
    columns, n = np.array([1200, 1795, 5]), 3000
    total = 0.0
    for row in rows:
        for column in columns:
            k = np.arange(1, min(row, column) + 1)
            probability = scipy.stats.hypergeom.pmf(k, n, column, row)
            total += (probability * k / n * np.log2(n * k / (row * column))).sum()
    assert expected_information(np.array(rows), columns) == pytest.approx(total, rel=1e-8)


def test_expected_information_is_the_mean_over_shuffles():
    random = np.random.default_rng(0)
    labels, bins = random.integers(0, 10, 64), random.integers(0, 32, 64)
    x, bins = bins[:, None] * 1.0, bitlens.EqualWidth(32)
    shuffled = [bitlens.neuron_information(x, random.permutation(labels), bins, permutations=2) for _ in range(200)]
    values = [float(found.mutual_information[0]) for found in shuffled]
    exact = shuffled[0].mutual_information_bias[0]
    assert abs(np.mean(values) - exact) < 4 * np.std(values) / math.sqrt(200)


@pytest.mark.parametrize(("classes", "bins"), [(2, 2), (10, 32), (100, 32), (200, 200)])
def test_expected_information_is_possible(classes, bins):
    """The first-order bias exceeds what is possible in sparse tables; the mean over shuffles does not."""
    random = np.random.default_rng(1)
    rows = np.bincount(random.integers(0, classes, 300))
    columns = np.bincount(random.integers(0, bins, 300))
    limit = min(scipy.stats.entropy(rows, base=2), scipy.stats.entropy(columns, base=2))
    assert 0 < expected_information(rows, columns) <= limit + 1e-12


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [([5], [2, 3], 0), ([2, 3], [5], 0), ([1, 1], [1, 1], 1), ([1] * 8, [1] * 8, 3), ([4, 0, 4], [8, 0], 0)],
)
def test_expected_information_of_tables_without_choice(rows, columns, expected):
    assert expected_information(np.array(rows), np.array(columns)) == pytest.approx(expected, abs=1e-12)


def test_adjusted_information_is_scaled_mutual_information_of_the_field():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is a peer of the benchmark")
    random = np.random.default_rng(3)
    a = random.integers(0, 4, 60)
    b = np.where(random.random(60) < 0.5, a, random.integers(0, 4, 60))
    found = bitlens.neuron_information(b[:, None] * 1.0, a, bitlens.EqualWidth(4))
    limit = min(scipy.stats.entropy(np.bincount(values), base=2) for values in (a, b))
    theirs = metrics.adjusted_mutual_info_score(a, b, average_method="min")
    assert found.adjusted[0] == pytest.approx(theirs * limit, rel=1e-9)


@pytest.mark.parametrize(
    ("information", "null", "limit", "expected"),
    [
        (0.5, 0.5, 1.0, 0.0),
        (1.0, 0.5, 1.0, 1.0),
        (0.75, 0.5, 1.0, 0.5),
        (0.4, 0.5, 1.0, -0.2),
        (0.0, 0.0, 0.0, 0.0),
        (0.5, math.nan, 1.0, math.nan),  # nothing is known about chance
    ],
)
def test_adjusted_information(information, null, limit, expected):
    assert bitlens.adjusted_information(information, null, limit) == pytest.approx(expected, nan_ok=True)
    arrays = (np.full((2, 3), value) for value in (information, null, limit))
    np.testing.assert_allclose(bitlens.adjusted_information(*arrays), np.full((2, 3), expected), atol=1e-15)


@pytest.mark.parametrize("shape", [(1,), (40,), (7, 9)])
def test_q_values_are_those_of_scipy(shape):
    p = np.random.default_rng(0).random(shape) ** 2
    p.flat[0] = 0.05
    expected = scipy.stats.false_discovery_control(p.reshape(-1)).reshape(shape)
    np.testing.assert_allclose(bitlens.q_values(p), expected, rtol=1e-12)
    np.testing.assert_allclose(bitlens.q_values(p * 0 + 1 / 21), 1 / 21)
    with pytest.raises(ValueError, match="p_values: expected numbers from 0 to 1, got"):
        bitlens.q_values(p + 1)


# (null mean, limit, p, keyword arguments, verdict)
RULES = [
    (0.02, 1.0, 0.01, {}, MEASURED),
    (0.2, 1.0, 0.01, {}, LOWER_BOUND),
    (0.4, 1.0, 0.01, {}, NOT_MEASURABLE),
    (0.02, 1.0, 0.06, {}, NOT_ABOVE_CHANCE),
    (0.2, 1.0, 0.5, {}, NOT_ABOVE_CHANCE),
    (0.4, 1.0, 0.5, {}, NOT_MEASURABLE),
    (0.02, 1.0, 0.01, {"fewest": 4}, NOT_MEASURABLE),
    (0.02, 1.0, 0.01, {"fewest": 5}, MEASURED),
    (0.02, 1.0, 0.01, {"saturation": 0.99}, NOT_MEASURABLE),
    (0.02, 1.0, 0.01, {"reached": 0.99}, LOWER_BOUND),
    (0.02, 1.0, 0.01, {"reached": 0.97}, MEASURED),
    (0.02, 1.0, 0.06, {"reached": 1.0}, NOT_ABOVE_CHANCE),
    (0.0, 0.0, 1.0, {}, NOT_ABOVE_CHANCE),  # a dead channel
    (math.nan, 1.0, 0.01, {}, NOT_MEASURABLE),
    (0.02, 1.0, math.nan, {}, NOT_MEASURABLE),
]


@pytest.mark.parametrize(("null", "limit", "p", "others", "expected"), RULES)
def test_verdicts(null, limit, p, others, expected):
    assert verdicts(null, limit, p, **others) == expected
    assert verdicts(np.full(3, null), limit, p, **others).tolist() == [expected] * 3
