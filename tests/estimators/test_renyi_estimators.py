"""Matrix-based Renyi quantities of samples: closed forms, identities, published formulas, extreme input."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

import bitlens
from bitlens import Median, NearestNeighbors, SaturationWarning, Silverman, reference

# Most variables here are independent, which causes the warning; its tests expect it explicitly.
pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")

ORDERS = [0.5, 1, 1.01, 1.5, 2, 3]
each_order = pytest.mark.parametrize("alpha", ORDERS)


def normal(n, *shape, seed=0):
    return np.random.default_rng([n, seed]).normal(size=(n, *shape))


@each_order
@pytest.mark.parametrize("n", [2, 16, 100])
def test_samples_all_far_apart_have_log2_n_bits(n, alpha):
    assert bitlens.renyi_entropy(np.arange(n)[:, None] * 100.0, alpha, 1.0) == pytest.approx(math.log2(n), abs=1e-9)
    assert bitlens.renyi_entropy(np.arange(n), alpha) == pytest.approx(math.log2(n), abs=1e-9)


@each_order
@pytest.mark.parametrize("bandwidth", [Median(), Silverman(), NearestNeighbors(3), 0.1, [2.0]])
def test_samples_all_alike_have_no_entropy(alpha, bandwidth):
    x = np.full((9, 4), 0.1)
    assert bitlens.renyi_entropy(x, alpha, bandwidth) == 0
    assert bitlens.renyi_mutual_information(x, normal(9, 2), alpha) == pytest.approx(0, abs=1e-9)


@each_order
def test_blocks_of_equal_size(alpha):
    """Four groups of 8 that are far apart: 2 bits."""
    x = np.repeat(np.arange(4.0), 8)[:, None] * 1e3
    assert bitlens.renyi_entropy(x, alpha, 1.0) == pytest.approx(2, abs=1e-6 if alpha < 1 else 1e-9)


@pytest.mark.parametrize("alpha", [1.01, 1.5, 3])
def test_entropies_as_the_paper_writes_them(alpha):
    x = normal(70, 3, 4)
    expected = reference.matrix_entropy(reference.gaussian_gram(x, 1.7), alpha)
    assert bitlens.renyi_entropy(x, alpha, 1.7) == pytest.approx(expected, abs=1e-9)


def test_alpha_is_continuous_at_1():
    x = normal(60, 5)
    at_1 = bitlens.renyi_entropy(x, 1)
    for alpha in (1 - 1e-7, 1 + 1e-7):
        assert bitlens.renyi_entropy(x, alpha) == pytest.approx(at_1, abs=1e-6)


@each_order
def test_a_joint_of_a_variable_with_itself_is_its_entropy(alpha):
    x = normal(50, 6)
    assert bitlens.renyi_joint_entropy([x, x, x], alpha) == pytest.approx(bitlens.renyi_entropy(x, alpha), abs=1e-9)


@pytest.mark.parametrize("alpha", [1, 1.01, 2])
def test_a_joint_is_at_least_each_part(alpha):
    """This holds for the plain product; scaled sigmas may make the joint entropy smaller."""
    variables = [normal(64, 3, seed=s) for s in range(3)]
    joint = bitlens.renyi_joint_entropy(variables, alpha, scale_bandwidth=False)
    assert all(joint >= bitlens.renyi_entropy(v, alpha) - 1e-9 for v in variables)
    assert joint <= math.log2(64)


@pytest.mark.parametrize("scale_bandwidth", [True, False])
def test_multivariate_information_as_the_paper_writes_it(scale_bandwidth):
    x, maps = normal(60, 9), np.tanh(normal(60, 5, 4, seed=1))
    sigmas = np.array([1.0, 2.0, 1.5, 3.0, 0.7])
    used = sigmas * (math.sqrt(5) if scale_bandwidth else 1)
    expected = reference.multivariate_information(x, maps, 2.5, used, 1.01)
    found = bitlens.multivariate_information(
        x, maps, bandwidth=sigmas, bandwidth_x=2.5, scale_bandwidth=scale_bandwidth
    )
    assert found.information == pytest.approx(expected, abs=1e-9)
    assert found.information == pytest.approx(found.entropy_x + found.entropy_maps - found.joint_entropy, abs=1e-12)
    assert found.saturation == pytest.approx(found.entropy_maps / math.log2(60), abs=1e-12)


def test_repitl():
    """The formulas of repitl in PyTorch: natural logarithms, Gram matrices of trace 1, Hadamard products."""

    def gram(x, sigma):
        return torch.exp(-(torch.cdist(x, x) ** 2) / (2 * sigma**2))

    def nats(kernel, alpha):
        spectrum = torch.linalg.eigvalsh(kernel / kernel.trace()).clamp(min=0)
        return torch.log((spectrum**alpha).sum()) / (1 - alpha)

    x, y = (torch.from_numpy(normal(80, 6, seed=s)) for s in (0, 1))
    y = x.tanh() + 0.1 * y
    kx, ky = gram(x, 1.5), gram(y, 1.5)
    expected = (nats(kx, 1.01) + nats(ky, 1.01) - nats(kx * ky, 1.01)) / math.log(2)
    assert bitlens.renyi_mutual_information(x, y, 1.01, 1.5) == pytest.approx(float(expected), abs=1e-6)


def test_decomposition_against_its_definition():
    x, maps = normal(50, 8), np.tanh(normal(50, 4, 3, seed=1)) + normal(50, 1, 1)
    sigmas = [1.0, 2.0, 1.5, 0.8]

    def information(channels):
        chosen = np.asarray(sigmas)[channels]
        return reference.multivariate_information(x, maps[:, channels], 2.0, chosen, 1.01)

    found = bitlens.channel_decomposition(x, maps, bandwidth=sigmas, bandwidth_x=2.0, scale_bandwidth=False)
    single = np.array([information([i]) for i in range(4)])
    pair = np.array([information(list(p)) for p in found.pairs])
    both = single[found.pairs].sum(axis=1)
    np.testing.assert_allclose(found.single, single, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.pair, pair, rtol=0, atol=1e-9)
    assert found.multivariate == pytest.approx(information([0, 1, 2, 3]), abs=1e-9)
    assert found.redundancy_synergy == pytest.approx((both - pair).mean(), abs=1e-9)
    assert found.weighted_nonredundant == pytest.approx((2 * pair - both).mean(), abs=1e-9)
    assert found.redundancy_synergy_share == pytest.approx(((both - pair) / pair).mean(), abs=1e-9)
    assert found.weighted_nonredundant_share == pytest.approx(((2 * pair - both) / pair).mean(), abs=1e-9)


def test_the_null_of_a_decomposition():
    x, maps = normal(40, 5), np.tanh(normal(40, 3, 4, seed=1))
    found = bitlens.channel_decomposition(x, maps, seed=4, permutations=2)
    assert found[3:-1] == bitlens.channel_decomposition(x, maps)[3:-1]
    random = np.random.default_rng(4)
    for null in found.null:
        by_hand = bitlens.channel_decomposition(x[random.permutation(40)], maps)
        np.testing.assert_allclose(null.pair, by_hand.pair, rtol=0, atol=1e-9)
        assert null[3:-1] == pytest.approx(by_hand[3:-1], abs=1e-9)
        assert null.null == ()
    assert len(found.null) == 2


def test_a_sample_of_the_pairs():
    x, maps = normal(30, 4), normal(30, 6, 2, seed=1)
    everything = bitlens.channel_decomposition(x, maps)
    sample = bitlens.channel_decomposition(x, maps, pairs=5, seed=3)
    places = [everything.pairs.tolist().index(p) for p in sample.pairs.tolist()]
    assert sorted(set(places)) == places
    np.testing.assert_allclose(sample.pair, everything.pair[places], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(sample.pairs, bitlens.channel_decomposition(x, maps, pairs=5, seed=3).pairs)


def test_dead_channels_change_nothing_of_the_plain_product():
    x, maps = normal(40, 5), np.tanh(normal(40, 3, 4, seed=1))
    with_dead = np.concatenate([maps, np.full((40, 2, 4), 0.3)], axis=1)
    sure = bitlens.multivariate_information(x, maps, scale_bandwidth=False)
    found = bitlens.multivariate_information(x, with_dead, scale_bandwidth=False)
    assert found.information == pytest.approx(sure.information, abs=1e-12)
    decomposition = bitlens.channel_decomposition(x, with_dead)
    np.testing.assert_allclose(decomposition.single[3:], 0, atol=1e-9)
    assert all(math.isfinite(v) for v in decomposition[3:-1])
    dead = bitlens.channel_decomposition(x, np.full((40, 2, 4), 0.3))
    assert dead[3:-1] == pytest.approx([0] * 5, abs=1e-9)


def test_the_order_of_samples_and_channels_does_not_matter():
    x, maps = normal(40, 5), np.tanh(normal(40, 3, 4, seed=1))
    order, channels = np.random.default_rng(0).permutation(40), [2, 0, 1]
    a = bitlens.multivariate_information(x, maps)
    b = bitlens.multivariate_information(x[order], maps[order][:, channels])
    assert a[:5] == pytest.approx(b[:5], abs=1e-9)


def test_information_of_labels():
    labels = np.arange(90) % 3
    x = labels[:, None] * 100.0 + normal(90, 2)
    assert bitlens.renyi_entropy(labels) == pytest.approx(math.log2(3), abs=1e-9)
    assert bitlens.renyi_mutual_information(x, labels, bandwidth=10.0) == pytest.approx(math.log2(3), abs=0.05)
    assert bitlens.multivariate_information(labels, x[:, None], bandwidth=10.0).information == pytest.approx(
        math.log2(3), abs=0.05
    )


def test_independent_samples_are_within_their_null():
    x, maps = normal(100, 4), normal(100, 8, 3, seed=1)
    with pytest.warns(
        SaturationWarning, match=r"^the information of .* bits is not larger than that of shuffled samples, "
    ):
        found = bitlens.multivariate_information(x, maps)
    assert abs(found.information - found.null_mean) < 4 * found.null_std


def test_plain_products_of_many_channels_saturate_and_say_so():
    """With 64 channels the plain product is H(X), even for shuffled samples; the default is not."""
    x = normal(128, 20)
    mix = np.random.default_rng(1).normal(size=(20, 64, 9)) / 5
    maps = np.maximum(np.einsum("nd,dcv->ncv", x, mix), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bitlens.multivariate_information(x, maps)
    assert found.information > found.null_mean + 20 * found.null_std
    with pytest.warns(SaturationWarning, match=r"^the entropy of the 64 channels is 9\d\.\d% of log2 n|100\.0%"):
        plain = bitlens.multivariate_information(x, maps, bandwidth=Silverman(0.1), scale_bandwidth=False)
    assert plain.information == pytest.approx(plain.entropy_x, abs=1e-3)
    assert plain.null_mean == pytest.approx(plain.entropy_x, abs=1e-3)


@each_order
def test_large_matrices_go_to_lapack(alpha, monkeypatch):
    from bitlens.estimators.matrix import spectra

    x, maps = normal(60, 4), normal(60, 3, 2, seed=1)
    expected = bitlens.channel_decomposition(x, maps, alpha=alpha)
    monkeypatch.setattr(spectra, "_LARGE", 50)
    monkeypatch.setattr(spectra, "_LARGE_OF_SEVERAL", 50)
    found = bitlens.channel_decomposition(x, maps, alpha=alpha)
    np.testing.assert_allclose(found.pair, expected.pair, rtol=0, atol=1e-6 if alpha < 1 else 1e-9)


def test_several_large_matrices_do_not_go_to_lapack(monkeypatch):
    from bitlens.estimators.matrix import gram, spectra

    x, y = normal(1030, 4), normal(1030, 3, seed=1)
    limit = spectra._LARGE_OF_SEVERAL
    monkeypatch.setattr(spectra, "_LARGE_OF_SEVERAL", 1024)
    expected = bitlens.renyi_mutual_information(x, y)
    monkeypatch.setattr(spectra, "_LARGE_OF_SEVERAL", limit)
    monkeypatch.setattr(gram, "_entropies_by_lapack", None)
    assert bitlens.renyi_mutual_information(x, y) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("alpha", [np.int64(2), np.float32(0.5), np.float64(1.01), np.array(2.0)], ids=repr)
def test_orders_out_of_arrays(alpha):
    x = np.random.default_rng(0).normal(size=(30, 3))
    assert bitlens.renyi_entropy(x, alpha) == bitlens.renyi_entropy(x, float(alpha))
