"""The page: its sections with their captions, and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bitlens.data.images import Images
from paper_figures.cnnslicer.claims import judge
from paper_figures.cnnslicer.figures import pictures
from paper_figures.cnnslicer.measuring import TABLES, measured
from paper_figures.cnnslicer.networks import DEPTHS, PAIR, POOLED, Settings
from paper_figures.common.cache import Cache
from paper_figures.common.page import Paper, Tables, counted, section, write_page
from paper_figures.common.verdict import Verdict


def _sections(tables: Tables, settings: Mapping[str, Settings], verdicts: Mapping[str, Verdict]) -> list[str]:
    words = {name: verdict.markdown for name, verdict in verdicts.items()}
    usual = settings["progress"]
    one = "of the first seed"

    def figure(number: int, title: str, table: str, caption: str, *claims: str) -> str:
        pictures = {f"figure-{number}": f"Fig. {number}"}
        return section(f"Fig. {number}: {title}", pictures, table, caption, *(words[claim] for claim in claims))

    sizes = "Means over seeds; bands are their ranges. [Table of the images](inputs.csv)."
    return [
        *_introduction(usual),
        figure(4, "training sets of several sizes", "progress", sizes, "convergence", "inputs"),
        figure(5, "uncertainty of the label", "uncertainty", f"A line for each class, {one}.", "stable"),
        figure(6, "confusion matrices", "confusion", f"The smallest training set, {one}.", "unpredicted"),
        figure(7, "layers", "heat-map", f"Mutual information of {PAIR[0]} and {PAIR[1]} after training, {one}."),
        figure(8, "similar filters", "similar", f"A point for each pair of channels of {PAIR[0]}.", "similar"),
        figure(
            9,
            "a max-pooling during the training",
            "pooling",
            f"Mutual information of {POOLED[0]} and {POOLED[1]} by channel number, {one}.",
            "diagonal",
            "redundant",
        ),
        figure(10, "the first layer and later ones", "later", "Means over seeds with their range.", "later"),
        figure(
            11,
            "channels by class",
            "entropies",
            f"Intra-sample entropy of the first channels of {DEPTHS[0]} and {DEPTHS[1]} after training, by class, "
            f"{one}.",
            "consistent",
            "higher",
        ),
        figure(12, "classes and their channels", "entropies", f"The same for all channels, {one}.", "channel"),
        figure(13, "deconvolution", "projections", f"Each channel of {DEPTHS[1]} that is not dead.", "detail"),
    ]


def _introduction(settings: Settings) -> list[str]:
    sizes = ", ".join(map(str, settings.sizes))
    first, second = settings.filters
    return [
        "The paper shows the system on networks for MNIST (Fig. 4 to 6) and CIFAR-10 (Fig. 7 to 13). CIFAR-10 is not "
        "available here, so all figures are made on MNIST, with a network of two convolutions; the numbers of layers "
        "and filters differ from the paper's. The paper has no numbers for its claims: the rules are ours. Fig. 1 to 3 "
        "are diagrams and the interface, which is the explorer.",
        f"Two convolutions with {first} and {second} filters, ReLU and max-pooling, and two linear layers; Adam with "
        "rate "
        f"{settings.rate:g} for {counted(settings.epochs, 'epoch')} in batches of {settings.batch}; training sets of "
        f"{sizes} images of each class, drawn at random for each of {counted(settings.seeds, 'seed')}. Fig. 7 to 13 "
        "show "
        f"the networks with {settings.shown} images of each class. Measured on {settings.probe} test images. ± is the "
        "standard deviation between seeds, which is rough for so small a number of seeds.",
    ]


PAPER = Paper(
    "Figures of Shen and Shen (2021), An Information-theoretic Visual Analysis Framework for Convolutional Neural "
    "Networks (CNNSlicer), on MNIST",
    Settings,
    TABLES,
    pictures,
    judge,
    _sections,
)


def write(images: Images, cache: Cache, out: Path, settings: Settings) -> None:
    """Train and measure what the cache does not hold, and write the page."""
    write_page(PAPER, out, measured(images, cache, settings), settings)
