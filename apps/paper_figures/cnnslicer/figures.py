"""The pictures, each drawn from its table; lines and bars are means over seeds, and bands their ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from paper_figures.cnnslicer.networks import DEPTHS, LATER, PAIR, POOLED, Settings
from paper_figures.common.page import Tables, panels

_COLORS = ("#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#94a4a2", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")


def pictures(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Figure]:
    """Return all pictures by name."""
    first = {name: table[table.seed == table.seed.min()] for name, table in tables.items()}
    return {
        "figure-4": training(tables["progress"], tables["inputs"]),
        "figure-5": uncertainty(first["uncertainty"]),
        "figure-6": confusion(first["confusion"]),
        "figure-7": heat_map(first["heat-map"]),
        "figure-8": similar(tables["similar"]),
        "figure-9": pooling(first["pooling"]),
        "figure-10": later(tables["later"]),
        "figure-11": multiples(first["entropies"]),
        "figure-12": classes(first["entropies"]),
        "figure-13": projections(tables["projections"]),
    }


def training(progress: pd.DataFrame, inputs: pd.DataFrame) -> Figure:
    """Draw the losses by size on the left, the diversity of the training images on the right."""
    figure, axes = panels(1, 2)
    sizes = sorted(progress["size"].unique())
    for size, color in zip(sizes, _COLORS, strict=False):
        by_epoch = progress[progress["size"] == size].groupby("epoch").loss
        axes[0][0].plot(by_epoch.mean(), color=color, label=f"{size} a class")
        axes[0][0].fill_between(by_epoch.mean().index, by_epoch.min(), by_epoch.max(), color=color, alpha=0.2)
    axes[0][0].set(xlabel="epoch", ylabel="training loss [nats]", title="A: training loss")
    axes[0][0].legend(fontsize=8)
    means = inputs.groupby("size")[["inter_sample_entropy", "null"]].mean()
    axes[0][1].bar(range(len(sizes)), means.inter_sample_entropy, color=_COLORS[: len(sizes)])
    axes[0][1].plot(range(len(sizes)), means["null"], "k_", markersize=24, label="shuffled pixels")
    axes[0][1].set_xticks(range(len(sizes)), [str(size) for size in sizes])
    low = means.to_numpy().min()
    axes[0][1].set(ylim=(low - 2, means.to_numpy().max() + 1), xlabel="images of each class", ylabel="bits")
    axes[0][1].set_title("B: inter-sample entropy of the images")
    axes[0][1].legend(fontsize=8)
    return figure


def uncertainty(table: pd.DataFrame) -> Figure:
    """Draw a panel for each size with a line for each class; gaps are classes that are not predicted."""
    sizes = sorted(table["size"].unique())
    figure, axes = panels(1, len(sizes), 3.2)
    for axis, size in zip(axes[0], sizes, strict=True):
        for (label, rows), color in zip(table[table["size"] == size].groupby("class"), _COLORS, strict=False):
            axis.plot(rows.epoch, rows.label_given_predicted, color=color, label=str(label), linewidth=1)
        axis.set(xlabel="epoch", title=f"{size} a class", ylim=(0, 3.4))
    axes[0][0].set_ylabel("H(label | prediction) [bits]")
    axes[0][-1].legend(fontsize=7, ncols=2, title="class")
    return figure


def confusion(table: pd.DataFrame) -> Figure:
    """Draw the confusion matrices of the smallest set before training and after an epoch."""
    rows = table[table["size"] == table["size"].min()]
    epochs = sorted(rows.epoch.unique())
    figure, axes = panels(1, len(epochs), 3.8)
    for axis, epoch in zip(axes[0], epochs, strict=True):
        matrix = rows[rows.epoch == epoch].pivot(index="label", columns="predicted", values="samples")
        _matrix(figure, axis, matrix, "samples")
        axis.set(xlabel="predicted", ylabel="label", title=f"epoch {epoch}")
    return figure


def heat_map(table: pd.DataFrame) -> Figure:
    """Draw the mutual information of two layers, sorted by the maximum of rows and columns as in the paper."""
    figure, axes = panels(1, 1, 5.2, 4.4)
    matrix = table.pivot(index="channel_b", columns="channel_a", values="mutual_information")
    matrix = matrix.loc[
        matrix.max(1).sort_values(ascending=False).index, matrix.max(0).sort_values(ascending=False).index
    ]
    _matrix(figure, axes[0][0], matrix, "mutual information [bits]")
    axes[0][0].set(xlabel=f"channel of {PAIR[0]}", ylabel=f"channel of {PAIR[1]}")
    return figure


def similar(table: pd.DataFrame) -> Figure:
    """Draw each pair of channels by the similarity of its columns and of its feature maps."""
    figure, axes = panels(1, 1, 4.6, 3.8)
    for (seed, rows), color in zip(table.groupby("seed"), _COLORS, strict=False):
        axes[0][0].scatter(rows.patterns, rows.maps, s=14, color=color, label=f"seed {seed}")
        best = rows.loc[rows.patterns.idxmax()]
        axes[0][0].scatter(best.patterns, best.maps, s=90, facecolors="none", edgecolors=color)
    axes[0][0].set(xlabel="correlation of columns of the heat map", ylabel="correlation of feature maps")
    axes[0][0].legend(fontsize=8)
    return figure


def pooling(table: pd.DataFrame) -> Figure:
    """Draw the heat map before and behind a pooling at three epochs, on one scale."""
    epochs = sorted(table.epoch.unique())
    figure, axes = panels(1, len(epochs), 3.6)
    top = table.mutual_information.max()
    for axis, epoch in zip(axes[0], epochs, strict=True):
        matrix = table[table.epoch == epoch].pivot(index="channel_b", columns="channel_a", values="mutual_information")
        _matrix(figure, axis, matrix, "bits", top)
        axis.set(xlabel=f"channel of {POOLED[0]}", ylabel=f"channel of {POOLED[1]}", title=f"epoch {epoch}")
    return figure


def later(table: pd.DataFrame) -> Figure:
    """Draw the mean excess of conv1 with each later layer."""
    figure, axes = panels(1, 1, 4.6)
    by_layer = table.groupby("layer").excess
    means, low, high = (getattr(by_layer, name)().loc[list(LATER)] for name in ("mean", "min", "max"))
    axes[0][0].errorbar(LATER, means, [means - low, high - means], fmt="o-", color=_COLORS[0], capsize=3)
    axes[0][0].set(ylabel="mean excess with conv1 [bits]", xlabel="layer", ylim=(0, None))
    return figure


def multiples(table: pd.DataFrame) -> Figure:
    """Draw the entropies of the first channels by class: a low layer above, a high layer below."""
    figure, axes = panels(2, 4, 2.6, 2.2)
    for row, layer in zip(axes, DEPTHS, strict=True):
        rows = table[(table.layer == layer) & (table.group != "all samples")]
        for axis, (number, of_channel) in zip(row, rows.groupby("channel"), strict=False):
            axis.bar(of_channel.group, of_channel.intra_sample_entropy, color=_COLORS)
            axis.set(title=f"{layer}, channel {number}", ylim=(0, table.intra_sample_entropy.max()))
            axis.tick_params(labelsize=7)
        row[0].set_ylabel("bits")
    return figure


def classes(table: pd.DataFrame) -> Figure:
    """Draw the entropy of each channel (column) for each class (row), which the paper draws as circles."""
    figure, axes = panels(1, len(DEPTHS), 4.6, 3.8)
    for axis, layer in zip(axes[0], DEPTHS, strict=True):
        matrix = table[table.layer == layer].pivot(index="group", columns="channel", values="intra_sample_entropy")
        _matrix(figure, axis, matrix, "bits")
        axis.set(xlabel="channel", title=layer)
    return figure


def projections(table: pd.DataFrame) -> Figure:
    """Draw the channels by their entropy and by the detail of their projections onto the input."""
    figure, axes = panels(1, 1, 4.6, 3.8)
    for (seed, rows), color in zip(table[table.dead == 0].groupby("seed"), _COLORS, strict=False):
        axes[0][0].scatter(rows.entropy, rows.detail, s=18, color=color, label=f"seed {seed}")
    axes[0][0].set(xlabel=f"intra-sample entropy of the channel of {DEPTHS[1]} [bits]")
    axes[0][0].set_ylabel("entropy of the projection [bits]")
    axes[0][0].legend(fontsize=8)
    return figure


def _matrix(figure: Figure, axis: Any, matrix: pd.DataFrame, unit: str, top: float | None = None) -> None:
    """Draw a matrix in which brighter is more, with the names of rows and columns."""
    drawn = axis.imshow(matrix.to_numpy(), cmap="viridis", vmin=0, vmax=top, aspect="auto")
    axis.set_xticks(np.arange(matrix.shape[1]), [str(name) for name in matrix.columns], fontsize=7)
    axis.set_yticks(np.arange(matrix.shape[0]), [str(name) for name in matrix.index], fontsize=7)
    figure.colorbar(drawn, ax=axis, label=unit)
