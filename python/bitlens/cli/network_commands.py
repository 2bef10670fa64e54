"""The commands that run the recorded network again: `bitlens ablate`, `discard` and `deconvolve`."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bitlens.cli import report
from bitlens.cli.options import Csv, RunPath
from bitlens.cli.render import print_line, write_csv
from bitlens.estimators import EqualWidth, OneBit
from bitlens.measures import layer_ablation, layer_deconvolution, layer_discarding
from bitlens.runs import open_run

if TYPE_CHECKING:
    import xarray as xr


class Score(StrEnum):
    """Quantities that rank neurons."""

    mutual_information = "mutual_information"
    entropy = "entropy"
    selectivity = "selectivity"


class Mode(StrEnum):
    """Outputs of a removed neuron."""

    zero = "zero"
    mean = "mean"


Model = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:NAME",
        help="The recorded network, or a function without arguments that makes it: my_models:mlp. The code of "
        "MODULE runs. It may be a file of the current folder, which is looked for after the installed libraries.",
    ),
]
ForwardName = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:NAME",
        help="The function of the model and a batch that the run was recorded with; the code of MODULE runs. "
        "[default: the model is called]",
    ),
]


def ablate_command(
    run: RunPath,
    model: Model,
    score: Annotated[Score, typer.Option(help="Quantity that ranks the neurons.")] = Score.mutual_information,
    threshold: Annotated[float, typer.Option(help="A neuron is on above this value.")] = 0.0,
    bins: Annotated[
        int | None, typer.Option(min=2, help="Number of equal bins of a neuron's values, instead of a threshold.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="Output of a removed neuron: 0, or its mean.")] = Mode.zero,
    repeats: Annotated[int, typer.Option(min=1, help="Number of random orders.")] = 10,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Number of removals after which to measure, at most. [default: after each]"),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Share of the accuracy that counts as nothing.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the random orders.")] = 0,
    forward: ForwardName = None,
    csv: Csv = None,
) -> None:
    """Remove neurons in the order of their information about the labels, at every epoch with stored weights."""
    from bitlens.cli.models import errors_of_model, load_forward, load_model  # they import PyTorch

    opened, console = open_run(run), Console()
    quantizer = OneBit(threshold) if bins is None else EqualWidth(bins)
    with errors_of_model(model):
        result = layer_ablation(
            opened,
            load_model(model),
            score=score.value,
            quantizer=quantizer,
            mode=mode.value,
            repeats=repeats,
            steps=steps,
            tolerance=tolerance,
            seed=seed,
            forward=load_forward(forward),
        )
    report.print_ablation(result, console)
    _write("layer ablation", result, csv, console)


def discard_command(
    run: RunPath,
    model: Model,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="A layer that is the output of a module; may be repeated. [default: all of them]"),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Number of images, evenly spaced through the probe.")] = 10,
    alpha: Annotated[float, typer.Option(help="Allowed change of the features, in units of delta_f^2.")] = 1.5,
    tau: Annotated[float, typer.Option(help="Variance of the perturbation that defines delta_f^2.")] = 0.01,
    cells: Annotated[
        int | None,
        typer.Option(min=1, help="Side of the grid of units that share one sigma. [default: a sigma for each unit]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    forward: ForwardName = None,
    csv: Csv = None,
) -> None:
    """Measure how much of some images each layer discards (SID), at every epoch with stored weights."""
    from bitlens.cli.models import errors_of_model, load_forward, load_model  # they import PyTorch

    opened, console = open_run(run), Console()
    with errors_of_model(model):
        result = layer_discarding(
            opened,
            load_model(model),
            layers or None,
            samples,
            alpha=alpha,
            tau=tau,
            cells=cells,
            seed=seed,
            forward=load_forward(forward),
        )
    report.print_discarding(result, console)
    _write("layer discarding", result, csv, console)


def deconvolve_command(
    run: RunPath,
    model: Model,
    layer: Annotated[str, typer.Argument(help="The layer whose channels are projected.")],
    samples: Annotated[
        list[int] | None,
        typer.Option("--sample", min=0, help="A sample of the probe; may be repeated. [default: one of each class]"),
    ] = None,
    forward: ForwardName = None,
    csv: Csv = None,
) -> None:
    """Project each channel of a layer onto the input, at every epoch with stored weights."""
    from bitlens.cli.models import errors_of_model, load_forward, load_model  # they import PyTorch

    opened, console = open_run(run), Console()
    with errors_of_model(model):
        result = layer_deconvolution(opened, load_model(model), layer, samples or None, forward=load_forward(forward))
    channels, images, epochs = (_count(result.sizes[name], name) for name in ("channel", "sample", "epoch"))
    print_line(console, f"Projected {channels} of layer {layer} for {images} at {epochs}.")
    print_line(console, f"Look at them with: bitlens explore {shlex.quote(str(run))}")
    _write("layer deconvolution", result, csv, console)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _write(name: str, result: xr.Dataset, csv: Path | None, console: Console) -> None:
    for path in () if csv is None else write_csv({name: result}, csv):
        print_line(console, f"Wrote {path}")
