"""Measurements of one network, each kept as a table: its neurons, its curves of ablation, its errors and their bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

import bitlens
from paper_figures.ordered_ablation.networks import LAYERS, Workshop

SCOPES = {LAYERS[0]: LAYERS[:1], LAYERS[1]: LAYERS[1:], "network": LAYERS}
ORDERS = ("ascending", "descending", "random")
BINS = 30
"""Of a layer's values, for the bounds."""
DELTA = 0.05


def neurons(shop: Workshop, name: str, seed: int) -> pd.DataFrame:
    """By layer and neuron: what it says about the class, in bits, and for how many images it is on."""

    def rows() -> list[dict[str, Any]]:
        model = shop.network(name, seed)
        found = []
        for layer in LAYERS:
            values = hidden(model, shop.test[0], layer)
            said = bitlens.neuron_information(values, shop.test[1])
            for neuron in range(values.shape[1]):
                found.append(
                    {
                        "layer": layer,
                        "neuron": neuron,
                        "information": float(said.mutual_information[neuron]),
                        "bias": float(said.mutual_information_bias[neuron]),
                        "entropy": float(said.entropy[neuron]),
                        "selectivity": float(said.selectivity[neuron]),
                        "on": float((values[:, neuron] > 0).double().mean()),
                    }
                )
        return found

    return _kept(shop, name, seed, "neurons", rows)


def curves(shop: Workshop, name: str, seed: int) -> pd.DataFrame:
    """By mode, scope, order, repeat and number of removed neurons: accuracy, and loss in bits."""

    def rows() -> list[dict[str, Any]]:
        model = shop.network(name, seed)
        ranked = neurons(shop, name, seed)
        scores = {layer: ranked[ranked.layer == layer].sort_values("neuron").information.to_numpy() for layer in LAYERS}
        found = []
        for scope, mode in (*((scope, "zero") for scope in SCOPES), ("network", "mean")):
            own = {layer: scores[layer] for layer in SCOPES[scope]}
            for order in ORDERS:
                found += _curve(shop, model, seed, own, {"mode": mode, "scope": scope, "order": order})
        return found

    return _kept(shop, name, seed, "curves", rows)


def errors(shop: Workshop, name: str, seed: int) -> pd.DataFrame:
    """Shares of wrong training and test images, what the last hidden layer keeps of the images, and the bounds by that."""

    def rows() -> list[dict[str, Any]]:
        model = shop.network(name, seed)
        training, test = (_wrong(model, *part) for part in (shop.train, shop.test))
        kept = bitlens.binned_information(hidden(model, shop.test[0], LAYERS[-1]), bins=BINS).input
        bounds = bitlens.generalization_bounds(kept, len(shop.train[1]), DELTA)
        sizes = {"training": len(shop.train[1]), "test": len(shop.test[1])}
        found = {**sizes, "training_error": training, "test_error": test, "information": kept}
        return [found | {bound.name.replace(" ", "_"): bound.value for bound in bounds}]

    return _kept(shop, name, seed, f"errors-bins{BINS}-delta{DELTA:g}", rows)


def hidden(model: nn.Sequential, images: Tensor, layer: str) -> Tensor:
    """What a layer gives."""
    at = [name for name, _ in model.named_children()].index(layer) + 1
    with torch.no_grad():
        found: Tensor = model[:at](images)
    return found


def _curve(
    shop: Workshop, model: nn.Sequential, seed: int, scores: dict[str, Any], place: dict[str, str]
) -> list[dict[str, Any]]:
    repeats = shop.sizes.repeats
    found = bitlens.cumulative_ablation(
        model, shop.test, list(scores), scores, place["order"], mode=place["mode"], repeats=repeats, seed=seed  # type: ignore[arg-type]
    )  # fmt: skip
    return [
        place | {"repeat": repeat, "removed": int(removed), "accuracy": float(right), "loss": float(lost)}
        for repeat, (accuracies, losses) in enumerate(zip(found.accuracy, found.loss, strict=True))
        for removed, right, lost in zip(found.removed, accuracies, losses, strict=True)
    ]


def _wrong(model: nn.Sequential, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(1) != labels).double().mean())


def _kept(
    shop: Workshop, name: str, seed: int, what: str, rows: Callable[[], list[dict[str, Any]]]
) -> pd.DataFrame:  # fmt: skip
    """A table as it was left by an earlier call, or made now."""
    path = shop.path(name, seed)
    path = path.with_name(f"{path.name}-{what}.csv")
    if not path.is_file():
        unfinished = path.with_suffix(".unfinished")
        pd.DataFrame(rows()).to_csv(unfinished, index=False)
        unfinished.rename(path)
    return pd.read_csv(path).assign(network=name, seed=seed)
