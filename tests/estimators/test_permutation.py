"""The permutation test against the same shuffles in plain NumPy, for numbers, arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bitlens


def correlation(a, b):
    return (a * b).mean()


def column_means(a, b):
    return (a[:, :, None] * b[:, None]).mean(0)


@pytest.mark.parametrize("statistic", [correlation, column_means, bitlens.channel_mutual_information])
@pytest.mark.parametrize("permutations", [2, 30])
def test_every_field(statistic, permutations):
    a, b = np.random.default_rng(0).normal(size=(2, 60, 3))
    b = a + b
    result = bitlens.permutation_test(statistic, a, b, permutations, seed=7)
    random = np.random.default_rng(7)
    null = np.array([statistic(a, b[random.permutation(60)]) for _ in range(permutations)])
    observed = statistic(a, b)
    np.testing.assert_array_equal(result.observed, observed)
    np.testing.assert_allclose(result.null_mean, null.mean(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.null_std, null.std(axis=0, ddof=1), rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.excess, observed - null.mean(axis=0), rtol=0, atol=1e-12)
    p_value = (1 + (null >= observed).sum(axis=0)) / (1 + permutations)
    np.testing.assert_allclose(result.p_value, p_value, rtol=0, atol=1e-12)
    assert (result.permutations, result.seed) == (permutations, 7)


def test_the_seed_decides():
    a, b = np.random.default_rng(0).normal(size=(2, 40, 2))
    first, again, other = (bitlens.permutation_test(column_means, a, b, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.null_mean, again.null_mean)
    assert (first.null_mean != other.null_mean).any()


def test_dependent_channels_have_the_smallest_p_value():
    a = np.random.default_rng(0).normal(size=(100, 1, 4))
    result = bitlens.permutation_test(bitlens.channel_mutual_information, a, a**3, permutations=19)
    assert result.p_value == pytest.approx(0.05)
    assert result.excess > 10 * result.null_std


def test_a_constant_statistic_has_no_excess_and_p_value_one():
    x = np.zeros((10, 1))
    result = bitlens.permutation_test(lambda a, b: 3.0, x, x)
    fields = (result.observed, result.null_mean, result.null_std, result.excess, result.p_value)
    assert fields == (3.0, 3.0, 0.0, 0.0, 1.0)


def test_tensors_give_tensors_of_the_same_numbers():
    a, b = np.random.default_rng(0).normal(size=(2, 50, 2, 3))
    expected = bitlens.permutation_test(bitlens.channel_mutual_information, a, b)
    result = bitlens.permutation_test(bitlens.channel_mutual_information, torch.from_numpy(a), torch.from_numpy(b))
    for field in ("observed", "null_mean", "null_std", "excess", "p_value"):
        assert isinstance(getattr(result, field), torch.Tensor)
        np.testing.assert_array_equal(getattr(result, field).numpy(), getattr(expected, field))


def test_a_number_gives_floats():
    x = np.arange(12.0)
    result = bitlens.permutation_test(lambda a, b: float(a @ b), x, x)
    for field in ("observed", "null_mean", "null_std", "excess", "p_value"):
        assert type(getattr(result, field)) is float, field


def test_bytes_are_samples():
    a, b = np.random.default_rng(0).integers(0, 9, (2, 50, 3)).astype(np.uint8)
    result = bitlens.permutation_test(bitlens.channel_mutual_information, a, b)
    expected = bitlens.permutation_test(bitlens.channel_mutual_information, a.astype(float), b.astype(float))
    np.testing.assert_allclose(result.excess, expected.excess, atol=1e-12)


def test_rounding_does_not_decide_a_p_value():
    """Every order of the labels gives one of two mirror images, whose information is the same number."""
    group, label = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 1, 1, 1, 0])
    result = bitlens.permutation_test(bitlens.renyi_mutual_information, group, label, permutations=200)
    assert 0 < result.null_std < 1e-14  # the values do differ by rounding
    assert result.p_value == 1
    x = np.arange(8.0)
    nothing = bitlens.permutation_test(lambda a, b: 1e-15 * float(a @ b == a @ a), x, x)
    assert nothing.p_value == 1
    small = bitlens.permutation_test(lambda a, b: 1e-6 * float(a @ b == a @ a), x, x)
    assert small.p_value == pytest.approx(1 / 21)
