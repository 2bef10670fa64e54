"""Reproduces the figures of the source papers: `make figures`, or `PYTHONPATH=apps python -m paper_figures PAPER`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bitlens.data.images import Images, ImagesNotFoundError, load_mnist
from paper_figures.cnnslicer import page as cnnslicer_page
from paper_figures.cnnslicer.networks import Settings as CNNSlicerSettings
from paper_figures.common.cache import Cache
from paper_figures.information_discarding import figures as discarding
from paper_figures.information_discarding.measuring import FIGURES as DISCARDING_FIGURES
from paper_figures.information_discarding.study import Settings as DiscardingSettings
from paper_figures.information_discarding.study import Study as DiscardingStudy
from paper_figures.information_flow import figures as flow
from paper_figures.information_flow.measuring import FIGURES as FLOW_FIGURES
from paper_figures.information_flow.networks import Settings as FlowSettings
from paper_figures.ordered_ablation import page as ablation
from paper_figures.ordered_ablation.networks import Settings as AblationSettings
from paper_figures.ordered_ablation.networks import Study as AblationStudy

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
DOCS = Path(__file__).parents[2] / "docs" / "paper-figures"

Data = Annotated[
    Path, typer.Option(envvar="BITLENS_DATA", help="MNIST: an npz file, a folder of IDX files, or torchvision's root.")
]
Out = Annotated[Path, typer.Option(help="Folder for figures, tables and text.")]
Work = Annotated[
    Path, typer.Option(help="Cache folder: trained networks and measurements, which are not computed again.")
]


Figures = Annotated[
    list[str] | None,
    typer.Option(
        "--figure", help="Figure to measure again, such as figure-3; the others stay as they are. Repeatable."
    ),
]


@app.callback()
def main() -> None:
    """Reproduce the figures of a paper as PNG and CSV, and judge its claims."""


@app.command()
def information_flow(
    mnist: Data,
    out: Out = DOCS / "information-flow",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 10,
    samples: Annotated[int, typer.Option(min=128, help="Training images.")] = 60000,
    probe: Annotated[int, typer.Option(min=8, help="Images to measure on.")] = 512,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 3,
    figure: Figures = None,
) -> None:
    """Yu et al. (2018), "Understanding Convolutional Neural Networks with Information Theory": Fig. 1, 3 and 4."""
    images = _images(mnist)
    settings = FlowSettings(epochs, min(samples, len(images.train_labels)), probe, seeds)
    flow.write(images, Cache(work), out, settings, _chosen(figure, FLOW_FIGURES))


@app.command()
def information_discarding(
    mnist: Data,
    out: Out = DOCS / "information-discarding",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 6,
    samples: Annotated[int, typer.Option(min=64, help="Training images.")] = 10000,
    probe: Annotated[int, typer.Option(min=1, help="Images to measure on.")] = 4,
    side: Annotated[int, typer.Option(min=12, help="Pixels of an image's side.")] = 16,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 3,
    draws: Annotated[int, typer.Option(min=2, help="Noise samples per step; at least as many as pixels.")] = 256,
    figure: Figures = None,
) -> None:
    """Ma et al. (2019), "Quantifying Layerwise Information Discarding of Neural Networks": Fig. 1, 3, 4 and 5."""
    if side % 4:
        raise typer.BadParameter(
            f"expected a multiple of 4, because images are halved twice, got {side}", param_hint="--side"
        )
    images = _images(mnist)
    settings = DiscardingSettings(epochs, min(samples, len(images.train_labels)), probe, side, seeds, draws=draws)
    discarding.write(DiscardingStudy(images, Cache(work), settings), out, _chosen(figure, DISCARDING_FIGURES))


@app.command()
def information_ordered_ablation(
    mnist: Data,
    out: Out = DOCS / "information-ordered-ablation",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 20,
    samples: Annotated[int, typer.Option(min=64, help="Training images.")] = 60000,
    probe: Annotated[int, typer.Option(min=16, help="Test images to measure on.")] = 10000,
    repeats: Annotated[int, typer.Option(min=1, help="Random orders.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 3,
) -> None:
    """Geiger (2020), "Understanding Neural Networks with Information Theory": ordered ablation."""
    images = _images(mnist)
    sizes = min(samples, len(images.train_labels)), min(probe, len(images.test_labels))
    settings = AblationSettings(epochs, *sizes, repeats, seeds)
    ablation.write(AblationStudy(images, Cache(work), settings), out)


@app.command()
def cnnslicer(
    mnist: Data,
    out: Out = DOCS / "cnnslicer",
    work: Work = Path("paper-runs"),
    epochs: Annotated[int, typer.Option(min=3, help="Epochs to train.")] = 12,
    samples: Annotated[int, typer.Option(min=20, help="Training images of the largest of four sets.")] = 20000,
    probe: Annotated[int, typer.Option(min=20, help="Test images to measure on.")] = 500,
    seeds: Annotated[int, typer.Option(min=1, help="Networks of each kind.")] = 3,
) -> None:
    """Shen and Shen (2021), "An Information-theoretic Visual Analysis Framework for CNNs" (CNNSlicer): Fig. 4 to 13."""
    images = _images(mnist)
    most = max(1, samples // 10)
    sizes = tuple(dict.fromkeys(max(1, most // part) for part in (20, 4, 2, 1)))
    settings = CNNSlicerSettings(epochs, sizes, sizes[-2] if len(sizes) > 1 else most, probe, seeds)
    cnnslicer_page.write(images, Cache(work), out, settings)


def _chosen(figures: list[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(figures or ()) - set(known))
    if unknown:
        raise typer.BadParameter(f"expected one of {', '.join(known)}, got {unknown[0]}", param_hint="--figure")
    return tuple(name for name in known if not figures or name in figures)


def _images(mnist: Path) -> Images:
    try:
        return load_mnist(mnist)
    except ImagesNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--mnist") from None


if __name__ == "__main__":
    app()
