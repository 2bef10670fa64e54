"""Chains of information over a run: the numbers by hand, what is a violation, and what is rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import bitlens
from tests.support.recording import record_once

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def test_chains_by_hand(run: bitlens.Run) -> None:
    chains = bitlens.processing_inequalities(run, batch=70, permutations=4).sel(epoch=0)
    plane = bitlens.information_plane(run, batch=70, permutations=4).sel(epoch=0, about="input")
    np.testing.assert_allclose(chains.forward, plane.information, atol=1e-12)
    np.testing.assert_allclose(chains.forward_rise[1:], np.diff(plane.information), atol=1e-12)
    allowed = 2 * np.hypot(plane.null_std[1:], plane.null_std[:-1].values)
    np.testing.assert_allclose(chains.forward_allowed[1:], allowed, atol=1e-12)
    assert int(chains.forward_violations) == int((chains.forward_rise.values[1:] > allowed.values).sum())
    names = chains.layer.values.tolist()
    last = run.activations(names[-1], 0, gradients=True)
    before = run.activations(names[-2], 0, gradients=True)
    information = bitlens.multivariate_information(
        last, before[:, None] if before.ndim == 2 else before, permutations=4
    )
    assert float(chains.backward.sel(layer=names[-2])) == pytest.approx(information.information, abs=1e-9)
    assert np.isnan(float(chains.backward.sel(layer=names[-1])))


class Forgetful(torch.nn.Module):
    """Noise in the middle, which a later layer undoes by looking at the input again: no chain."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(5, 8), torch.nn.Linear(5, 8)

    def forward(self, x):
        noise = self.first(torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
        return self.second(x + 0 * noise.sum(1, keepdim=True))


def test_information_that_rises_is_a_violation(tmp_path: Path) -> None:
    run = record_once(tmp_path / "run", Forgetful(), torch.randn(60, 5), None)
    chains = bitlens.processing_inequalities(run).sel(epoch=0)
    assert int(chains.forward_violations) == 1
    assert float(chains.forward_rise[1]) > 0.3


def test_rounding_is_no_violation(tmp_path: Path) -> None:
    """Samples so far apart for the kernel that shuffles change nothing, and a little farther in the second layer."""
    network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False))
    for layer in network:
        torch.nn.init.constant_(layer.weight, 2.0)
    run = record_once(tmp_path / "run", network, 2.15 * torch.arange(40.0)[:, None], None)
    with pytest.warns(bitlens.SaturationWarning):
        chains = bitlens.processing_inequalities(run, batch=40, bandwidth=1.0, bandwidth_x=1.0).sel(epoch=0)
    assert 2 * np.sqrt(2) * chains.forward_null_std.max() < chains.forward_rise[1] < 4e-6
    assert int(chains.forward_violations) == 0


def test_errors_have_the_rules_of_activations_and_input_unless_they_have_their_own(run: bitlens.Run) -> None:
    """Which are two results, though the rule of the layers is the same."""
    rules = {"bandwidth": 2.0, "bandwidth_x": 5.0, "permutations": 2, "batch": 70}
    last, first = (run.activations(layer, 0, gradients=True) for layer in ("output", "0"))
    for own, of_last in ((None, 5.0), (2.0, 2.0)):
        chains = bitlens.processing_inequalities(run, bandwidth_errors=own, **rules).sel(epoch=0)
        by_hand = bitlens.multivariate_information(last, first, bandwidth=2.0, bandwidth_x=of_last)
        assert float(chains.backward.sel(layer="0")) == pytest.approx(by_hand.information, abs=1e-9)
