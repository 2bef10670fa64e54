"""Measurements of each network, which the cache keeps as tables, and the tables of the page, which summarize them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

import bitlens
from paper_figures.common.cache import Key, progress
from paper_figures.common.networks import output_of
from paper_figures.common.training import correct
from paper_figures.ordered_ablation.networks import LAYERS, VERSION, Study

SCOPES = {LAYERS[0]: LAYERS[:1], LAYERS[1]: LAYERS[1:], "network": LAYERS}
ORDERS = ("ascending", "descending", "random")
LOST = 0.9
"""Share of its accuracy that a network has lost when it counts as destroyed."""
ROLES = ("needed", "redundant", "synergistic", "inactive")
Row = dict[str, Any]
_PLACE = ["network", "seed", "mode", "scope"]


def measured(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables of the page; networks are trained and measured where the cache does not hold them."""
    jobs = [(name, seed) for name in study.kinds for seed in range(study.settings.seeds)]
    measurements = {"neurons": neurons, "curves": curves, "errors": errors}
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in measurements}
    for job in progress(jobs, "training and measuring networks"):
        for name, measure in measurements.items():
            parts[name].append(measure(study, *job))
    tables = {name: pd.concat(part, ignore_index=True) for name, part in parts.items()}
    each = tables["curves"]
    return tables | {"curves": mean_curves(each), "areas": areas(each), "roles": roles(each)}


def neurons(study: Study, name: str, seed: int) -> pd.DataFrame:
    """Return by layer and neuron: information about the class, in bits, and the share of images for which it is on."""

    def rows() -> list[Row]:
        model = study.network(name, seed)
        table = []
        for layer in LAYERS:
            values = output_of(model, layer, study.test.images)
            result = bitlens.neuron_information(values, study.test.labels, permutations=2)
            for neuron in range(values.shape[1]):
                table.append(
                    {
                        "layer": layer,
                        "neuron": neuron,
                        "information": float(result.mutual_information[neuron]),
                        "bias": float(result.mutual_information_bias[neuron]),
                        "entropy": float(result.entropy[neuron]),
                        "selectivity": float(result.selectivity[neuron]),
                        "on": float((values[:, neuron] > 0).double().mean()),
                    }
                )
        return table

    return _stored(study, name, seed, "neurons", rows)


def curves(study: Study, name: str, seed: int) -> pd.DataFrame:
    """Return by mode, scope, order, repeat and number of removed neurons: accuracy, and loss in bits."""
    repeats = study.settings.repeats

    def rows() -> list[Row]:
        model = study.network(name, seed)
        ranked = neurons(study, name, seed)
        scores = {layer: ranked[ranked.layer == layer].sort_values("neuron").information.to_numpy() for layer in LAYERS}
        table = []
        for scope, mode in (*((scope, "zero") for scope in SCOPES), ("network", "mean")):
            chosen = {layer: scores[layer] for layer in SCOPES[scope]}
            for order in ORDERS:
                place = {"mode": mode, "scope": scope, "order": order}
                table += [place | row for row in _curve(study, model, seed, chosen, mode, order)]
        return table

    return _stored(study, name, seed, "curves", rows, repeats=repeats)


def errors(study: Study, name: str, seed: int) -> pd.DataFrame:
    """Return shares of wrong images, the information of the last hidden layer about images, and its bounds."""
    bins, delta = study.settings.bins, study.settings.delta

    def rows() -> list[Row]:
        model = study.network(name, seed)
        wrong = {
            f"{part}_error": float((~correct(model, samples)).double().mean())
            for part, samples in (("training", study.train), ("test", study.test))
        }
        layer = output_of(model, LAYERS[-1], study.test.images)
        information = bitlens.binned_information(layer, bins=bins).input
        bounds = bitlens.generalization_bounds(information, len(study.train), delta)
        sizes = {"training": len(study.train), "test": len(study.test)}
        row = {**sizes, **wrong, "information": information}
        return [row | {bound.name.replace(" ", "_"): bound.value for bound in bounds}]

    return _stored(study, name, seed, "errors", rows, bins=bins, delta=delta)


