"""The figures, drawn from their tables; dashed is always what shuffled samples give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from paper_figures.information_flow.networks import LAYERS
from paper_figures.information_flow.tables import varied_alone

_BITS = "information [bits]"
_FIRST_LINEAR = 10  # iterations up to here are spaced evenly, later ones by their logarithm
_CHAINS = {"forward": ("#1f5fbf", "I(X; T)"), "backward": ("#3c8d40", "I(error at output; error)")}
_PLANE = ("information", "null_mean")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def figure_1(table: pd.DataFrame) -> Figure:
    """Both chains, at the start, after three epochs and at the end; rises beyond the null's spread are circled."""
    topologies = table[["first", "second"]].drop_duplicates().to_numpy().tolist()
    stages = sorted(table.iteration.unique())
    figure, axes = _grid(len(topologies), len(stages), "layer", _BITS)
    for row, (first, second) in zip(axes, topologies, strict=True):
        for axis, stage in zip(row, stages, strict=True):
            here = table[(table["first"] == first) & (table.second == second) & (table.iteration == stage)]
            for chain, (color, label) in _CHAINS.items():
                part = here[here.chain == chain].set_index("layer").reindex(list(LAYERS))
                axis.errorbar(
                    LAYERS, part.information, part.information_std, color=color, marker="o", capsize=2, label=label
                )
                axis.plot(LAYERS, part.null_mean, color=color, linestyle="--", label="shuffled")
                risen = part[part.violation > 0.5]
                axis.plot(risen.index, risen.information, "o", markersize=13, markerfacecolor="none", color="#d1231b")
            axis.set_title(f"{first} and {second} filters, iteration {stage}", fontsize=10)
            axis.set_ylim(bottom=0)
    axes[0][0].legend(fontsize=8)
    return figure


def figure_3_information(table: pd.DataFrame) -> Figure:
    """What C1 and C3 carry about the input while they train, by their numbers of filters."""
    figure, axes = _grid(2, 2, "iteration", _BITS)
    for row, varied in zip(axes, ("first", "second"), strict=True):
        for axis, layer in zip(row, ("c1", "c3"), strict=True):
            part = varied_alone(table, varied, layer)
            _curves(axis, part, varied, "multivariate")
            bound = part.groupby("iteration").entropy_about.mean()
            axis.plot(bound.index, bound, color="black", linestyle=":", label="H(X)")
            axis.set_title(f"{layer}, by filters of the {varied} convolution", fontsize=10)
            axis.set_ylim(bottom=0)
            axis.legend(fontsize=7)
    return figure


def figure_3_shares(table: pd.DataFrame) -> Figure:
    """Redundancy-synergy and weighted non-redundant information as shares of the pairs' information."""
    names = {"redundancy_synergy_share": "redundancy - synergy", "weighted_nonredundant_share": "non-redundant"}
    figure, axes = _grid(2, 2, "iteration", "share of a pair's information")
    for row, (varied, layer) in zip(axes, (("first", "c1"), ("second", "c3")), strict=True):
        for axis, (name, title) in zip(row, names.items(), strict=True):
            _curves(axis, varied_alone(table, varied, layer), varied, name)
            axis.axhline(0, color="black", linewidth=0.6)
            axis.set_title(f"{title}, {layer}", fontsize=10)
            axis.legend(fontsize=7)
    return figure


def figure_4(table: pd.DataFrame) -> Figure:
    """Information planes and, below, those of non-redundant information; from dark (start) to bright (end)."""
    topologies = table[["first", "second"]].drop_duplicates().to_numpy().tolist()
    rows = table[["plane", "activation"]].drop_duplicates().to_numpy().tolist()
    figure, axes = _grid(len(rows), len(topologies), "about the input [bits]", "about the labels [bits]")
    norm = SymLogNorm(_FIRST_LINEAR, vmin=0, vmax=table.iteration.max())
    for axis_row, (plane, activation) in zip(axes, rows, strict=True):
        for axis, (first, second) in zip(axis_row, topologies, strict=True):
            here = table[(table["first"] == first) & (table.second == second)]
            here = here[(here.activation == activation) & (here.plane == plane)]
            for layer, marker in zip(here.layer.unique(), _MARKERS, strict=False):
                part = here[here.layer == layer]
                found, null = (part.pivot(index="iteration", columns="about", values=v) for v in _PLANE)
                axis.plot(null.input, null.labels, color="#bbbbbb", linewidth=0.8, linestyle="--", zorder=1)
                points = axis.scatter(
                    found.input, found.labels, c=found.index, norm=norm, marker=marker, s=22, label=layer
                )
            kind = "plane" if plane == "all" else plane
            axis.set_title(f"{kind}: {first} and {second} filters, {activation}", fontsize=9)
            axis.legend(fontsize=6)
    figure.colorbar(points, ax=axes, label="iteration", shrink=0.5)
    return figure


def _curves(axis: Any, part: pd.DataFrame, varied: str, name: str) -> None:
    numbers = sorted(part[varied].unique())
    for number, color in zip(numbers, colormaps["viridis"](np.linspace(0, 0.85, len(numbers))), strict=True):
        line = part[part[varied] == number].sort_values("iteration")
        axis.plot(line.iteration, line[name], color=color, marker=".", label=f"{number} filters")
        axis.plot(line.iteration, line[f"{name}_null_mean"], color=color, linestyle="--", linewidth=1)
    axis.set_xscale("symlog", linthresh=_FIRST_LINEAR)


def _grid(rows: int, columns: int, x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.3 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes[-1]:
        axis.set_xlabel(x)
    for axis in axes[:, 0]:
        axis.set_ylabel(y)
    return figure, axes
