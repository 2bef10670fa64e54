"""The figures, drawn from their tables; bars are the deviations between seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paper_figures.information_discarding.scenes import Scenes

NAMES = {
    "lenet": "LeNet",
    "plain": "plain CNN",
    "resnet": "ResNet",
    "autoencoder": "auto-encoder",
    "damaged": "damaged ResNet",
    "distilled": "distilled LeNet",
}
_COLORS = ("#1f5fbf", "#d1661b", "#3c8d40", "#8c3fa8")
_AXES = {"SID": "SID [bits a pixel]", "RU": "RU [bits a pixel]", "concentration": "concentration [bits a pixel]"}


def named(network: str) -> str:
    """As the page calls it."""
    return NAMES.get(network) or f"{network.split('-')[1]}% pruned"


def curves(table: pd.DataFrame, networks: Sequence[str], measures: Sequence[str], by_layer: bool = True) -> Figure:
    """A panel for each measure, a curve for each network, over its layers or their relative depth."""
    figure, axes = _row(len(measures))
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table.measure == measure]
        for network, color in zip(networks, _COLORS, strict=False):
            part = rows[rows.network == network].sort_values("depth")
            axis.errorbar(
                part.depth, part.value, part.deviation, color=color, marker="o", capsize=3, label=named(network)
            )
        axis.set_ylabel(_AXES[measure])
        axis.set_xlabel("depth: from the first to the last layer measured")
        if by_layer:
            names = rows.groupby("depth", sort=True).layer.agg(lambda found: "\n".join(dict.fromkeys(found)))
            axis.set_xticks(list(names.index), list(names), fontsize=8)
            axis.set_xlabel("layer")
    axes[0].legend(fontsize=8)
    return figure


def rescaling(table: pd.DataFrame) -> Figure:
    """A panel for each measure: by layer, before and after."""
    measures = list(table.measure.unique())
    figure, axes = _row(len(measures), 3.1)
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table.measure == measure]
        axis.plot(rows.layer, rows.before, color=_COLORS[0], marker="o", markersize=9, alpha=0.6, label="before")
        axis.plot(rows.layer, rows.after, color=_COLORS[1], marker="x", linestyle="--", label="after")
        axis.set_title(f"{measure} [bits a pixel]" if measure in _AXES else f"{measure}, mean magnitude", fontsize=10)
        axis.tick_params(axis="x", labelsize=8)
        if measure not in _AXES:
            axis.set_yscale("log")
    axes[0].legend(fontsize=8)
    return figure


def epochs(table: pd.DataFrame) -> Figure:
    """Over epochs, a curve for each block."""
    measures = list(table.measure.unique())
    figure, axes = _row(len(measures))
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table.measure == measure]
        for block, color in zip(rows.layer.unique(), _COLORS, strict=False):
            part = rows[rows.layer == block]
            axis.errorbar(part.epoch, part.value, part.deviation, color=color, marker="o", capsize=3, label=block)
        axis.set_ylabel(_AXES[measure])
        axis.set_xlabel("epoch")
        axis.set_xticks(sorted(rows.epoch.unique()))
    axes[0].legend(fontsize=8)
    return figure


def some_scenes(scenes: Scenes, shown: int) -> Figure:
    """Images with the boxes of their objects."""
    shown = min(shown, len(scenes.images))
    figure = Figure(figsize=(1.5 * shown, 1.6), layout="constrained")
    for axis, image, mask in zip(
        figure.subplots(1, shown, squeeze=False)[0], scenes.images, scenes.masks, strict=False
    ):
        axis.imshow(image[0].numpy(), vmin=0, vmax=1, cmap="gray")
        (rows, columns) = (mask.any(side).nonzero().flatten() for side in (1, 0))
        if len(rows):
            corner = (float(columns[0]) - 0.5, float(rows[0]) - 0.5)
            axis.add_patch(Rectangle(corner, len(columns), len(rows), fill=False, color="#ffb000", linewidth=1.5))
        axis.set_axis_off()
    return figure


def _row(panels: int, width: float = 4.3) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width * panels, 3.5), layout="constrained")
    return figure, figure.subplots(1, panels, squeeze=False)[0]
