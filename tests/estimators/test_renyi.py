"""The kernel of matrix-based Renyi entropies: closed forms, the reference, ill-conditioned matrices."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from bitlens import _core, reference
from tests.support.operands import SETS, call

BITS = {"float64": 1e-9, "float32": 2e-6}
SIZES = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 128, 129, 256, 512]
ORDERS = [0.5, 1, 1.01, 1.5, 1.99, 2, 3, 50]

each_dtype = pytest.mark.parametrize("dtype", BITS)
each_order = pytest.mark.parametrize("alpha", ORDERS)
each_size = pytest.mark.parametrize("n", SIZES)


def entropies(distances, sets, weights, alpha):
    """The entropy of each set of channels; `weights` is a list with one list for each set, or one number for all."""
    starts = np.cumsum([0, *map(len, sets)])
    members = np.concatenate([np.asarray(s) for s in sets])
    flat = np.concatenate(weights) if isinstance(weights, list) else np.full(len(members), float(weights))
    result, kept = np.full((2, len(sets)), np.nan)
    _core.renyi_entropies(distances, starts, members, flat, float(alpha), result, kept, np.empty((0, 0)), 0)
    return result


def entropy(distances, weight, alpha):
    return entropies(distances[None], [[0]], weight, alpha)[0]


def squared_distances(x, dtype="float64"):
    return ((x[:, None] - x[None]) ** 2).mean(axis=2).astype(dtype)


def points(n, length=20, seed=0):
    return np.random.default_rng([n, length, seed]).normal(size=(n, length))


def channels(count, n, dtype):
    return np.stack([squared_distances(points(n, seed=channel), dtype) for channel in range(count)])


def blocks(*sizes):
    return np.equal.outer(*[np.repeat(np.arange(len(sizes)), sizes)] * 2).astype(np.float64)


SOME_SETS, SOME_WEIGHTS = [[0], [2, 1], [1, 0, 2]], [[0.5], [1.0, 0.1], [0.3, 0.2, 0.1]]


@cache
def channels_and_spectra(n, dtype):
    """Three channels, and the reference spectra of the sets above, which are the same for every order."""
    distances = channels(3, n, dtype)
    pairs = zip(SOME_SETS, SOME_WEIGHTS, strict=True)
    return distances, [reference.kernel_spectrum(distances[s], weights) for s, weights in pairs]


@each_dtype
@each_size
@each_order
def test_entropies_against_the_reference(n, alpha, dtype):
    distances, spectra = channels_and_spectra(n, dtype)
    expected = [reference.spectrum_entropy(spectrum, alpha) for spectrum in spectra]
    result = entropies(distances, SOME_SETS, SOME_WEIGHTS, alpha)
    np.testing.assert_allclose(result, expected, rtol=0, atol=BITS[dtype])


@each_dtype
@each_order
def test_sets_of_uneven_sizes(alpha, dtype):
    n, rng = 45, np.random.default_rng(0)
    distances = channels(70, n, dtype)
    sets = [rng.choice(70, size, replace=size > 70) for size in (1, 2, 5, 64, 1, 200, 3)]
    weights = [rng.random(len(s)) / len(s) for s in sets]
    expected = [reference.renyi_entropy(distances[s], w, alpha) for s, w in zip(sets, weights, strict=True)]
    np.testing.assert_allclose(entropies(distances, sets, weights, alpha), expected, rtol=0, atol=BITS[dtype])


@each_dtype
def test_distances_with_gaps_between_rows(dtype):
    distances = channels(3, 50, dtype)
    wide = np.full((6, 100, 70), np.nan, dtype)
    wide[::2, ::2, :50] = distances
    np.testing.assert_array_equal(
        entropies(wide[::2, ::2, :50], [[0, 1], [2]], 0.3, 1.01), entropies(distances, [[0, 1], [2]], 0.3, 1.01)
    )


def line(n):
    return np.linspace(0, 3, n)[:, None]


def duplicates(n):
    return np.repeat(points(-(-n // 4)), 4, axis=0)[:n]


def two_groups(n):
    return points(n) * 1e-3 + np.where(np.arange(n) % 2, 30, -30)[:, None]


def one_outlier(n):
    return np.where(np.arange(n)[:, None] == n // 2, 100, 0) + 0 * points(n)


def relu(n):
    return np.maximum(points(n, 49), 0)


# Most eigenvalues of these kernels are equal, or 0 except for rounding errors.
HARD = [line, duplicates, two_groups, one_outlier, relu, lambda n: points(n, 2), lambda n: points(n, 5)]
HARD_IDS = ["line", "duplicates", "two groups", "one outlier", "relu", "plane", "five axes"]


HARD_WEIGHTS = (1e-12, 1e-7, 1e-5, 1e-3, 0.03, 0.3, 3, 30, 1e12)


@cache
def hard_kernels(make, n, dtype):
    """Squared distances, and the reference spectrum for each weight, which is the same for every order."""
    distances = squared_distances(make(n), dtype)
    return distances, [reference.kernel_spectrum(distances[None], [weight]) for weight in HARD_WEIGHTS]


@each_dtype
@pytest.mark.parametrize("alpha", [1, 1.01, 1.5, 1.99, 2, 3, 50])
@pytest.mark.parametrize("n", [16, 60, 128, 300])
@pytest.mark.parametrize("make", HARD, ids=HARD_IDS)
def test_kernels_of_low_rank(make, n, alpha, dtype):
    distances, spectra = hard_kernels(make, n, dtype)
    for weight, spectrum in zip(HARD_WEIGHTS, spectra, strict=True):
        expected = reference.spectrum_entropy(spectrum, alpha)
        assert entropy(distances, weight, alpha) == pytest.approx(expected, abs=BITS[dtype]), weight


@pytest.mark.parametrize("alpha", [1, 1.01, 1.5, 1.9])
@pytest.mark.parametrize("make", HARD, ids=HARD_IDS)
def test_kernels_with_negative_eigenvalues(make, alpha):
    """Rounded distances are not those of any points: eigenvalues down to -1e-7 of the trace count as 0."""
    distances = squared_distances(make(100), "float32").astype(np.float64)
    for weight in (0.03, 0.3, 3):
        expected = reference.renyi_entropy(distances[None], [weight], alpha)
        assert entropy(distances, weight, alpha) == pytest.approx(expected, abs=1e-9), weight


@each_dtype
@pytest.mark.parametrize("make", HARD, ids=HARD_IDS)
def test_kernels_of_low_rank_below_order_one(make, dtype):
    """The square root of an eigenvalue that is a rounding error, at most 1e-16 of the trace, is up to 1e-8."""
    n = 60
    distances = squared_distances(make(n), dtype)
    for weight in (1e-12, 1e-3, 0.3, 30):
        expected = reference.renyi_entropy(distances[None], [weight], 0.5)
        assert entropy(distances, weight, 0.5) == pytest.approx(expected, abs=2 * n * 1e-8), weight


@each_dtype
@each_order
@pytest.mark.parametrize("n", [1, 2, 5, 16, 100, 130])
def test_entropies_in_closed_form(n, alpha, dtype):
    constant, identity = np.zeros((n, n), dtype), 1e9 * (1 - np.eye(n, dtype=dtype))
    assert entropy(constant, 1, alpha) == 0
    assert entropy(identity, 0, alpha) == 0
    assert entropy(identity, 1e-300, alpha) == 0
    assert entropy(identity, 1, alpha) == pytest.approx(np.log2(n), abs=BITS[dtype])
    assert entropy(identity, 1e300, alpha) == pytest.approx(np.log2(n), abs=BITS[dtype])


@each_dtype
@each_order
def test_entropies_of_groups_in_closed_form(alpha, dtype):
    """Distant groups of equal samples: the eigenvalues are the shares of the groups."""
    shares = np.array([20, 7, 40, 1]) / 68
    distances = (1e6 * (1 - blocks(20, 7, 40, 1))).astype(dtype)
    expected = reference.entropy(shares) if alpha == 1 else np.log2((shares**alpha).sum()) / (1 - alpha)
    tolerance = BITS[dtype] if alpha >= 1 else 68 * 1e-8
    for weight in (1, 1e300):
        assert entropy(distances, weight, alpha) == pytest.approx(expected, abs=tolerance)


@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 1.7, 2, 4])
def test_two_samples_in_closed_form(alpha, dtype):
    """Eigenvalues (1 + k) / 2 and (1 - k) / 2."""
    for distance in (0.01, 0.5, 3.0):
        distances = np.array([[0, distance], [distance, 0]], dtype)
        k = np.exp(-float(distances[0, 1]))
        shares = np.array([1 + k, 1 - k]) / 2
        expected = reference.entropy(shares) if alpha == 1 else np.log2((shares**alpha).sum()) / (1 - alpha)
        assert entropy(distances, 1, alpha) == pytest.approx(expected, abs=BITS[dtype])


@each_dtype
@pytest.mark.parametrize("weight", [1e-6, 0.01, 0.3, 5])
def test_entropies_fall_with_the_order_and_stay_in_bounds(weight, dtype):
    distances = squared_distances(points(90), dtype)
    falling = [entropy(distances, weight, alpha) for alpha in (0.3, 0.9, 1, 1.2, 1.8, 2, 2.5, 9, 80)]
    assert (np.diff(falling) <= 2 * BITS[dtype]).all()
    assert min(falling) >= 0
    assert max(falling) <= np.log2(90)


@each_dtype
@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("weight", [1e-3, 0.3])
def test_entropies_are_continuous_in_the_order(weight, limit, dtype):
    """Different methods compute the entropies below, at and above the orders 1 and 2."""
    distances = squared_distances(points(90), dtype)
    expected = entropy(distances, weight, limit)
    for step in (1e-15, 1e-12, 1e-10):
        for alpha in (limit - step, limit + step):
            assert entropy(distances, weight, alpha) == pytest.approx(expected, abs=2 * BITS[dtype])


@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 3])
def test_entropies_do_not_depend_on_any_order(alpha, dtype):
    distances = channels(4, 70, dtype)
    shuffled = np.random.default_rng(0).permutation(70)
    expected = entropies(distances, [[0, 1, 2, 3]], 0.2, alpha)
    for other, members in (
        (np.ascontiguousarray(distances[:, shuffled][:, :, shuffled]), [0, 1, 2, 3]),
        (distances, [3, 1, 0, 2]),
    ):
        np.testing.assert_allclose(entropies(other, [members], 0.2, alpha), expected, rtol=0, atol=2 * BITS[dtype])


@each_dtype
@pytest.mark.parametrize("alpha", [0.5, 1.01, 2, 3])
def test_entropies_do_not_depend_on_the_number_of_threads(threads, alpha, dtype):
    """Kernels with eigenvalues that float32 cannot distinguish from 0 are computed by another method."""
    distances = np.concatenate([channels(5, 40, dtype), squared_distances(line(40), dtype)[None]])
    sets = [[i, j] for i in range(6) for j in range(6)] + [[5]]
    results = []
    for count in (1, 2, 5):
        threads(count)
        results.append(entropies(distances, sets, 0.3, alpha).tobytes())
    assert results[0] == results[1] == results[2]


@each_dtype
@each_order
def test_nan_results_in_nan(alpha, dtype):
    distances = channels(2, 20, dtype)
    distances[1, 3, 17] = distances[1, 17, 3] = np.nan
    result = entropies(distances, [[0], [1], [0, 1]], 0.3, alpha)
    assert np.isnan(result).tolist() == [False, True, True]


STARTS, MEMBERS, WEIGHTS = (SETS[name] for name in ("starts", "members", "weights"))

# (operands that do not fit, message)
REFUSED = [
    ({"squared_distances": np.ones((3, 0, 0))}, "squared_distances: samples: expected 1 to 1048576, got 0"),
    ({"squared_distances": np.ones((3, 5, 6))}, "squared_distances: columns: expected 5, got 6"),
    ({"starts": STARTS[:0]}, "starts: expected at least 1, got 0"),
    ({"starts": STARTS + 1}, "starts: first: expected 0, got 1"),
    ({"starts": STARTS - [0, 0, 1]}, "starts: last: expected 4, got 3"),
    ({"starts": np.array([0, 5, 4])}, "starts: set 1 has no members"),
    ({"starts": np.array([0, 0, 4])}, "starts: set 0 has no members"),
    ({"members": MEMBERS - 1}, "members: expected 0 to 2, got -1"),
    ({"members": MEMBERS + 1}, "members: expected 0 to 2, got 3"),
    ({"weights": np.ones(3)}, "weights: expected 4, got 3"),
    ({"weights": -WEIGHTS}, "weights: expected finite numbers from 0 on, got -1.000000"),
    ({"weights": WEIGHTS * np.nan}, "weights: expected finite numbers from 0 on, got nan"),
    ({"weights": WEIGHTS * np.inf}, "weights: expected finite numbers from 0 on, got inf"),
    ({"alpha": 0.0}, "alpha: expected a finite number above 0, got 0.000000"),
    ({"alpha": -1.0}, "alpha: expected a finite number above 0, got -1.000000"),
    ({"alpha": np.nan}, "alpha: expected a finite number above 0, got nan"),
    ({"alpha": np.inf}, "alpha: expected a finite number above 0, got inf"),
    ({"entropies": np.ones(3)}, "entropies: expected 2, got 3"),
    ({"kept": np.ones(3)}, "kept: expected 2, got 3"),
]


@pytest.mark.parametrize(("changed", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_refused_operands(changed, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call("renyi_entropies", **changed)
