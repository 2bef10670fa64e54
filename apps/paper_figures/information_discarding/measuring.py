"""Measurements: of all layers of a network, while it is trained, and of one that is rescaled; each kept as a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

import bitlens
from paper_figures.information_discarding.networks import BLOCKS, KINDS, rescaled
from paper_figures.information_discarding.training import Workshop

ALPHA = 1.5
DRAWS, STEPS = 64, 14
"""Of the search for the noise."""
DECODED, DECODER_EPOCHS, WIDTH = 10000, 3, 8
"""Training images, epochs and channels of the decoders."""
FACTOR = 4.0


def of_network(shop: Workshop, name: str, seed: int) -> pd.DataFrame:
    """By layer: SID and its concentration, and where it is rebuilt RU; bits of a pixel, means over images."""
    kind = KINDS[name]

    def rows() -> list[dict[str, Any]]:
        model = shop.network(name, seed).model
        found = []
        for layer in kind.layers:
            found += _strict(shop, model, layer)
            if layer in kind.rebuilt:
                found += _uncertain(shop, model, layer, _decoder(shop, name, seed, model, layer))
        return found

    table = _kept(shop.folder / f"{name}-{seed}.csv", rows)
    return table.assign(network=name, seed=seed, depth=table.layer.map(kind.depth))


def of_epochs(shop: Workshop, seed: int) -> pd.DataFrame:
    """By epoch and block of the residual network: SID and its concentration."""

    def rows() -> list[dict[str, Any]]:
        trained = shop.network("resnet", seed)
        found = []
        for epoch, state in enumerate(trained.states):
            if epoch > 2 and epoch % 2 and epoch < shop.sizes.epochs:
                continue
            trained.model.load_state_dict(state)
            for block in BLOCKS:
                found += [{"epoch": epoch} | row for row in _strict(shop, trained.model, block)]
        return found

    return _kept(shop.folder / f"epochs-{seed}.csv", rows).assign(seed=seed)


def of_rescaled(shop: Workshop) -> pd.DataFrame:
    """By layer and measure: mean magnitude in the plain network, and in the same function by other weights."""
    usual = of_network(shop, "plain", 0).set_index(["layer", "measure"]).value

    def rows() -> list[dict[str, Any]]:
        plain = shop.network("plain", 0).model
        other = rescaled(plain, FACTOR)
        found = []
        for layer in KINDS["plain"].layers:
            after = _strict(shop, other, layer)
            if layer in KINDS["plain"].rebuilt:
                scale = FACTOR if int(layer[-1]) % 2 else 1.0
                decoder = nn.Sequential(Times(scale), _decoder(shop, "plain", 0, plain, layer)).eval()
                after += _uncertain(shop, other, layer, decoder)
            found += [
                {
                    "layer": layer,
                    "measure": row["measure"],
                    "before": usual[layer, row["measure"]],
                    "after": row["value"],
                }
                for row in after
            ]
            for measure, magnitude in (("gradient map", gradient_map), ("Grad-CAM", grad_cam)):
                before, then = (magnitude(model, layer, shop) for model in (plain, other))
                found.append({"layer": layer, "measure": measure, "before": before, "after": then})
        return found

    return _kept(shop.folder / "rescaled.csv", rows)


def gradient_map(model: nn.Sequential, layer: str, shop: Workshop) -> float:
    """Mean over pixels and images of the root of the channels' summed squares of dy/df; y is the right class's score."""
    names = [name for name, _ in model.named_children()]
    at = names.index(layer) + 1
    images, labels, _ = probe(shop)
    features = model[:at](images).detach().requires_grad_()
    scores = model[at:](features).gather(1, labels[:, None])
    (slopes,) = torch.autograd.grad(scores.sum(), features)
    return float(slopes.square().sum(dim=1).sqrt().mean())


def grad_cam(model: nn.Sequential, layer: str, shop: Workshop) -> float:
    """Mean magnitude over pixels and images of Captum's LayerGradCam for the right class."""
    images, labels, _ = probe(shop)
    found = LayerGradCam(model, model.get_submodule(layer)).attribute(images, target=labels)
    return float(found.detach().abs().mean())


def probe(shop: Workshop) -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels and masks that everything is measured on: the first of those for testing."""
    n = shop.sizes.probe
    return shop.test.images[:n], shop.test.labels[:n], shop.test.masks[:n]


class Times(nn.Module):
    """Undoes the rescaling before a decoder."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Features of the usual size."""
        return self.factor * x


def _strict(shop: Workshop, model: nn.Module, layer: str) -> list[dict[str, Any]]:
    images, _, masks = probe(shop)
    found = bitlens.information_discarding(model, images, layer, ALPHA, samples=DRAWS, steps=STEPS)
    concentrated = bitlens.concentration(found.entropies, masks)
    return [
        _row(layer, "SID", found.entropies, found),
        _row(layer, "concentration", concentrated, found),
    ]


def _uncertain(shop: Workshop, model: nn.Module, layer: str, decoder: nn.Module) -> list[dict[str, Any]]:
    images, _, _ = probe(shop)
    found = bitlens.reconstruction_uncertainty(model, images, layer, decoder, ALPHA, samples=DRAWS, steps=STEPS)
    return [_row(layer, "RU", found.entropies, found) | {"rebuilt": _rebuilt(shop, model, layer, decoder)}]


def _row(layer: str, measure: str, values: Tensor, found: bitlens.InformationDiscarding) -> dict[str, Any]:
    kept = (found.constraint / ALPHA - 1).abs() <= 0.02
    return {
        "layer": layer,
        "measure": measure,
        "value": float(values.double().mean()),
        "kept": float(kept.double().mean()),
        "converged": float(found.converged.double().mean()),
        "rebuilt": math.nan,
    }


def _rebuilt(shop: Workshop, model: nn.Module, layer: str, decoder: nn.Module) -> float:
    """Share of the pixels' variance that a decoder rebuilds on test images."""
    assert isinstance(model, nn.Sequential)
    at = [name for name, _ in model.named_children()].index(layer) + 1
    images = shop.test.images
    with torch.no_grad():
        missed = (decoder(model[:at](images)) - images).square().mean()
    return float(1 - missed / images.var(dim=0).mean())


def _decoder(shop: Workshop, name: str, seed: int, model: nn.Module, layer: str) -> nn.Module:
    key = (name, seed, layer)
    if key not in shop.decoders:
        images = shop.train.images[:DECODED]
        shop.decoders[key] = bitlens.train_decoder(model, images, layer, epochs=DECODER_EPOCHS, width=WIDTH, seed=seed)
    return shop.decoders[key]


def _kept(path: Path, rows: Callable[[], list[dict[str, Any]]]) -> pd.DataFrame:
    """A table as it was left by an earlier call, or made now."""
    if not path.is_file():
        unfinished = path.with_suffix(".unfinished")
        pd.DataFrame(rows()).to_csv(unfinished, index=False)
        unfinished.rename(path)
    return pd.read_csv(path)
