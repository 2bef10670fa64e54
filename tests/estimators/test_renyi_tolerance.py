"""Renyi entropies of many samples: estimates within a tolerance, and the order 2 by tiles."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

import bitlens
from bitlens import (
    Alignment,
    Dimension,
    Median,
    NearestNeighbors,
    PrecisionWarning,
    RenyiEstimate,
    Silverman,
    reference,
)
from bitlens.arrays import ArrayContext
from bitlens.estimators.matrix import bandwidths, entropy_sums, gaussian_kernel, gram, sample_tiles
from bitlens.estimators.matrix.gaussian_kernel import GaussianKernel, Variable
from bitlens.estimators.matrix.stochastic import PROBES, estimate_entropy

N = 1100
ORDERS = [0.5, 1, 1.01, 2, 3]
each_order = pytest.mark.parametrize("alpha", ORDERS)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several tiles, the last ones smaller."""
    monkeypatch.setattr(sample_tiles, "TILE", 300)


def normal(n, *shape, seed=0):
    return np.random.default_rng([n, seed]).normal(size=(n, *shape))


def estimated(x, alpha=1.01, bandwidth=Median(), tolerance=0.01, seed=0):  # noqa: B008
    return bitlens.renyi_entropy(x, alpha, bandwidth, tolerance=tolerance, full_output=True, seed=seed)


