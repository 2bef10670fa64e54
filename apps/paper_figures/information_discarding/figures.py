"""The page: pictures of the tables, in which bars are deviations between seeds, their captions, and the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from paper_figures.common.page import Paper, Tables, counted, differing, markdown_table, panels, section, write_page
from paper_figures.common.verdict import Verdict
from paper_figures.information_discarding.claims import judge
from paper_figures.information_discarding.comparisons import MEASURES, MOST
from paper_figures.information_discarding.measuring import FIGURES, measured
from paper_figures.information_discarding.networks import BOTTLENECK
from paper_figures.information_discarding.scenes import Scenes
from paper_figures.information_discarding.study import Settings, Study

NAMES = {
    "lenet": "LeNet",
    "plain": "plain CNN",
    "resnet": "ResNet",
    "autoencoder": "auto-encoder",
    "damaged": "damaged ResNet",
    "distilled": "distilled LeNet",
}
_COLORS = ("#1f5fbf", "#d1661b", "#3c8d40", "#8c3fa8")
_AXES = {"SID": "SID [bits per pixel]", "RU": "RU [bits per pixel]", "concentration": "concentration [bits per pixel]"}


def named(network: str) -> str:
    """Return the name of a network on the page."""
    return NAMES.get(network) or f"{network.split('-')[1]}% pruned"


def curves(table: pd.DataFrame, measures: Sequence[str] = MEASURES, by_layer: bool = True) -> Figure:
    """Draw a panel for each measure with a curve for each network, over its layers or their relative depth."""
    figure, (axes,) = panels(1, len(measures), height=3.5)
    networks = table.network.unique()
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table.measure == measure]
        for network, color in zip(networks, _COLORS, strict=False):
            part = rows[rows.network == network].sort_values("depth")
            _points(axis, part, "depth", color, named(network))
        axis.set_ylabel(_AXES[measure])
        axis.set_xlabel("depth: from the first to the last layer measured")
        if by_layer:
            names = rows.groupby("depth", sort=True).layer.agg(lambda layers: "\n".join(dict.fromkeys(layers)))
            axis.set_xticks(list(names.index), list(names), fontsize=8)
            axis.set_xlabel("layer")
    axes[0].legend(fontsize=8)
    return figure


def rescaling(table: pd.DataFrame) -> Figure:
    """Draw a panel for each measure: means over seeds by layer, before and after the rescaling."""
    measures = list(table.measure.unique())
    figure, (axes,) = panels(1, len(measures), width=3.1, height=3.5)
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table.measure == measure].groupby("layer", sort=False)[["before", "after"]].mean().reset_index()
        axis.plot(rows.layer, rows.before, color=_COLORS[0], marker="o", markersize=9, alpha=0.6, label="before")
        axis.plot(rows.layer, rows.after, color=_COLORS[1], marker="x", linestyle="--", label="after")
        axis.set_title(f"{measure} [bits per pixel]" if measure in _AXES else f"{measure}, mean magnitude", fontsize=10)
        axis.tick_params(axis="x", labelsize=8)
        if measure not in _AXES:
            axis.set_yscale("log")
    axes[0].legend(fontsize=8)
    return figure


def epochs(table: pd.DataFrame) -> Figure:
    """Draw a panel for each measure with a curve for each block, over epochs."""
    measures = list(table.measure.unique())
    figure, (axes,) = panels(1, len(measures), height=3.5)
    for axis, measure in zip(axes, measures, strict=True):
        rows = table[table.measure == measure]
        for block, color in zip(rows.layer.unique(), _COLORS, strict=False):
            part = rows[rows.layer == block]
            _points(axis, part, "epoch", color, block)
        axis.set_ylabel(_AXES[measure])
        axis.set_xlabel("epoch")
        axis.set_xticks(sorted(rows.epoch.unique()))
    axes[0].legend(fontsize=8)
    return figure


def _points(axis: Any, part: pd.DataFrame, at: str, color: str, label: str) -> None:
    """Measured points with bars; hollow where no more than half of the searches came to rest."""
    axis.plot(part[at], part.value, color=color, linewidth=1, label=label)
    for rested, face in ((part.converged > MOST, color), (~(part.converged > MOST), "white")):
        rows = part[rested]
        axis.errorbar(rows[at], rows.value, rows.deviation, color=color, fmt="o", capsize=3, markerfacecolor=face)


def examples(scenes: Scenes, most: int = 8) -> Figure:
    """Draw the first scenes with the boxes of their objects."""
    shown = min(most, len(scenes.images))
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


def _pictures(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Figure]:
    return {
        "figure-1": rescaling(tables["figure-1"]),
        "figure-3": curves(tables["figure-3"], by_layer=False),
        "figure-4a": curves(tables["figure-4a"]),
        "figure-4b": curves(tables["figure-4b"]),
        "figure-5a": curves(tables["figure-5a"], ("SID", "concentration")),
        "figure-5b": epochs(tables["figure-5b"]),
    }


def _sections(tables: Tables, settings: Mapping[str, Settings], verdicts: Mapping[str, Verdict]) -> list[str]:
    usual = settings["networks"]
    measured_epochs = ", ".join(map(str, sorted(tables["figure-5b"].epoch.unique())))
    figures = {
        "figure-1": (
            "Fig. 1: the same function with other weights",
            "Mean magnitudes by layer in the plain CNN, before and after the weights of its first, "
            f"third and fifth convolution were divided by {usual.factor:g} and those of the second, fourth and "
            "sixth multiplied by it. RU after the change uses the same decoder, and the features are first "
            "multiplied by the factor that they were divided by. Therefore RU must not change. Grad-CAM must not "
            "change either, because it multiplies features by the means of their gradients.",
        ),
        "figure-3": ("Fig. 3: networks for the same data", "SID, RU and concentration by relative depth."),
        "figure-4a": (
            "Fig. 4a: a damaged architecture",
            f"The ResNet, and the ResNet with a block of 1 x 1 convolutions with {BOTTLENECK} channels, without skip "
            "connection, behind its second block.",
        ),
        "figure-4b": (
            "Fig. 4b: compression",
            "The plain CNN, and the plain CNN after the smallest weights of every layer but the first were pruned "
            "and the rest was trained for half as many epochs.",
        ),
        "figure-5a": (
            "Fig. 5a: distillation",
            "The LeNet, and a LeNet that learned the outputs of the ResNet with the same seed instead of labels "
            f"(temperature {usual.temperature:g}).",
        ),
        "figure-5b": (
            "Fig. 5b: during training",
            f"The blocks of the ResNet after epochs {measured_epochs}; epoch 0 is before training.",
        ),
    }
    judged = {name: [verdicts[name].markdown] for name in figures if name in verdicts}
    judged["figure-3"] = [verdicts[name].markdown for name in ("depth", "tasks")]
    return [
        *_settings(tables, usual),
        *(
            section(title, {name: title}, name, f"{text}{_others(settings[name], usual)}", *judged[name])
            for name, (title, text) in figures.items()
        ),
    ]


def _others(settings: Settings, usual: Settings) -> str:
    others = differing(settings, usual)
    return f" Settings that differ from those above: {others}." if others else ""


def _settings(tables: Tables, settings: Settings) -> list[str]:
    decoded = min(settings.decoded, settings.samples)
    rows = [
        (
            ", ".join(part.figure.str.removeprefix("figure-")),
            named(network),
            weights,
            seeds,
            f"{score:.1%}" + " of the variance rebuilt" * (network == "autoencoder"),
        )
        for (network, weights, score, seeds), part in tables["networks"].groupby(
            ["network", "weights", "score", "seeds"], sort=False
        )
    ]
    header = ("figures", "network", "weights", "seeds", "accuracy on test images")
    return [
        "Handwritten digits of MNIST, reduced, each at a random place of a smooth random texture: images of "
        f"{settings.side} x {settings.side} pixels from 0 to 1. The box of the digit is the object that the "
        "concentration refers to.",
        "![Images with the boxes of their objects](scenes.png)",
        f"{settings.samples} training images, {counted(settings.epochs, 'epoch')} of Adam in batches of "
        f"{settings.batch}, learning rates up to {settings.rate:g}; {counted(settings.seeds, 'seed')} per network, so "
        "deviations between seeds are rough. The LeNet has two convolutions and a fully connected layer. The plain "
        "CNN has six convolutions without normalization, as in VGG-16. The ResNet has a convolution and three "
        "residual blocks with batch normalization. The auto-encoder is the ResNet up to its last block, before the "
        "pooling, and two transposed convolutions.",
        f"Measured on the same {counted(settings.probe, 'test image')} with alpha {settings.alpha:g}, tau 0.01, "
        f"{settings.draws} samples per step and at most {counted(settings.steps, 'step')}. All values are means over "
        "images and pixels, in bits, and then means over seeds. Bars are standard deviations between seeds. A point is "
        "hollow where no more than half of its searches came to rest, that is, satisfied the criterion `converged` of "
        "the library. Lines between points only connect them: no verdict uses a value between two measured layers.",
        f"Decoders for RU have the paper's six residual blocks with {counted(settings.width, 'channel')} and are "
        f"trained on {decoded} training images for {counted(settings.decoder_epochs, 'epoch')}. {_quality(tables)}",
        "With so small numbers of seeds, images and epochs, verdicts near the limits of their rules are uncertain: "
        "other sizes change some of them.",
        f"{markdown_table(header, rows)}\n\n[Table](networks.csv).",
    ]


def _quality(tables: Tables) -> str:
    """How far the decoders can be trusted."""
    keys = ["network", "layer", "measure", "rebuilt"]
    by_network = pd.concat([tables[name] for name in ("figure-3", "figure-4a", "figure-4b")])
    rebuilt = by_network.drop_duplicates(keys).rebuilt.dropna()
    return (
        f"They rebuild {rebuilt.min():.0%} to {rebuilt.max():.0%} of the variance of test images (median "
        f"{rebuilt.median():.0%}), so RU depends on the decoders as well as on the layers."
    )


PAPER = Paper(
    "Figures of Ma et al. (2019), Quantifying Layerwise Information Discarding of Neural Networks, reproduced",
    Settings,
    ("networks", "figure-1", "figure-3", "figure-4a", "figure-4b", "figure-5a", "figure-5b"),
    _pictures,
    judge,
    _sections,
)


def write(study: Study, out: Path, figures: Sequence[str] = FIGURES) -> None:
    """Train and measure for these figures what the cache does not hold, and write the page."""
    write_page(PAPER, out, measured(study, figures), study.settings, {"scenes": examples(study.test)})
