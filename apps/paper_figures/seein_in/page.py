"""The page: its sections with their captions, and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bitlens.data.images import Images
from paper_figures.common.cache import Cache
from paper_figures.common.page import Paper, Tables, counted, section, write_page
from paper_figures.common.verdict import Verdict
from paper_figures.seein_in.claims import judge
from paper_figures.seein_in.figures import pictures
from paper_figures.seein_in.measuring import TABLES, measured
from paper_figures.seein_in.networks import Settings


def _sections(tables: Tables, settings: Mapping[str, Settings], verdicts: Mapping[str, Verdict]) -> list[str]:
    words = {name: verdict.markdown for name, verdict in verdicts.items()}

    def figure(number: int, title: str, table: str, caption: str, *claims: str) -> str:
        pictures = {f"figure-{number}": f"Fig. {number}"}
        return section(f"Fig. {number}: {title}", pictures, table, caption, *(words[claim] for claim in claims))

    clusters = "The test images in the output of the first network. [Numbers of the clusters](clusters.csv)."
    return [
        *_introduction(settings["clusters"]),
        figure(2, "the output", "embedding", clusters, "separated", "eight", "origin", "one"),
        figure(3, "receptive fields", "field", "Receptive fields of three positions of pool2.", "field"),
        figure(4, "the average 8", "average", "The average of every 8 of the test images. The paper makes no claim."),
        figure(6, "degenerate digits", "embedding", "Images that are nearest to another class.", "degenerate"),
        figure(7, "the ReLU", "units", "Classes that the units of ip1 fire for.", "quadrant", "groups"),
        figure(8, "a region of ones", "channels", "The highest 5% of the points of each channel.", "dense"),
        figure(9, "slant", "regions", "Ones by the activation of one channel. [Channels](channels.csv).", "slant"),
        figure(10, "without the ReLU", "ranks", "Directions that the outputs of ip2 use.", "dependent", "worse"),
    ]


def _introduction(settings: Settings) -> list[str]:
    first, second = settings.filters
    return [
        "The paper trains a siamese network on MNIST and looks at its test images. Its claims are observations on "
        "pictures, without numbers: the rules are ours. Fig. 1 and 5 are the interface and its linked selection, "
        "which the "
        "explorer has.",
        f"As in the paper: a convolution ({first} filters), a pooling, a convolution ({second}), a pooling and three "
        "linear "
        f"layers ({settings.hidden[0]}, {settings.hidden[1]} and 2 units) with one ReLU behind the first of these; "
        "fewer "
        f"filters and units than there. {settings.samples} training images, {counted(settings.epochs, 'epoch')} of "
        "Adam "
        f"with rate {settings.rate:g}, the contrastive loss of all pairs in batches of {settings.batch} with margin "
        f"{settings.margin:g}; {counted(settings.seeds, 'seed')}, each with and without the ReLU. Measured on "
        f"{settings.probe} test images. ± is the standard deviation between seeds, which is rough for so small a "
        "number "
        "of seeds.",
    ]


PAPER = Paper(
    "Figures of Schmidt, Seein' In: Peering into the depths of the convolutional neural network, on MNIST",
    Settings,
    TABLES,
    pictures,
    judge,
    _sections,
)


def write(images: Images, cache: Cache, out: Path, settings: Settings) -> None:
    """Train and measure what the cache does not hold, and write the page."""
    write_page(PAPER, out, measured(images, cache, settings), settings)
