"""The pictures of the tables; bands are ranges over seeds and, for random orders, over these orders as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from paper_figures.common.page import Tables, panels
from paper_figures.ordered_ablation.claims import BOUNDS
from paper_figures.ordered_ablation.comparisons import SCOPES
from paper_figures.ordered_ablation.measuring import ROLES
from paper_figures.ordered_ablation.networks import LAYERS, Settings

_ORDERS = {
    "ascending": ("#1f5fbf", "lowest information first"),
    "descending": ("#d1661b", "highest information first"),
    "random": ("#777777", "random orders"),
}
_LAYER_COLORS = ("#3c8d40", "#8c3fa8")
_ROLE_COLORS = ("#6f9fd8", "#c5dcf5", "#e8a878", "#d9d9d9")
_AXES = {"accuracy": "accuracy [share of test images]", "loss": "cross-entropy [bits]"}
_BINS = 20


def pictures(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Figure]:
    """Return all pictures by name."""
    return {
        "information": histograms(tables["neurons"]),
        "accuracy": curves(tables["curves"], "accuracy"),
        "loss": curves(tables["curves"], "loss"),
        "modes": modes(tables["curves"]),
        "roles": roles(tables["roles"]),
        "bounds": bounds(tables["errors"], list(BOUNDS)),
    }


def curves(table: pd.DataFrame, value: str) -> Figure:
    """Draw a row for each network and a column for each scope."""
    networks = list(table.network.unique())
    figure, axes = panels(len(networks), len(SCOPES))
    rows = table[table["mode"] == "zero"]
    limits = (rows[f"{value}_lowest"].min() * 0.9, rows[f"{value}_highest"].max() * 1.1) if value == "loss" else (0, 1)
    for row, network in zip(axes, networks, strict=True):
        for axis, scope in zip(row, SCOPES, strict=True):
            _orders(axis, rows[(rows.network == network) & (rows.scope == scope)], value)
            axis.set_ylim(*limits)
            axis.set_title(f"{network}: {SCOPES[scope]}", fontsize=10)
        row[0].set_ylabel(_AXES[value])
    axes[0][0].legend(fontsize=8)
    return figure


def modes(table: pd.DataFrame) -> Figure:
    """Draw a row for each network; neurons that are turned off are set to 0 on the left, to their mean on the right."""
    networks = list(table.network.unique())
    figure, axes = panels(len(networks), 2)
    rows = table[table.scope == "network"]
    for row, network in zip(axes, networks, strict=True):
        for axis, (mode, words) in zip(row, (("zero", "off is 0"), ("mean", "off is the mean")), strict=True):
            _orders(axis, rows[(rows.network == network) & (rows["mode"] == mode)], "accuracy")
            axis.set_title(f"{network}, the whole network: {words}", fontsize=10)
        row[0].set_ylabel(_AXES["accuracy"])
    axes[0][0].legend(fontsize=8)
    return figure


def histograms(table: pd.DataFrame) -> Figure:
    """Draw a panel for each network with a histogram for each layer: mean number of neurons of a seed."""
    networks = list(table.network.unique())
    figure, axes = panels(1, len(networks))
    edges = np.linspace(0, max(table.information.max(), 1e-9), _BINS + 1)
    for axis, network in zip(axes[0], networks, strict=True):
        rows = table[table.network == network]
        share = 1 / rows.seed.nunique()
        for layer, color in zip(LAYERS, _LAYER_COLORS, strict=True):
            values = rows[rows.layer == layer].information
            weights = np.full(len(values), share)
            axis.hist(values, edges, weights=weights, color=color, alpha=0.5, label=SCOPES[layer])
            axis.axvline(values.mean(), color=color, linestyle="--", label=f"mean of {SCOPES[layer]}")
        axis.set_title(network, fontsize=10)
        axis.set_xlabel("I(Y; neuron) [bits]")
    axes[0][0].set_ylabel("neurons, mean over seeds")
    axes[0][0].legend(fontsize=8)
    return figure


def roles(table: pd.DataFrame) -> Figure:
    """Draw a panel for each scope: roles of the neurons as shares, with their numbers."""
    networks = list(table.network.unique())
    figure, axes = panels(1, len(SCOPES))
    for axis, scope in zip(axes[0], SCOPES, strict=True):
        means = table[table.scope == scope].groupby("network", sort=False)[[*ROLES, "neurons"]].mean()
        below = np.zeros(len(networks))
        for role, color in zip(ROLES, _ROLE_COLORS, strict=True):
            counts = means[role].to_numpy()
            heights = counts / means.neurons.to_numpy()
            bars = axis.bar(networks, heights, bottom=below, color=color, label=role)
            numbers = [f"{count:.0f}" if height > 0.04 else "" for count, height in zip(counts, heights, strict=True)]
            axis.bar_label(bars, numbers, label_type="center", fontsize=8)
            below += heights
        axis.set_title(SCOPES[scope], fontsize=10)
        axis.set_ylim(0, 1)
        axis.tick_params(axis="x", labelsize=8)
        axis.set_xlabel("network (written on the bars: neurons)")
    axes[0][0].set_ylabel("share of the neurons")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(ROLES), fontsize=8)
    return figure


def bounds(table: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw the gap of each network and seed with the bounds."""
    networks = list(table.network.unique())
    figure, ((axis,),) = panels(1, 1, 6.5)
    at = table.network.map(networks.index)
    axis.plot(at, (table.test_error - table.training_error).abs(), "o", color="black", label="measured gap (each seed)")
    for name, color, words in zip(names, ("#d1661b", "#1f5fbf"), ("up to a constant", "the bound itself"), strict=True):
        label = f"{name.replace('_', ' ')}: {words}"
        axis.hlines(table[name], at - 0.2, at + 0.2, color=color, label=label)
    axis.set_yscale("log")
    axis.set_xticks(range(len(networks)), networks)
    axis.set_xlim(-0.6, len(networks) - 0.4)
    axis.set_xlabel("network")
    axis.set_ylabel("gap of the 0/1 loss [share of images]")
    figure.legend(loc="outside upper center", fontsize=8)
    return figure


def _orders(axis: Any, rows: pd.DataFrame, value: str) -> None:
    for order, (color, label) in _ORDERS.items():
        part = rows[rows.order == order].sort_values("removed")
        axis.plot(part.removed, part[value], color=color, label=label)
        axis.fill_between(
            part.removed, part[f"{value}_lowest"], part[f"{value}_highest"], color=color, alpha=0.2, linewidth=0
        )
    axis.set_xlabel("neurons turned off")
    if value == "loss":
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
    else:
        axis.set_ylim(0, 1)
