"""Draws the figures of the source papers anew: `make figures`, or `PYTHONPATH=apps python -m paper_figures PAPER`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bitlens.cli.images import ImagesNotFoundError, load_mnist
from paper_figures.information_flow.networks import Training
from paper_figures.information_flow.page import write

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
    try:
        images = load_mnist(mnist)
    except ImagesNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--mnist") from None
    write(images, work, out, training, seeds)


if __name__ == "__main__":
    app()
