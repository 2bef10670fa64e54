"""Shannon invariants of laws whose degrees are known, by definition, and of shuffled samples."""

from __future__ import annotations

import numpy as np
import pytest

import bitlens


def bits(count, n=256):
    return np.random.default_rng(0).integers(0, 2, (count, n))


def as_maps(*channels):
    return np.stack(channels, axis=1).astype(float)[:, :, None]


A, B, C, D = bits(4)

# (x, channels, degree of redundancy, degree of vulnerability)
LAWS = {
    "four copies": (A, (A, A, A, A), 4, 0),
    "two copies": (A, (A, A), 2, 0),
    "exclusive or": (A ^ B, (A, B), 0, 2),
    "one bit in each": (2 * A + B, (A, B), 1, 1),
    "one of four": (A, (A, B, C, D), 1, 1),
    "two copies and another bit": (2 * A + B, (A, A, B), 1.5, 0.5),
}


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("name", LAWS)
def test_known_laws(name, scale):
    x, channels, redundancy, vulnerability = LAWS[name]
    found = bitlens.shannon_invariants(x, as_maps(*channels), bandwidth=0.1, scale_bandwidth=scale)
    assert found.redundancy == pytest.approx(redundancy, abs=0.1)
    assert found.vulnerability == pytest.approx(vulnerability, abs=0.1)
    assert found.p_value == pytest.approx(1 / 21)


def test_the_terms_by_their_definition():
    random = np.random.default_rng(1)
    x, maps = random.normal(size=(60, 4)), random.normal(size=(60, 3, 2))
    maps[:, 0] += x[:, :2]
    sigma, found = 2.0, bitlens.shannon_invariants(x, maps, 1.5, 2.0, bandwidth_x=1.0, permutations=7, seed=3)

    def information(channels, order):
        # sigma sqrt(3), as in the joint of three channels
        settings = {"alpha": 1.5, "bandwidth": sigma * 3**0.5, "scale_bandwidth": False, "permutations": 2}
        return bitlens.multivariate_information(x[order], maps[:, channels], bandwidth_x=1.0, **settings).information

    orders = [np.arange(60)]
    shuffles = np.random.default_rng(3)
    orders += [shuffles.permutation(60) for _ in range(7)]
    groups = [[0], [1], [2], [1, 2], [0, 2], [0, 1], [0, 1, 2]]
    with pytest.warns(bitlens.SaturationWarning):
        table = np.array([[information(group, order) for group in groups] for order in orders])
    excess = table[0] - table[1:].mean(axis=0)
    np.testing.assert_allclose(found.single, excess[:3], atol=1e-9)
    np.testing.assert_allclose(found.lost, excess[6] - excess[3:6], atol=1e-9)
    assert found.redundancy == pytest.approx(excess[:3].sum() / excess[6], rel=1e-6)
    assert found.plain_redundancy == pytest.approx(table[0, :3].sum() / table[0, 6], rel=1e-6)
    assert (found.joint, found.joint_null_mean) == pytest.approx((table[0, 6], table[1:, 6].mean()), abs=1e-9)
    assert found.joint_null_std == pytest.approx(table[1:, 6].std(ddof=1), abs=1e-9)


def test_unrelated_channels_have_no_degree_that_looks_sure():
    random = np.random.default_rng(0)
    found = bitlens.shannon_invariants(random.integers(0, 2, 100), random.normal(size=(100, 4, 1)))
    assert found.p_value > 0.05


REFUSED = [
    ({"maps": np.zeros((9, 1, 2))}, "maps: expected at least 2 channels, got 1"),
    ({"permutations": 1}, "permutations: expected at least 2, got 1"),
    ({"x": np.arange(8) % 2}, "x: expected the 9 samples of maps, got 8"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_refused(changes, message):
    arguments = {"x": np.arange(9) % 2, "maps": np.random.default_rng(0).normal(size=(9, 3, 2))} | changes
    with pytest.raises(ValueError, match=message):
        bitlens.shannon_invariants(**arguments)
