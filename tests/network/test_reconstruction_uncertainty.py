"""Reconstruction uncertainty: closed forms, several maxima, what converged means, and bounds of sigma."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import bitlens
from bitlens import reference
from bitlens.network.discarding.objective import Objective
from bitlens.network.discarding.perturbation import Noise, Perturbed
from tests.network.test_discarding import linear, relu_network

ALPHA, TAU = 1.5, 0.01
OFFSET = 0.5 * math.log2(2 * math.pi * math.e)


def rotated(norms: np.ndarray, seed: int = 0) -> np.ndarray:
    """A matrix with orthogonal columns of these lengths."""
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(norms), len(norms))))
    return rotation * norms


def without_bias(weights: np.ndarray) -> nn.Module:
    module = linear(torch.tensor(weights, dtype=torch.float32))
    nn.init.zeros_(module[0].bias)
    return module


LEVELS = {f"two levels, {n}": np.diag(np.where(np.arange(n) % 2, 4.0, 1.0)) for n in (4, 16, 64)}
NORMS = {f"norms, {n}": np.diag(np.logspace(-2, 2, n, base=2)) for n in (4, 16, 64)}
TURNED = {f"rotated, {n}": rotated(np.logspace(-2, 2, n, base=2)) for n in (4, 16, 64)}
EXACT = {"diagonal": np.diag([1.0, 2.0, 4.0, 0.5]), **LEVELS, **NORMS, **TURNED}


@pytest.mark.parametrize("name", EXACT)
def test_with_an_exact_inverse_it_is_the_strict_discarding(name: str) -> None:
    weights = EXACT[name]
    units = len(weights)
    found = bitlens.reconstruction_uncertainty(
        without_bias(weights), torch.full((1, units), 0.5), "0", without_bias(np.linalg.inv(weights)), sigma_max=10
    )
    expected = np.log2(reference.linear_discarding(weights, ALPHA, TAU)) + OFFSET
    assert float(found.total) / units == pytest.approx(expected.mean(), abs=0.02)
    np.testing.assert_allclose(found.entropies[0], expected, atol=0.1)
    assert found.converged.all()
    assert float(found.shortfall) < 0.02
    if name == "diagonal":
        assert float(found.total) == pytest.approx(-1.111, abs=0.02)


class Inverse(nn.Module):
    """Undoes a BatchNorm without weights."""

    def __init__(self, normed: nn.BatchNorm1d) -> None:
        super().__init__()
        self.mean, self.std = normed.running_mean, normed.running_var.sqrt()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.std + self.mean


@pytest.mark.parametrize("seed", [0, 1])
def test_units_of_real_data_with_very_different_scales(seed: int) -> None:
    """The columns of the wine data have standard deviations from 0.1 to 315."""
    data = pytest.importorskip("sklearn.datasets").load_wine().data
    normed = nn.BatchNorm1d(13, eps=0, affine=False)
    normed.running_mean, normed.running_var = (torch.tensor(f(0), dtype=torch.float32) for f in (data.mean, data.var))
    image = torch.tensor(data[:1], dtype=torch.float32)
    found = bitlens.reconstruction_uncertainty(
        nn.Sequential(normed), image, "0", Inverse(normed), sigma_max=1e6, seed=seed
    )
    expected = np.log2(reference.linear_discarding(np.diag(1 / data.std(0)), ALPHA, TAU)) + OFFSET
    assert expected.mean() == pytest.approx(1.0049, abs=1e-3)
    assert float(found.entropies.mean()) == pytest.approx(expected.mean(), abs=0.02)
    assert found.converged.all()


@pytest.mark.parametrize("units", [4, 16, 64])
def test_a_decoder_of_half_the_width(units: int) -> None:
    """Compared with the convex problem in the variances, also where the best noise of many units is 0."""
    random = np.random.default_rng(units)
    weights, x = random.normal(size=(units // 2, units)), random.normal(size=units) / 3
    back = np.linalg.pinv(weights)
    found = bitlens.reconstruction_uncertainty(
        without_bias(weights), torch.tensor(x, dtype=torch.float32)[None], "0", without_bias(back), sigma_max=10
    )
    expected = reference.linear_uncertainty(weights, back, x, ALPHA, TAU)
    assert float(found.entropies.mean()) == pytest.approx(expected.mean(), abs=0.02)
    assert found.converged.all()


def test_a_limit_that_cuts() -> None:
    """The two units of the smallest columns stand at the limit, and the others share what is left."""
    norms = np.array([1.0, 2.0, 4.0, 0.5, 0.25])
    found = bitlens.reconstruction_uncertainty(
        without_bias(np.diag(norms)), torch.full((1, 5), 0.5), "0", without_bias(np.diag(1 / norms)), sigma_max=0.2
    )
    left = ALPHA * TAU * (norms**2).sum() - 0.04 * (norms[3:] ** 2).sum()
    expected = np.array([*np.sqrt(left / (3 * norms[:3] ** 2)), 0.2, 0.2])
    assert expected.max() == expected[0] > 0.2  # a third unit passes the limit
    left -= 0.04 * norms[0] ** 2
    expected = np.array([0.2, *np.sqrt(left / (2 * norms[1:3] ** 2)), 0.2, 0.2])
    np.testing.assert_allclose(found.sigma[0], expected, rtol=0.03)
    assert float(found.limited) == pytest.approx(3 / 5)
    assert found.converged.all()


def test_two_steps_do_not_converge() -> None:
    weights = EXACT["norms, 16"]
    found = bitlens.reconstruction_uncertainty(
        without_bias(weights), torch.full((1, 16), 0.5), "0", without_bias(np.linalg.inv(weights)), steps=2
    )
    assert not found.converged.any()
    assert len(found.history) <= 4


def test_the_decrement_finds_what_is_not_stationary() -> None:
    """The constant perturbation meets the constraint but is not a maximum, which two halves of noise show."""
    weights = EXACT["norms, 16"].astype(np.float32)
    encoder, decoder = without_bias(weights), without_bias(np.linalg.inv(weights))
    perturbed = Perturbed(encoder, torch.full((1, 16), 0.5), decoder)
    objective = Objective(perturbed, torch.Size([16]), 1.0, TAU, 1.0, None)
    optimum = torch.tensor(reference.linear_discarding(weights, 1.0, TAU)).log()[None]
    for log_sigma, least, most in ((objective.start(), 0.02, 1.0), (optimum, -1e-3, 1e-3)):
        halves = []
        for stream in range(2):
            noise = Noise(16, 0, stream, perturbed.images).part(0, 1024)
            value, slopes = objective.point(objective.all, log_sigma, noise, objective.reference(noise))
            assert float(value.excess) == pytest.approx(0, abs=0.02)
            halves.append(objective.balance(log_sigma, slopes))
        assert least < float(halves[0].decrement(halves[1], 16)) < most


def test_it_is_no_less_than_at_the_sigma_of_the_strict_discarding() -> None:
    """For a trained decoder, judged on the same new noise at the constraint."""
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    model = relu_network().eval()
    decoder = bitlens.train_decoder(model, images[2:], "3", epochs=30, width=4)
    noise = torch.randn(4096, 64, generator=torch.Generator().manual_seed(9))

    def judged(sigma: torch.Tensor, x: torch.Tensor) -> float:
        def change(sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            noisy = model[:4]((x.reshape(-1) + sigma * noise).reshape(-1, 1, 8, 8))
            errors = (decoder(noisy) - x).square().mean(dim=0)
            return (noisy - model[:4](x[None])).square().sum(dim=(1, 2, 3)).mean(), errors

        allowed = ALPHA * change(torch.full((64,), math.sqrt(TAU)))[0]
        for _ in range(6):
            sigma = sigma * (allowed / change(sigma)[0]).sqrt()
        return float(change(sigma)[1].log2().mean() / 2)

    strict = bitlens.information_discarding(model, images[:1], "3")
    found = bitlens.reconstruction_uncertainty(model, images[:1], "3", decoder)
    with torch.no_grad():
        of_ru, of_sid = (judged(one.sigma.reshape(-1).float(), images[0]) for one in (found, strict))
    assert of_ru >= of_sid - 0.005
    assert float(found.entropies.mean()) - OFFSET == pytest.approx(of_ru, abs=0.02)


def test_large_noise_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that are not kept in memory have the same values each time, and as those that are kept."""
    noise = Noise(9, 3, 1, torch.zeros(1))
    kept = torch.cat(list(noise.part(100, 700)))
    monkeypatch.setattr("bitlens.network.discarding.perturbation._KEPT_FLOATS", 0)
    drawn = noise.part(100, 700)
    for _ in range(2):
        assert torch.equal(torch.cat(list(drawn)), kept)
    torch.testing.assert_close(kept.square().mean(dim=0), torch.ones(9))
    assert not torch.equal(torch.cat(list(noise.part(101, 700))), kept)
