"""Kernels of parts of a mini-batch against those of the maps of the same samples."""

from __future__ import annotations

import numpy as np
import pytest

import bitlens
from bitlens.estimators.channels.squares import channel_squares
from bitlens.estimators.intervals import kept_samples
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.gram import channel_exponents, joint_of_channels
from bitlens.measures.part_kernels import joint_exponents


def maps(kind: str) -> np.ndarray:
    """Eighty samples of five channels: one is dead, one is nearly always 0, and samples coincide in one."""
    values = np.random.default_rng(0).normal(size=(80, 5, 3))
    values[:, 1] = 2.5
    values[5:, 2] = 0
    values[:, 3] = values[:, 3].round()
    values[40:, 4] = values[:40, 4]
    return values * {"plain": 1.0, "huge": 1e300, "tiny": 1e-200}[kind]


@pytest.mark.parametrize("scale_bandwidth", [True, False])
@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (bitlens.Median(), "plain"),
        (bitlens.Median(), "huge"),
        (bitlens.Median(), "tiny"),
        (bitlens.NearestNeighbors(3), "plain"),
        (bitlens.NearestNeighbors(3), "huge"),
        (bitlens.Dimension(), "plain"),
    ],
    ids=str,
)
def test_kernels_of_parts_are_those_of_their_maps(rule: Bandwidth, kind: str, scale_bandwidth: bool) -> None:
    values = maps(kind)
    parts = [np.arange(80), *kept_samples(80, 1), np.arange(5, 12), np.array([0, 7, 11, 60])]
    found = list(joint_exponents(channel_squares(values), parts, [rule] * len(parts), scale_bandwidth=scale_bandwidth))
    assert len(found) == len(parts)
    for kept, joint in zip(parts, found, strict=True):
        of_channels, _ = channel_exponents(values[kept], "maps", rule, 1, as_one=False)
        np.testing.assert_allclose(joint, joint_of_channels(of_channels, scale_bandwidth), rtol=1e-12, atol=1e-300)
