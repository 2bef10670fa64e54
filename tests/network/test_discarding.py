"""Information discarding: closed forms, invariances, the toy example of the paper, and errors for bad input."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import bitlens
from bitlens import reference
from bitlens.data.lenet import LeNet
from bitlens.runs import RunError

ALPHA, TAU = 1.5, 0.01


def linear(weights: torch.Tensor) -> nn.Module:
    layer = nn.Linear(*weights.T.shape)
    with torch.no_grad():
        layer.weight.copy_(weights)
    return nn.Sequential(layer)


def relu_network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 5)
    )


@pytest.fixture(scope="module")
def weights() -> torch.Tensor:
    """Columns whose lengths differ by a factor of 25."""
    return torch.randn(25, 60, generator=torch.Generator().manual_seed(0)) * torch.logspace(-0.7, 0.7, 60)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_linear_features_have_a_closed_form(weights: torch.Tensor) -> None:
    x = torch.rand(2, 60)
    found = bitlens.information_discarding(linear(weights), x, "0", ALPHA, TAU, sigma_max=100, samples=600)
    expected = reference.linear_discarding(weights.numpy(), ALPHA, TAU)
    np.testing.assert_allclose(found.sigma, np.broadcast_to(expected, x.shape), rtol=0.02)
    np.testing.assert_allclose(found.constraint, ALPHA, rtol=0.02)
    np.testing.assert_allclose(found.multiplier, 2 * ALPHA / 60, rtol=0.02)
    entropies = np.log2(expected) + 0.5 * np.log2(2 * np.pi * np.e)
    np.testing.assert_allclose(found.entropies, np.broadcast_to(entropies, x.shape), atol=0.03)
    np.testing.assert_allclose(found.total, found.entropies.sum(dim=1))
    assert found.converged.all()
    assert not found.limited.any()
    assert 8 <= len(found.history) < 80
    assert torch.isfinite(found.history).all()
    # The change of the features, computed by its formula instead of by samples.
    change = (found.sigma.double() ** 2 @ (weights.double() ** 2).sum(dim=0)) / (TAU * (weights.double() ** 2).sum())
    np.testing.assert_allclose(change, ALPHA, rtol=0.02)


def test_it_is_a_maximum(images: torch.Tensor) -> None:
    """For a nonlinear network, every exchange of noise between units lowers the entropy."""
    model = relu_network()
    found = bitlens.information_discarding(model, images, "5", samples=512)
    log_sigma = found.sigma.double().log()
    noise = torch.randn(4000, 64, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    model.double()

    def entropy_at_the_constraint(exchanged: torch.Tensor, image: int) -> float:
        x = images[image].double().reshape(-1)
        log = log_sigma[image].reshape(-1) + exchanged
        wanted = (
            (model((x + TAU**0.5 * noise).reshape(-1, 1, 8, 8)) - model(x.reshape(1, 1, 8, 8))).square().sum(1).mean()
        )
        for _ in range(6):
            noisy = (x + log.exp() * noise).reshape(-1, 1, 8, 8)
            change = (model(noisy) - model(x.reshape(1, 1, 8, 8))).square().sum(1).mean()
            log = log + 0.5 * torch.log(ALPHA * wanted / change)
        return float(log.mean()) / math.log(2)

    with torch.no_grad():
        for image in range(2):
            best = entropy_at_the_constraint(torch.zeros(64, dtype=torch.float64), image)
            for direction in range(3):
                step = 0.3 * torch.randn(64, generator=torch.Generator().manual_seed(direction), dtype=torch.float64)
                assert entropy_at_the_constraint(step - step.mean(), image) < best
                assert entropy_at_the_constraint(step.mean() - step, image) < best


def test_rescaled_layers_discard_the_same(images: torch.Tensor) -> None:
    """One layer scaled by 1/4 and the next by 4: the same function and discarding, but other gradients."""
    plain, rescaled = relu_network(), relu_network()
    with torch.no_grad():
        rescaled[0].weight /= 4
        rescaled[0].bias /= 4
        rescaled[2].weight *= 4
    for layer in ("1", "3", "5"):
        a, b = (bitlens.information_discarding(model, images, layer, steps=12) for model in (plain, rescaled))
        np.testing.assert_allclose(a.entropies.mean(dim=(1, 2, 3)), b.entropies.mean(dim=(1, 2, 3)), atol=0.02)

    def gradient_map(model: nn.Sequential) -> torch.Tensor:
        reached = model[1](model[0](images)).detach().requires_grad_()
        model[2:](reached)[:, 0].sum().backward()
        return reached.grad.square().sum(dim=1).sqrt()

    np.testing.assert_allclose(gradient_map(rescaled), 4 * gradient_map(plain), rtol=1e-5)


class Total(nn.Module):
    """The sum of all units, the toy example of the paper."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = nn.Linear(16, 1, bias=False)
        nn.init.ones_(self.sum.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sum(x.flatten(1))


def test_a_sum_uses_all_units_and_tells_none_of_them() -> None:
    x = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    strict = bitlens.information_discarding(Total(), x, "sum", samples=512)
    np.testing.assert_allclose(strict.sigma, math.sqrt(ALPHA * TAU), rtol=0.02)
    spread = nn.Linear(1, 16, bias=False)
    nn.init.constant_(spread.weight, 1 / 16)  # the best decoder if all units have the same distribution
    uncertain = bitlens.reconstruction_uncertainty(Total(), x, "sum", spread)
    # The error of each unit is its distance from the mean, plus the noise that the sum tolerates.
    missed = (x - x.mean(dim=(2, 3), keepdim=True)).square() + ALPHA * TAU / 16
    expected = 0.5 * torch.log2(2 * math.pi * math.e * missed)
    np.testing.assert_allclose(uncertain.entropies, expected, atol=0.05)
    # For comparison, the identity passes on every unit.
    whole = bitlens.reconstruction_uncertainty(nn.Sequential(nn.Flatten(), nn.Identity()), x, "1", nn.Identity())
    np.testing.assert_allclose(whole.sigma, math.sqrt(ALPHA * TAU), rtol=0.1)
    assert uncertain.entropies.mean() > whole.entropies.mean() + 0.3


def test_uncertainty_is_the_largest_that_linear_features_allow() -> None:
    """Compared with the concave problem in the shares of the change, solved by multiplicative ascent in float64."""
    random = np.random.default_rng(0)
    weights, back = random.normal(size=(6, 10)), random.normal(size=(10, 6)) / 3
    x = random.normal(size=10)
    decoder = linear(torch.tensor(back, dtype=torch.float32))
    model = linear(torch.tensor(weights, dtype=torch.float32))
    for module in (model, decoder):
        nn.init.zeros_(module[0].bias)
    found = bitlens.reconstruction_uncertainty(
        model, torch.tensor(x, dtype=torch.float32)[None], "0", decoder, samples=1024, steps=100, sigma_max=10
    )
    expected = reference.linear_uncertainty(weights, back, x, ALPHA, TAU)
    assert float(found.entropies.mean()) == pytest.approx(expected.mean(), abs=0.02)
    assert found.converged.all()


def test_an_image_does_not_depend_on_the_others(images: torch.Tensor) -> None:
    model = relu_network()
    together = bitlens.information_discarding(model, images, "3")
    alone = bitlens.information_discarding(model, images[1:2], "3")
    np.testing.assert_allclose(together.entropies[1:2], alone.entropies, atol=2e-4)
    np.testing.assert_allclose(together.constraint[1:2], alone.constraint, rtol=1e-4)


def test_seeds_agree_within_what_is_said(images: torch.Tensor) -> None:
    found = [bitlens.information_discarding(relu_network(), images, "5", seed=seed) for seed in (0, 10)]
    means = [one.entropies.mean(dim=(1, 2, 3)) for one in found]
    assert (means[0] - means[1]).abs().max() < 0.05
    assert torch.stack([one.spread for one in found]).max() < 0.05


def test_the_seed_determines_the_result(images: torch.Tensor) -> None:
    first, again = (bitlens.information_discarding(relu_network(), images, "5", steps=4) for _ in range(2))
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(first, again, strict=True))


