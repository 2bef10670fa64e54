"""Draws the figures of the source papers anew: `make figures`, or `PYTHONPATH=apps python -m paper_figures PAPER`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bitlens.data.images import Images, ImagesNotFoundError, load_mnist
from paper_figures.information_discarding import page as discarding_page
from paper_figures.information_discarding.training import Sizes
from paper_figures.information_flow import page as flow_page
from paper_figures.information_flow.networks import Training
from paper_figures.ordered_ablation import page as ablation_page
from paper_figures.ordered_ablation.networks import Sizes as AblationSizes

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
DOCS = Path(__file__).parents[2] / "docs" / "paper-figures"

Data = Annotated[
    Path, typer.Option(envvar="BITLENS_DATA", help="MNIST: an npz file, a folder of IDX files, or torchvision's root.")
]
Work = Annotated[Path, typer.Option(help="Folder for the networks' runs; what is there is not trained again.")]


@app.callback()
def main() -> None:
    """Draw the figures of a paper anew, with PNG, CSV, and what became of its claims."""


@app.command()
def information_flow(
    mnist: Data,
    out: Annotated[Path, typer.Option(help="Folder for figures, tables and text.")] = DOCS / "information-flow",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 10,
    samples: Annotated[int, typer.Option(min=128, help="Training images.")] = 60000,
    probe: Annotated[int, typer.Option(min=8, help="Images to measure on.")] = 512,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 2,
) -> None:
    """Yu et al. (2018), "Understanding Convolutional Neural Networks with Information Theory": Fig. 1, 3 and 4."""
    training = Training(epochs=epochs, samples=samples, probe=probe)
    flow_page.write(_images(mnist), work, out, training, seeds)


@app.command()
def information_discarding(
    mnist: Data,
    out: Annotated[Path, typer.Option(help="Folder for figures, tables and text.")] = DOCS / "information-discarding",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 6,
    samples: Annotated[int, typer.Option(min=64, help="Training images.")] = 10000,
    probe: Annotated[int, typer.Option(min=1, help="Images to measure on.")] = 4,
    side: Annotated[int, typer.Option(min=12, help="Pixels of an image's side.")] = 16,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 2,
) -> None:
    """Ma et al. (2019), "Quantifying Layerwise Information Discarding of Neural Networks": Fig. 1, 3, 4 and 5."""
    if side % 4:
        raise typer.BadParameter("must be a multiple of 4, as images are halved twice", param_hint="--side")
    discarding_page.write(_images(mnist), work, out, Sizes(epochs, samples, probe, side), seeds)


@app.command()
def information_ordered_ablation(
    mnist: Data,
    out: Annotated[Path, typer.Option(help="Folder for figures, tables and text.")] = DOCS
    / "information-ordered-ablation",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 20,
    samples: Annotated[int, typer.Option(min=64, help="Training images.")] = 60000,
    probe: Annotated[int, typer.Option(min=16, help="Test images to measure on.")] = 10000,
    repeats: Annotated[int, typer.Option(min=1, help="Random orders.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 3,
) -> None:
    """Geiger (2020), "Understanding Neural Networks with Information Theory": ordered ablation, after Liu et al. (2018)."""
    ablation_page.write(_images(mnist), work, out, AblationSizes(epochs, samples, probe, repeats), seeds)


def _images(mnist: Path) -> Images:
    try:
        return load_mnist(mnist)
    except ImagesNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--mnist") from None


if __name__ == "__main__":
    app()
