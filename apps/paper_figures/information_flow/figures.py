"""The page: pictures of the tables, in which dashed lines are the null, their captions, and the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from bitlens.data.images import Images
from paper_figures.common.cache import Cache
from paper_figures.common.page import Paper, Tables, counted, differing, markdown_table, panels, section, write_page
from paper_figures.common.verdict import Verdict
from paper_figures.information_flow.claims import ESTIMATOR_NAMES, judge
from paper_figures.information_flow.comparisons import steps, varied_alone
from paper_figures.information_flow.measuring import FIGURES, measured
from paper_figures.information_flow.networks import LAYERS, Settings

_BITS = "information [bits]"
_FIRST_LINEAR = 10  # iterations up to here are spaced evenly, later ones by their logarithm
_CHAINS = {"forward": ("#1f5fbf", "I(X; T)"), "backward": ("#3c8d40", "I(error at output; error)")}
_PLANE = ("information", "null_mean")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def figure_1(table: pd.DataFrame) -> Figure:
    """Both chains at the start, after three epochs and at the end; rises of the excess beyond the seeds are circled."""
    judged = steps(table)
    topologies = table[["first", "second"]].drop_duplicates().to_numpy().tolist()
    stages = sorted(table.iteration.unique())
    figure, axes = _labelled(len(topologies), len(stages), "layer", _BITS)
    for row, (first, second) in zip(axes, topologies, strict=True):
        for axis, stage in zip(row, stages, strict=True):
            here = table[(table["first"] == first) & (table.second == second) & (table.iteration == stage)]
            here_judged = judged[(judged["first"] == first) & (judged.second == second) & (judged.iteration == stage)]
            for chain, (color, label) in _CHAINS.items():
                part = here[here.chain == chain].set_index("layer").reindex(list(LAYERS))
                axis.errorbar(
                    LAYERS, part.information, part.information_std, color=color, marker="o", capsize=2, label=label
                )
                axis.plot(LAYERS, part.null_mean, color=color, linestyle="--", label="null")
                risen = here_judged[(here_judged.chain == chain) & here_judged.disruption.eq(True)].layer
                axis.plot(risen, part.information[risen], "o", markersize=13, markerfacecolor="none", color="#d1231b")
            axis.set_title(f"{first} and {second} filters, iteration {stage}", fontsize=10)
            axis.set_ylim(bottom=0)
    axes[0][0].legend(fontsize=8)
    return figure


def figure_3_information(table: pd.DataFrame, usual: tuple[int, int]) -> Figure:
    """Information of C1 and C3 about the input during training, by the number of filters."""
    figure, axes = _labelled(2, 2, "iteration", _BITS)
    for row, varied in zip(axes, ("first", "second"), strict=True):
        for axis, layer in zip(row, ("c1", "c3"), strict=True):
            part = varied_alone(table, varied, layer, usual)
            _curves(axis, part, varied, "multivariate")
            bound = part.groupby("iteration").entropy_about.mean()
            axis.plot(bound.index, bound, color="black", linestyle=":", label="H(X)")
            axis.set_title(f"{layer}, by filters of the {varied} convolution", fontsize=10)
            axis.set_ylim(bottom=0)
            axis.legend(fontsize=7)
    return figure


def figure_3_shares(table: pd.DataFrame, usual: tuple[int, int]) -> Figure:
    """Redundancy less synergy, and weighted non-redundant information, as shares of the information of pairs."""
    names = {"redundancy_synergy_share": "redundancy - synergy", "weighted_nonredundant_share": "non-redundant"}
    figure, axes = _labelled(2, 2, "iteration", "share of the information of a pair")
    for row, (varied, layer) in zip(axes, (("first", "c1"), ("second", "c3")), strict=True):
        for axis, (name, title) in zip(row, names.items(), strict=True):
            _curves(axis, varied_alone(table, varied, layer, usual), varied, name)
            axis.axhline(0, color="black", linewidth=0.6)
            axis.set_title(f"{title}, {layer}", fontsize=10)
            axis.legend(fontsize=7)
    return figure


def figure_4(table: pd.DataFrame) -> Figure:
    """Information planes and, below them, planes of non-redundant information; from dark (start) to bright (end)."""
    topologies = table[["first", "second"]].drop_duplicates().to_numpy().tolist()
    rows = table[["plane", "activation"]].drop_duplicates().to_numpy().tolist()
    figure, axes = _labelled(len(rows), len(topologies), "about the input [bits]", "about the labels [bits]")
    norm = SymLogNorm(_FIRST_LINEAR, vmin=0, vmax=table.iteration.max())
    for axis_row, (plane, activation) in zip(axes, rows, strict=True):
        for axis, (first, second) in zip(axis_row, topologies, strict=True):
            here = table[(table["first"] == first) & (table.second == second)]
            here = here[(here.activation == activation) & (here.plane == plane)]
            for layer, marker in zip(here.layer.unique(), _MARKERS, strict=False):
                part = here[here.layer == layer]
                values, null = (part.pivot(index="iteration", columns="about", values=name) for name in _PLANE)
                axis.plot(null.input, null.labels, color="#bbbbbb", linewidth=0.8, linestyle="--", zorder=1)
                points = axis.scatter(
                    values.input, values.labels, c=values.index, norm=norm, marker=marker, s=22, label=layer
                )
            kind = "plane" if plane == "all" else "modified plane"
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


def _labelled(rows: int, columns: int, x: str, y: str) -> tuple[Figure, Any]:
    figure, axes = panels(rows, columns, height=3.2)
    for axis in axes[-1]:
        axis.set_xlabel(x)
    for axis in axes[:, 0]:
        axis.set_ylabel(y)
    return figure, axes


def _pictures(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Figure]:
    """Each figure with both settings of the estimator."""
    pictures = {}
    for name, (_, draw, _) in _FIGURES.items():
        for setting in ESTIMATOR_NAMES:
            table = tables[name]
            pictures[f"{name}-{setting}"] = draw(table[table.setting == setting], settings[name])
    return pictures


_FIGURES: dict[str, tuple[str, Callable[[pd.DataFrame, Settings], Figure], str | None]] = {
    "figure-1": (
        "Fig. 1: both data-processing inequalities",
        lambda table, settings: figure_1(table),
        figure_1.__doc__,
    ),
    "figure-3-information": (
        "Fig. 3 a to d: information and numbers of filters",
        lambda table, settings: figure_3_information(table, settings.usual),
        figure_3_information.__doc__,
    ),
    "figure-3-shares": (
        "Fig. 3 e to h: redundancy and synergy",
        lambda table, settings: figure_3_shares(table, settings.usual),
        figure_3_shares.__doc__,
    ),
    "figure-4": (
        "Fig. 4: information planes",
        lambda table, settings: figure_4(table),
        figure_4.__doc__,
    ),
}
"""By name: the title, the function that draws it, and its caption."""


def _sections(tables: Tables, settings: Mapping[str, Settings], verdicts: Mapping[str, Verdict]) -> list[str]:
    usual = settings["networks"]
    sections = [_settings(tables["networks"], usual)]
    for name, (title, _, caption) in _FIGURES.items():
        pictures = {f"{name}-{setting}": f"{title}. {words}" for setting, words in ESTIMATOR_NAMES.items()}
        others = differing(settings[name], usual)
        explained = (
            f"{' '.join(str(caption).split())} The first picture has the paper's settings, the second has bitlens's "
            "defaults. Dashed lines are the null: the same estimates with permuted samples. Values are means over "
            f"seeds.{f' Settings that differ from those above: {others}.' if others else ''}"
        )
        sections.append(section(title, pictures, name, explained, verdicts[name].markdown))
    return sections


def _settings(networks: pd.DataFrame, settings: Settings) -> str:
    text = (
        f"LeNets on MNIST ({settings.samples} training images), {counted(settings.epochs, 'epoch')} of SGD in batches "
        f"of {settings.batch}, momentum {settings.momentum:g}, learning rate {settings.rate_relu:g} with ReLU and "
        f"{settings.rate_sigmoid:g} with sigmoid; {counted(settings.seeds, 'seed')}. (In trials of one seed with the "
        "paper's learning rate of 0.1, networks with ReLU collapsed after four epochs, and networks with sigmoid did "
        f"not leave chance.) The networks are measured on {settings.probe} training images in mini-batches of 128 "
        f"with alpha 1.01, before training, after {', '.join(f'{share:g}' for share in settings.early)} of the first "
        f"epoch and after every epoch. The null of a layer has {settings.shuffles} permutations per mini-batch, the "
        "null of a decomposition has 2. *The paper's settings* are Silverman's rule with h = 5 (0.1 for errors) and "
        "the plain product of the channels' kernels. *bitlens's defaults* are the median of each channel's distances, "
        "multiplied by the square root of the number of channels."
    )
    rows = [
        (
            ", ".join(part.figure.str.removeprefix("figure-")),
            f"{first}, {second}",
            activation,
            iterations,
            seeds,
            f"{accuracy:.2%}",
            f"{loss:.3f}",
        )
        for (first, second, activation, iterations, seeds, accuracy, loss), part in networks.groupby(
            ["first", "second", "activation", "iteration", "seeds", "test_accuracy", "loss"], sort=False
        )
    ]
    header = ("figures", "filters", "activation", "iterations", "seeds", "accuracy on test images", "training loss")
    return f"{text}\n\n{markdown_table(header, rows)}\n\nMeans over seeds. [Table](networks.csv)."


PAPER = Paper(
    "Figures of Yu et al. (2018), Understanding Convolutional Neural Networks with Information Theory, reproduced",
    Settings,
    ("networks", *_FIGURES),
    _pictures,
    judge,
    _sections,
)


def write(images: Images, cache: Cache, out: Path, settings: Settings, figures: Sequence[str] = FIGURES) -> None:
    """Train and measure for these figures what the cache does not hold, and write the page."""
    write_page(PAPER, out, measured(cache, images, settings, figures), settings)