@pytest.mark.mnist
@pytest.mark.parametrize("layer", ["pool2", pytest.param("fc3", marks=pytest.mark.slow)])
def test_seeds_agree_on_a_trained_network(mnist, layer: str) -> None:
    torch.manual_seed(0)
    model = LeNet(28, 10)
    seen = torch.from_numpy(mnist["train_images"][:5000, None] / np.float32(255))
    labels = torch.from_numpy(mnist["train_labels"][:5000].astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for part in torch.split(torch.randperm(5000), 64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(seen[part]), labels[part]).backward()
        optimizer.step()
    images = torch.from_numpy(mnist["test_images"][:2, None] / np.float32(255))
    found = [bitlens.information_discarding(model, images, layer, seed=seed) for seed in (0, 10)]
    means = torch.stack([one.entropies.mean(dim=(1, 2, 3)) for one in found])
    assert (means[0] - means[1]).abs().max() < 0.05
    assert all(one.spread.max() < 0.05 for one in found)
    # Processors round differently, so that each trains another network. A search that is not at rest says so.
    assert all((one.converged | (one.shortfall < 0.01)).all() for one in found)
    assert torch.stack([one.converged for one in found]).sum() >= 3


def test_units_that_nothing_looks_at_reach_the_limit(weights: torch.Tensor) -> None:
    blind = weights.clone()
    blind[:, :15] = 0
    found = bitlens.information_discarding(linear(blind), torch.rand(1, 60), "0", sigma_max=3)
    np.testing.assert_allclose(found.sigma[0, :15], 3, rtol=0.01)
    assert float(found.limited) == 0.25
    assert found.converged.all()
    np.testing.assert_allclose(found.constraint, ALPHA, rtol=0.02)


def test_cells_of_a_grid_have_one_sigma_each(images: torch.Tensor) -> None:
    weights = torch.randn(9, 64, generator=torch.Generator().manual_seed(3))
    model = nn.Sequential(nn.Flatten(), *linear(weights))
    found = bitlens.information_discarding(model, images, "1", cells=4, samples=512)
    by_cell = found.sigma[0, 0].reshape(4, 2, 4, 2).permute(0, 2, 1, 3).reshape(16, 4)
    assert torch.equal(by_cell, by_cell[:, :1].expand(-1, 4))
    squares = (weights.double() ** 2).sum(dim=0).reshape(4, 2, 4, 2).sum(dim=(1, 3)).reshape(16)
    expected = torch.sqrt(ALPHA * TAU * squares.sum() / (16 * squares))
    np.testing.assert_allclose(by_cell[:, 0], expected, rtol=0.02)


def test_nats(images: torch.Tensor) -> None:
    bits, nats = (
        bitlens.information_discarding(relu_network(), images, "1", steps=4, base=base) for base in (2, math.e)
    )
    for name in ("entropies", "total", "spread", "shortfall"):
        np.testing.assert_allclose(getattr(nats, name), getattr(bits, name) * math.log(2), rtol=1e-6)


def test_the_model_is_left_as_it_was(images: torch.Tensor) -> None:
    model = relu_network().train()
    model[0].weight.requires_grad_(False)
    random = torch.get_rng_state()
    bitlens.information_discarding(model, images, "1", steps=2)
    decoder = bitlens.train_decoder(model, images, "1", epochs=1, width=4)
    bitlens.reconstruction_uncertainty(model, images, "1", decoder, steps=2)
    assert all(module.training and not module._forward_hooks for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == [False, *[True] * 5]
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module.training for module in decoder.modules())


MODEL = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
ONE = torch.rand(2, 1, 8, 8)
REFUSED = [
    ({"images": np.zeros((2, 64))}, TypeError, "images: expected a tensor of floats, got float64 of shape (2, 64)"),
    ({"images": torch.zeros(2, 64, dtype=torch.long)}, TypeError, "images: expected a tensor of floats, got torch"),
    ({"images": torch.zeros(0, 64)}, ValueError, "images: expected shape (n, ...) with at least one value"),
    ({"images": torch.full((1, 64), math.nan)}, ValueError, "images: expected finite values, got NaN or infinity"),
    ({"layer": "7"}, RunError, "layers: the model has no module '7'"),
    ({"alpha": 0}, ValueError, "alpha: expected a finite number above 0, got 0"),
    ({"tau": -1.0}, ValueError, "tau: expected a finite number above 0, got -1.0"),
    ({"alpha": "1"}, TypeError, "alpha: expected a number, got '1'"),
    ({"sigma_max": math.inf}, ValueError, "sigma_max: expected a finite number above 0, got inf"),
    ({"base": 1}, ValueError, "base: expected a number other than 1, got 1"),
    ({"samples": 1}, ValueError, "samples: expected at least 2, got 1"),
    ({"steps": 0}, ValueError, "steps: expected at least 1, got 0"),
    ({"steps": 1.5}, TypeError, "steps"),
    ({"seed": -1}, ValueError, "seed: expected at least 0, got -1"),
    ({"cells": 0}, ValueError, "cells: expected at least 1, got 0"),
    ({"images": torch.rand(2, 64), "cells": 4}, ValueError, "cells: expected images with two axes of pixels"),
    (
        {"model": nn.Sequential(nn.Flatten(), nn.Threshold(9, 0))}, ValueError,
        "layer: expected an output that depends on the image, got an output that no noise on image 0 changes",
    ),
]  # fmt: skip


class Root(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sqrt()


REFUSED += [
    (
        {"model": nn.Sequential(Root()), "images": -ONE, "layer": "0"},
        ValueError,
        "layer: expected a finite output for the images, got NaN or infinity",
    ),
    (
        {"model": nn.Sequential(Root()), "layer": "0"},
        ValueError,
        "layer: expected a finite output for images with noise, got NaN or infinity",
    ),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED, ids=[row[2] for row in REFUSED])
def test_refused(changed: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        bitlens.information_discarding(**({"model": MODEL, "images": ONE, "layer": "1"} | changed))
