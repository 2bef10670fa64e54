"""The pictures, each drawn from its table."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paper_figures.common.page import Tables, panels
from paper_figures.seein_in.networks import VARIANTS, Settings

_COLORS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")


def pictures(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Figure]:
    """Return all pictures by name."""
    embedding = tables["embedding"][tables["embedding"].seed == 0]
    return {
        "figure-2": output(embedding),
        "figure-3": fields(tables["field"][tables["field"].seed == 0]),
        "figure-4": average(tables["average"]),
        "figure-6": degenerate(embedding),
        "figure-7": units(tables["units"]),
        "figure-8": ones(tables["channels"]),
        "figure-9": slants(tables["regions"], tables["channels"]),
        "figure-10": ranks(tables["ranks"]),
    }


def output(embedding: pd.DataFrame) -> Figure:
    """Draw the test images in the two dimensions of the output."""
    figure, axes = panels(1, 1, 5.6, 4.6)
    for (label, rows), color in zip(embedding.groupby("class"), _COLORS, strict=False):
        axes[0][0].scatter(rows.x, rows.y, s=6, color=color, label=str(label))
        axes[0][0].annotate(str(label), (rows.x.mean(), rows.y.mean()), fontsize=14, fontweight="bold")
    axes[0][0].plot(0, 0, "k+", markersize=12)
    axes[0][0].set(xlabel="output 0", ylabel="output 1")
    axes[0][0].legend(fontsize=8, title="digit", ncols=2)
    return figure


def degenerate(embedding: pd.DataFrame) -> Figure:
    """Draw the images that are nearest to the mean of another class over all others."""
    figure, axes = panels(1, 1, 5.6, 4.6)
    wrong = embedding[embedding["class"] != embedding.nearest]
    axes[0][0].scatter(embedding.x, embedding.y, s=4, color="#cccccc", label="all images")
    axes[0][0].scatter(wrong.x, wrong.y, s=14, color="#bd1f01", label="nearest to another class")
    axes[0][0].plot(0, 0, "k+", markersize=12, label="origin")
    axes[0][0].set(xlabel="output 0", ylabel="output 1")
    axes[0][0].legend(fontsize=8)
    return figure


def fields(table: pd.DataFrame) -> Figure:
    """Draw the receptive fields of positions of pool2 in the image."""
    figure, axes = panels(1, 1, 3.8, 3.8)
    for row, color in zip(table.itertuples(), _COLORS, strict=False):
        corner, size = (row.left, row.top), (row.right - row.left, row.bottom - row.top)
        patch = Rectangle(
            corner, *size, fill=False, color=color, linewidth=2, label=f"position ({row.row}, {row.column})"
        )
        axes[0][0].add_patch(patch)
    axes[0][0].set(xlim=(-1, 29), ylim=(29, -1), xlabel="column", ylabel="row", aspect="equal")
    axes[0][0].legend(fontsize=7)
    return figure


def average(table: pd.DataFrame) -> Figure:
    """Draw the average of every 8."""
    figure, axes = panels(1, 1, 3.4, 3.4)
    axes[0][0].imshow(table.pivot(index="row", columns="column", values="value"), cmap="gray", vmin=0, vmax=1)
    axes[0][0].set_axis_off()
    return figure


def units(table: pd.DataFrame) -> Figure:
    """Draw how many units of ip1 fire for how many classes."""
    figure, axes = panels(1, 1)
    counts = table.groupby("seed").classes.value_counts().unstack(fill_value=0).mean()
    axes[0][0].bar(counts.index, counts, color=_COLORS[0])
    axes[0][0].set(xlabel="classes that a unit fires for", ylabel="units, mean over seeds", xticks=range(11))
    return figure


def ones(table: pd.DataFrame) -> Figure:
    """Draw the share of ones among the highest activations of each channel of pool2, largest first."""
    figure, axes = panels(1, 1)
    for (seed, rows), color in zip(table.groupby("seed"), _COLORS, strict=False):
        shares = np.sort(rows.ones)[::-1]
        axes[0][0].plot(shares, "o-", color=color, markersize=3, label=f"seed {seed}")
    axes[0][0].set(xlabel="channels of pool2, largest share first", ylabel="share of ones", ylim=(0, 1))
    axes[0][0].legend(fontsize=8)
    return figure


def slants(regions: pd.DataFrame, channels: pd.DataFrame) -> Figure:
    """Draw the mean slant of ones by the activation of the channel that follows the slant best, for each seed."""
    figure, axes = panels(1, 1)
    for (seed, rows), color in zip(channels.groupby("seed"), _COLORS, strict=False):
        best = rows.loc[rows.slant.abs().idxmax()].channel
        of_best = regions[(regions.seed == seed) & (regions.channel == best)]
        axes[0][0].plot(of_best.region, of_best.slant, "o-", color=color, label=f"seed {seed}, channel {best:.0f}")
    axes[0][0].set(xlabel="quarter of the ones, lowest activation first", ylabel="mean slant", xticks=range(4))
    axes[0][0].legend(fontsize=8)
    return figure


def ranks(table: pd.DataFrame) -> Figure:
    """Draw the effective rank of ip2 with and without the ReLU, a point for each seed."""
    figure, axes = panels(1, 1, 3.6)
    for place, (variant, color) in enumerate(zip(VARIANTS, _COLORS, strict=False)):
        values = table[table.variant == variant]["rank"]
        axes[0][0].scatter([place] * len(values), values, color=color)
    axes[0][0].set(xlim=(-0.5, 1.5), ylim=(0, float(table.units.iloc[0])), ylabel="effective rank of ip2")
    axes[0][0].set_xticks(range(len(VARIANTS)), list(VARIANTS))
    return figure