def mean_curves(table: pd.DataFrame) -> pd.DataFrame:
    """Return the curves as they are drawn: means over seeds and random orders, and their lowest and highest values."""
    grouped = table.groupby(["network", "mode", "scope", "order", "removed"], sort=False)
    parts = [
        grouped[value].agg(["mean", "min", "max"]).set_axis([value, f"{value}_lowest", f"{value}_highest"], axis=1)
        for value in ("accuracy", "loss")
    ]
    return pd.concat(parts, axis=1).reset_index()


def areas(table: pd.DataFrame) -> pd.DataFrame:
    """Return by network, seed, mode, scope and order: mean accuracy and loss, and how many removals destroy it.

    Values of random orders are means over them; "between_orders" is the standard deviation of their mean accuracies.
    """
    rows = []
    for place, scope in table.groupby(_PLACE, sort=False):
        for order in ORDERS:
            accuracies = _by_repeat(scope, order)
            means = accuracies.mean(axis=1)
            rows.append(
                dict(zip(_PLACE, place, strict=True))
                | {
                    "order": order,
                    "neurons": accuracies.shape[1] - 1,
                    "area": means.mean(),
                    "between_orders": means.std(ddof=1) if len(means) > 1 else 0.0,
                    "loss": _by_repeat(scope, order, "loss").mean(),
                    "destroyed": np.mean([destroyed(curve) for curve in accuracies]),
                }
            )
    return pd.DataFrame(rows)


def destroyed(curve: Any) -> int:
    """Return after how many removals the network first has lost `LOST` of its accuracy beyond that without neurons."""
    whole, nothing = curve[0], curve[-1]
    return int((np.asarray(curve) <= nothing + (1 - LOST) * (whole - nothing)).argmax())


def roles(table: pd.DataFrame) -> pd.DataFrame:
    """Return by network, seed and scope: the roles of its neurons, as `bitlens.neuron_roles` counts them."""
    rows = []
    for place, scope in table[table["mode"] == "zero"].groupby(_PLACE, sort=False):
        lowest, highest, random = (_by_repeat(scope, order) for order in ORDERS)
        if not lowest[0, 0] > lowest[0, -1]:
            raise ValueError(
                f"epochs: expected a network that is better than without its neurons, got {place[0]}, seed {place[1]}, "
                "which is not; train for more epochs"
            )
        count = lowest.shape[1] - 1
        counts = bitlens.neuron_roles(np.arange(count + 1), lowest[0], highest[0], random)
        rows.append(dict(zip(_PLACE, place, strict=True)) | {"neurons": count} | counts._asdict())
    return pd.DataFrame(rows).drop(columns="mode")


def _curve(study: Study, model: nn.Sequential, seed: int, scores: dict[str, Any], mode: Any, order: Any) -> list[Row]:
    samples = study.test.images, study.test.labels
    result = bitlens.cumulative_ablation(
        model, samples, list(scores), scores, order, mode=mode, repeats=study.settings.repeats, seed=seed
    )
    return [
        {"repeat": repeat, "removed": int(removed), "accuracy": float(right), "loss": float(lost)}
        for repeat, (accuracies, losses) in enumerate(zip(result.accuracy, result.loss, strict=True))
        for removed, right, lost in zip(result.removed, accuracies, losses, strict=True)
    ]


def _by_repeat(scope: pd.DataFrame, order: str, value: str = "accuracy") -> Any:
    """Accuracies or losses, [repeats, removals]."""
    rows = scope[scope.order == order]
    return rows.pivot(index="repeat", columns="removed", values=value).sort_index(axis=1).to_numpy()


def _stored(
    study: Study, name: str, seed: int, what: str, rows: Callable[[], list[Row]], **determinants: object
) -> pd.DataFrame:
    """Return a table of measurements as the cache holds it, or make it now."""
    key = Key.of(
        f"ordered ablation: {what}",
        VERSION,
        network=study.key(name, seed),
        seed=seed,
        images=study.test.fingerprint,
        **determinants,
    )
    return study.cache.table(key, lambda: pd.DataFrame(rows())).assign(network=name, seed=seed)
