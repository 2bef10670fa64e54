"""Standard errors and intervals against closed forms, short twins and the spread over fresh samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

import bitlens
from bitlens.estimators import intervals
from bitlens.estimators.permutation import permutation_test

pytest.importorskip("scipy")


@pytest.mark.parametrize("degrees", [10, 15, 19, 31, 100])
def test_quantiles_of_the_t_distribution(degrees):
    assert intervals.t_quantile(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), abs=1e-4)


@pytest.mark.parametrize("n", [64, 65, 100])
def test_groups_are_of_equal_size_and_have_no_sample_in_common(n):
    kept = intervals.kept_samples(n, seed=3)
    removed = np.concatenate([np.setdiff1d(np.arange(n), part) for part in kept])
    assert len(np.unique(removed)) == len(removed) == n - n % 16
    assert {len(part) for part in kept} == {n - n // 16}
    assert all((np.diff(part) > 0).all() for part in kept)


@pytest.mark.parametrize("n", [64, 65, 79, 100])
def test_a_statistic_of_the_number_of_samples_has_no_error(n):
    """Such as the entropy of a layer in which all samples differ. Groups of several sizes would give it an error."""
    assert bitlens.jackknife(lambda rows: math.log2(len(rows)), np.zeros((n, 1))).standard_error == 0


def test_the_squared_error_of_a_mean_is_right_where_samples_are_in_no_group():
    """79 samples have groups of 4, and 15 samples are in none; 2000 sets of samples, each a column."""
    x = np.random.default_rng(4).normal(size=(79, 2000))
    errors = bitlens.jackknife(lambda rows: rows.mean(axis=0), x).standard_error
    assert (errors**2).mean() * 79 == pytest.approx(1, abs=0.04)


def test_an_induced_order_by_hand():
    """0 -> 2 -> 4 -> 0 and 1 -> 3 -> 1; without sample 2, sample 0 is followed to 4."""
    order = np.array([2, 3, 4, 1, 0])
    assert intervals.induced_order(order, np.array([0, 1, 3, 4])).tolist() == [3, 2, 1, 0]
    assert intervals.induced_order(order, np.arange(5)).tolist() == order.tolist()
    assert intervals.induced_order(order, np.array([3])).tolist() == [0]


@pytest.mark.parametrize("n", [64, 301])
def test_induced_orders_are_permutations(n):
    order = np.random.default_rng(n).permutation(n)
    for kept in intervals.kept_samples(n, 0):
        assert sorted(intervals.induced_order(order, kept).tolist()) == list(range(len(kept)))


def test_the_jackknife_by_its_formula():
    x = np.random.default_rng(0).exponential(size=(160, 2))
    found = bitlens.jackknife(lambda rows: np.median(rows, axis=0), x, seed=5)
    values = np.array([np.median(x[kept], axis=0) for kept in intervals.kept_samples(160, 5)])
    expected = np.sqrt(15 / 16 * ((values - values.mean(axis=0)) ** 2).sum(axis=0))
    np.testing.assert_allclose(found.standard_error, expected, rtol=1e-12)
    width = scipy.stats.t.ppf(0.975, 15) * expected
    np.testing.assert_allclose(found.high - found.estimate, width, rtol=1e-5)
    np.testing.assert_allclose(found.estimate - found.low, width, rtol=1e-5)


def test_the_error_of_a_mean_is_that_of_the_group_means():
    """For equal groups the jackknife of a mean is the deviation of the group means / sqrt(16), exactly."""
    x = np.random.default_rng(1).normal(size=(320, 1))
    error = bitlens.jackknife(np.mean, x).standard_error
    groups = np.array_split(np.random.default_rng(0).permutation(320), 16)
    assert error == pytest.approx(np.std([x[group].mean() for group in groups], ddof=1) / 4, rel=1e-12)


def test_few_samples_have_no_interval():
    x = np.random.default_rng(0).normal(size=(63, 2))
    found = bitlens.jackknife(lambda rows: rows.mean(axis=0), x)
    assert np.isnan([found.standard_error, found.low, found.high]).all()
    assert found.estimate.shape == found.low.shape == (2,)
    tested = permutation_test(lambda a, b: (a * b).mean(), x, x, intervals=True)
    assert math.isnan(tested.standard_error)
    assert not math.isnan(tested.excess)


def test_the_error_of_an_excess_by_its_formula():
    a, b = np.random.default_rng(2).normal(size=(2, 96, 2))
    b = a + b

    def statistic(x, y):
        return (x[:, :1] * y).mean(axis=0) ** 2

    found = permutation_test(statistic, a, b, permutations=20, seed=4, intervals=True)
    random = np.random.default_rng(4)
    orders = [random.permutation(96) for _ in range(20)]
    values = []
    for kept in intervals.kept_samples(96, 4):
        x, y = a[kept], b[kept]
        null = [statistic(x, y[intervals.induced_order(order, kept)]) for order in orders[:4]]
        values.append(statistic(x, y) - np.mean(null, axis=0))
    jackknife = 15 / 16 * ((values - np.mean(values, axis=0)) ** 2).sum(axis=0)
    null_variance = found.null_std**2
    expected = np.maximum(jackknife - null_variance * 1.5, null_variance) + null_variance / 20
    np.testing.assert_allclose(found.standard_error, np.sqrt(expected), rtol=1e-10)
    np.testing.assert_allclose(found.excess - found.low, scipy.stats.t.ppf(0.975, 15) * np.sqrt(expected), rtol=1e-5)
    np.testing.assert_array_equal(
        (found.low, found.high), intervals.excess_interval(found.excess, found.standard_error)
    )


@pytest.mark.parametrize("kind", [float, np.array, torch.tensor])
@pytest.mark.parametrize(
    ("excess", "error", "beyond"),
    # The width w is 2.1314 standard errors; the last number is what the upper end has beyond excess + w, in w.
    [
        (0.5, 0.1, 0.2131 / 2),
        (0.2, 0.1, 0.2131 / 0.8),
        (0.1, 0.1, 0.5),
        (0.0, 0.1, 0.5),
        (-0.1, 0.1, 0.5),
        (0.3, 0.0, 0),
    ],
)
def test_the_upper_end_is_that_of_square_roots(kind, excess, error, beyond):
    w = scipy.stats.t.ppf(0.975, 15) * error
    low, high = intervals.excess_interval(kind(excess), kind(error))
    assert float(low) == pytest.approx(excess - w, abs=1e-4)
    assert float(high) == pytest.approx(excess + w + beyond * w, abs=1e-4)
    if excess > w / 2 > 0:
        assert float(high) == pytest.approx((math.sqrt(excess) + w / (2 * math.sqrt(excess))) ** 2, abs=1e-4)


def test_the_upper_end_covers_estimates_whose_error_grows_with_them():
    """Squares of normal variables z with mean 3 and deviation 1; the error of each is the derivative, 2 |z|."""
    z = np.abs(np.random.default_rng(3).normal(3, 1, 100_000))
    excess, error = z**2 - 1, 2 * z
    symmetric, longer = intervals.interval(excess, error), intervals.excess_interval(excess, error)
    covered = [((low <= 9) & (high >= 9)).mean() for low, high in (symmetric, longer)]
    assert covered[0] < 0.91 < 0.94 < covered[1] < 0.97


def test_the_interval_of_an_unknown_excess_is_nan():
    assert np.isnan([intervals.excess_interval(math.nan, 0.1), intervals.excess_interval(0.1, math.nan)]).all()


@pytest.mark.parametrize("error", [-0.1, np.array([0.1, -0.1])])
def test_negative_errors_are_refused(error):
    with pytest.raises(ValueError, match=r"^standard_error: expected numbers of at least 0, got "):
        intervals.excess_interval(0.1 + 0 * error, error)


def test_without_intervals_errors_are_nan():
    a, b = np.random.default_rng(0).normal(size=(2, 80, 1))
    found = permutation_test(lambda x, y: (x * y).mean(), a, b)
    assert np.isnan([found.standard_error, found.low, found.high]).all()


@pytest.mark.parametrize("strength", [0.0, 0.95])
def test_the_error_is_the_spread_over_fresh_samples(strength):
    """Excess of channel information of Gaussian maps; 40 sets of samples, whose spread is known to 11 %."""
    random = np.random.default_rng(7)
    found = []
    for seed in range(40):
        a, noise = random.normal(size=(2, 64, 1, 4))
        b = strength * a + math.sqrt(1 - strength**2) * noise
        found.append(permutation_test(bitlens.channel_mutual_information, a, b, seed=seed, intervals=True))
    spread = np.std([result.excess for result in found], ddof=1)
    ratio = np.mean([result.standard_error for result in found]) / spread
    assert 0.7 < ratio < (3.0 if strength == 0 else 1.45)  # it is too large for unrelated samples


REFUSED = [
    (lambda: bitlens.excess_interval("a", 0.1), TypeError, "^excess: expected .*, got str"),
    (lambda: bitlens.excess_interval(0.1, None), TypeError, "^standard_error: expected .*, got None"),
    (lambda: bitlens.jackknife(np.mean), ValueError, "arrays: expected at least one array of samples, got none"),
    (lambda: bitlens.jackknife(np.mean, "ab"), TypeError, r"arrays\[0\]: expected .*, got str"),
    (
        lambda: bitlens.jackknife(np.mean, np.zeros(70), np.zeros(69)),
        ValueError,
        "expected as many samples|the same|70",
    ),
    (lambda: bitlens.jackknife(lambda x: "a", np.zeros(70)), TypeError, "statistic: expected it to return a number"),
    (lambda: bitlens.jackknife(np.mean, np.zeros(70), seed=-1), ValueError, "seed: expected"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
