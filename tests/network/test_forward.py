"""Functions that run a model, and models of several inputs: the numbers are those of an equal model of one input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import bitlens
from bitlens.network import deconvolve

X = torch.rand(300, 2, 6, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(300) % 3


class Autoencoder(nn.Module):
    """Its forward pass takes two inputs; a function has to call its encoder alone, or both of its parts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3))
        self.decoder = nn.Linear(3, 72)

    def encode(self, x: Tensor) -> Tensor:
        encoded: Tensor = self.encoder(x)
        return encoded

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        rebuilt: Tensor = self.decoder(self.encoder(x) + noise)
        return rebuilt


def encode(model: nn.Module, x: Tensor) -> Any:
    return {"codes": model.encode(x)}


def both_halves(model: nn.Module, x: Tensor) -> Any:
    return model.encode(x[..., :3, :].repeat(1, 1, 2, 1)) - model.encode(x)


@pytest.mark.parametrize("forward", [encode, both_halves])
def test_every_batch_is_recorded(forward: Callable[..., Any], tmp_path: Path) -> None:
    model = Autoencoder()
    with bitlens.Recorder(model, tmp_path / "run", (X, None), forward=forward, show_size=False) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path / "run")
    second = [layer.name for layer in run.layers if layer.name.endswith("#2")]
    assert bool(second) == (forward is both_halves)
    last = "encoder.0" if forward is encode else "encoder.0#2"
    np.testing.assert_allclose(run.activations(last, 0), model.encoder[0](X).detach(), rtol=1e-5, atol=1e-6)


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "information_discarding": lambda model, layer, **how: (
        bitlens.information_discarding(model, X[:2], layer, steps=3, samples=8, **how).entropies
    ),
    "reconstruction_uncertainty": lambda model, layer, **how: (
        bitlens.reconstruction_uncertainty(
            model, X[:2], layer, nn.Unflatten(1, (2, 36)), steps=3, samples=8, **how
        ).entropies
    ),
    "train_decoder": lambda model, layer, **how: next(
        bitlens.train_decoder(model, X[:9], layer, epochs=1, width=2, **how).parameters()
    ),
    "deconvolve": lambda model, layer, **how: deconvolve(model, X[:2], layer, 1, **how),
    "cumulative_ablation": lambda model, layer, **how: torch.from_numpy(
        bitlens.cumulative_ablation(model, (X, LABELS), layer, [0.2, 0.1, 0.3], **how).loss
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_runs_the_model(name: str) -> None:
    model = Autoencoder()
    if name == "reconstruction_uncertainty":  # its decoder takes 72 features
        model.encoder[3] = nn.Linear(48, 72)
    layer = "3" if name == "reconstruction_uncertainty" else "1"
    expected = FUNCTIONS[name](model.encoder, layer)
    assert torch.equal(FUNCTIONS[name](model, f"encoder.{layer}", forward=encode), expected)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'noise'"):
        FUNCTIONS[name](model, f"encoder.{layer}")


class TwoInputs(nn.Module):
    """Two branches, one of them for category numbers, whose sum is classified."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right, self.relu, self.head = nn.Linear(4, 5), nn.Embedding(7, 5), nn.ReLU(), nn.Linear(5, 3)

    def forward(self, x: Tensor, number: Tensor) -> Tensor:
        logits: Tensor = self.head(self.relu(self.left(x)) + self.right(number))
        return logits


class OneInput(TwoInputs):
    """The same network, with both inputs in one tensor."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x[:, :4], x[:, 4].long())


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("kind", ["tuple", "dict"])
def test_ablation_of_a_network_of_two_inputs(kind: str, mode: str) -> None:
    x, number = torch.randn(300, 4), torch.arange(300) % 7
    inputs = (x, number) if kind == "tuple" else {"number": number, "x": x}
    scores = {"relu": [0.1, 0.5, 0.2, 0.4, 0.3], "left": [0.2, 0.1, 0.6, 0.7, 0.8]}
    options: dict[str, Any] = {"mode": mode, "repeats": 2}
    for order in ("ascending", "random"):
        found = bitlens.cumulative_ablation(TwoInputs(), (inputs, LABELS), list(scores), scores, order, **options)
        one = torch.cat([x, number[:, None]], 1), LABELS
        expected = bitlens.cumulative_ablation(OneInput(), one, list(scores), scores, order, **options)
        np.testing.assert_array_equal(found.accuracy, expected.accuracy)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)
    with pytest.raises(ValueError, match=r"^data: expected 300 samples in inputs\.1, got shape \(2,\)"):
        bitlens.cumulative_ablation(TwoInputs(), ((x, number[:2]), LABELS), "relu", None, "random")