# Spectra with a slow and with a fast decay, and with clusters.
VARIABLES = {
    "noise": lambda: normal(N, 500),
    "decay": lambda: normal(N, 300) / np.arange(1, 301),
    "plane": lambda: normal(N, 2),
    "relu": lambda: np.maximum(normal(N, 49), 0),
    "clusters": lambda: normal(N, 10) * 0.01 + normal(90, 10)[np.arange(N) % 90],
    "groups far apart": lambda: normal(N, 20) * 1e-3 + np.where(np.arange(N) % 2, 30, -30)[:, None],
    "copies": lambda: np.repeat(normal(N // 4, 20), 4, axis=0),
    "heavy tails": lambda: np.random.default_rng(0).standard_cauchy((N, 3)),
    "offset": lambda: normal(N, 3) + 1e5,
    "float32": lambda: normal(N, 30).astype(np.float32),
}


@each_order
@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.filterwarnings("ignore::bitlens.PrecisionWarning")
def test_estimates_against_exact_entropies(name, alpha):
    x = VARIABLES[name]()
    exact = bitlens.renyi_entropy(x, alpha)
    estimate = estimated(x, alpha)
    assert estimate.value == pytest.approx(exact, abs=min(0.01, 4 * estimate.standard_error + 1e-8))
    assert estimate.standard_error <= 0.004 + 1e-12


@pytest.mark.parametrize(
    "rule", [Median(), NearestNeighbors(5), Silverman(2.0), Dimension(), 3.0, "alignment"], ids=repr
)
def test_bandwidth_rules(rule, monkeypatch):
    monkeypatch.setattr(bandwidths, "_ALIGNMENT_STEPS", 5)
    x, labels = normal(N, 6) * 1e-3, np.arange(N) % 3
    rule = Alignment(labels) if rule == "alignment" else rule
    assert estimated(x, 1.01, rule).value == pytest.approx(bitlens.renyi_entropy(x, 1.01, rule), abs=0.01)
    whole = reference.pair_distances(x) ** 2
    sigma = sample_tiles.sigma_of(sample_tiles.Samples(x, ArrayContext()), rule, 1.0)
    exponents = gram.variable_exponents(x, "x", rule)[0][0]
    np.testing.assert_allclose(whole / (2 * sigma**2), exponents, rtol=1e-9, atol=1e-12)


@each_order
@pytest.mark.parametrize("tolerance", [None, 0.01])
def test_closed_forms(alpha, tolerance):
    def entropy(x, bandwidth=1.0):
        return bitlens.renyi_entropy(x, alpha, bandwidth, tolerance=tolerance)

    precision = 1e-9 if tolerance is None and alpha >= 1 else 1e-4
    assert entropy(np.full((N, 3), 0.1)) == pytest.approx(0, abs=precision)
    assert entropy(np.zeros(N, int)) == pytest.approx(0, abs=precision)
    assert entropy(np.arange(N)[:, None] * 100.0) == pytest.approx(math.log2(N), abs=precision)
    assert entropy(np.arange(N)) == pytest.approx(math.log2(N), abs=precision)
    assert entropy(np.repeat([0.0, 1e3], [N // 4, N - N // 4])[:, None]) == pytest.approx(
        reference.entropy([0.25, 0.75]) if alpha == 1 else math.log2(0.25**alpha + 0.75**alpha) / (1 - alpha),
        abs=precision,
    )


@pytest.mark.parametrize("alpha", [1, 1.01, 2, 3])
@pytest.mark.parametrize("other", ["values", "labels"])
def test_mutual_information_and_joint_entropies(other, alpha):
    x = normal(N, 12)
    y = np.tanh(x[:, :4]) + 0.1 * normal(N, 4, seed=1) if other == "values" else np.arange(N) % 5
    for function, arguments in (
        (bitlens.renyi_mutual_information, (x, y)),
        (bitlens.renyi_joint_entropy, ([x, y],)),
    ):
        exact = function(*arguments, alpha)
        estimate = function(*arguments, alpha, tolerance=0.02, full_output=True)
        assert isinstance(estimate, RenyiEstimate)
        assert estimate.value == pytest.approx(exact, abs=min(0.02, 4 * estimate.standard_error + 1e-8))
        assert function(*arguments, alpha, tolerance=0.02) == estimate.value


def test_plain_products_and_scaled_bandwidths():
    variables = [normal(N, 3, seed=s) for s in range(3)]
    for scale in (True, False):
        exact = bitlens.renyi_joint_entropy(variables, scale_bandwidth=scale)
        assert bitlens.renyi_joint_entropy(variables, scale_bandwidth=scale, tolerance=0.01) == pytest.approx(
            exact, abs=0.01
        )
    exact = bitlens.renyi_joint_entropy([v[:1000] for v in variables], 2)
    by_tiles = bitlens.renyi_joint_entropy(variables, 2)
    assert by_tiles == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("alpha", [1.01, 1.5])
def test_standard_errors_cover_the_error(alpha):
    """At least 95 of 100 seeds are within the tolerance, and within twice the stated error."""
    x = normal(N, 60) / np.arange(1, 61) ** 0.7
    exact = bitlens.renyi_entropy(x, alpha)
    variable = Variable.of(x, "x", Median(), 1, 0)
    kernel = GaussianKernel([variable], "float32", keep=True)
    for tolerance in (0.02, 0.005):
        found = [estimate_entropy(kernel, alpha, 0.4 * tolerance, seed) for seed in range(20)]
        errors = np.array([abs(each.bits - exact) for each in found])
        stated = np.array([each.standard_error for each in found])
        assert (errors <= tolerance).mean() >= 0.95
        assert (errors <= 2 * stated + 1e-5).mean() >= 0.9


@pytest.mark.mnist
@pytest.mark.parametrize(
    ("n", "alpha", "seeds"), [(1000, 0.5, 100), (1000, 1.01, 100), (1000, 3, 100), (1000, 5, 100), (3000, 1.01, 40)]
)
def test_tolerances_hold_on_mnist(mnist, n, alpha, seeds, monkeypatch):
    """95 % of the seeds are within the tolerance."""
    monkeypatch.setattr(sample_tiles, "TILE", 1024)
    x = mnist["train_images"][:n]
    exact = bitlens.renyi_entropy(x, alpha)
    kernel = GaussianKernel([Variable.of(x, "x", Median(), 1, 0)], "float64" if alpha < 1 else "float32", keep=True)
    errors = [abs(estimate_entropy(kernel, alpha, 0.004, seed).bits - exact) for seed in range(seeds)]
    assert (np.array(errors) <= 0.01).mean() >= 0.95


def test_what_is_returned():
    x = normal(N, 100)
    estimate = estimated(x)
    assert not estimate.exact
    assert estimate.probes == PROBES
    assert estimate.eigenvectors > 0
    assert estimate.steps > 0
    assert 0 < estimate.standard_error <= 0.004
    assert bitlens.renyi_entropy(x, tolerance=0.01) == estimate.value
    few = bitlens.renyi_entropy(x[:1000], tolerance=0.01, full_output=True)
    assert few == (bitlens.renyi_entropy(x[:1000]), 0, 0, 0, 0, True)
    assert bitlens.renyi_entropy(x, full_output=True) == (bitlens.renyi_entropy(x), 0, 0, 0, 0, True)


def test_seeds_are_deterministic():
    x = normal(N, 100)
    assert estimated(x, seed=3) == estimated(x, seed=3)
    assert estimated(x, seed=3).value != estimated(x, seed=4).value


def test_smaller_tolerances_take_more_eigenvectors():
    x = normal(N, 100)
    coarse, fine = estimated(x, tolerance=0.05), estimated(x, tolerance=0.0005)
    assert fine.exact or fine.standard_error < coarse.standard_error
    assert fine.value == pytest.approx(bitlens.renyi_entropy(x), abs=0.0005)


def test_spectra_that_are_not_estimated_are_decomposed():
    """A smooth kernel has eigenvalues that cannot be told from rounding errors, on which a small order depends."""
    x = normal(N, 1)
    with pytest.warns(PrecisionWarning, match=r"^alpha: expected an order at which rounding errors"):
        assert estimated(x, 0.1).exact


def test_a_tolerance_that_is_not_attained(monkeypatch):
    monkeypatch.setattr(entropy_sums, "_MOST_FOR_SPECTRUM", 1000)
    message = r"^tolerance: expected a number of bits that is attained with few eigenvectors, got 1e-06; the standard"
    with pytest.warns(PrecisionWarning, match=message):
        estimate = estimated(normal(N, 100), tolerance=1e-6)
    assert not estimate.exact
    assert estimate.standard_error > 1e-6


@pytest.mark.parametrize("kept", [0, 1 << 40])
def test_results_do_not_depend_on_what_is_kept_in_memory(kept, monkeypatch):
    x, y = normal(N, 5), normal(N, 3, seed=1)
    expected = bitlens.renyi_mutual_information(x, y, tolerance=0.02)
    monkeypatch.setattr(entropy_sums, "KEPT_BYTES", kept)
    monkeypatch.setattr(gaussian_kernel, "KEPT_BYTES", kept)
    assert bitlens.renyi_mutual_information(x, y, tolerance=0.02) == pytest.approx(expected, abs=1e-12)


def test_order_two_of_extreme_values():
    """Where rounding errors of products are too large, distances come from differences as for few samples."""
    groups = normal(N, 2) * 1e-3 + 1e6 * (np.arange(N) % 2)[:, None]
    for x, sigma in ((groups, 1e-3), (normal(N, 2) * 1e-170, Median()), (normal(N, 2) * 1e170, Median())):
        distances = reference.pair_distances(x / abs(x).max())
        width = np.median(distances[np.triu_indices(N, 1)]) if sigma == Median() else sigma / abs(x).max()
        kernel = np.exp(-((distances / width) ** 2) / 2)
        assert bitlens.renyi_entropy(x, 2, sigma) == pytest.approx(-math.log2((kernel**2).mean()), abs=1e-6)


def test_tensors():
    x = normal(N, 5).astype(np.float32)
    for alpha in (1.01, 2):
        expected = bitlens.renyi_entropy(x, alpha, tolerance=0.01)
        assert bitlens.renyi_entropy(torch.from_numpy(x), alpha, tolerance=0.01) == expected


@pytest.mark.parametrize("alpha", [1.01, 2, 3])
def test_tensors_on_a_device(alpha, monkeypatch):
    """CPU tensors that are taken for those of a device: the estimates call no compiled operation."""
    x, y = normal(N, 5), np.arange(N) % 4
    expected = bitlens.renyi_mutual_information(x, y, alpha, tolerance=0.01)
    monkeypatch.setattr(ArrayContext, "on_cuda", property(lambda context: context.device is not None))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    found = bitlens.renyi_mutual_information(torch.from_numpy(x), torch.from_numpy(y), alpha, tolerance=0.01)
    assert found == pytest.approx(expected, abs=1e-6)


def test_warnings_are_not_raised_for_ordinary_samples():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimated(normal(N, 20))
