"""The commands: their options, and what an error or an interruption looks like."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from bitlens.cli import tables
from bitlens.estimators import EqualWidth, OneBit
from bitlens.measures import MEASURES, layer_ablation, measure
from bitlens.runs import Run, RunError, open_run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure, in bits, what the layers and channels of a recorded neural network carry.",
)

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a recorded run.")]
Neighbors = Annotated[int, typer.Option("--k", help="Neighbours of the inter-sample entropies.")]
Bins = Annotated[int, typer.Option(help="Bins of values and of distances, 2 to 256.")]
Permutations = Annotated[int, typer.Option(help="Shuffles of the permutation null.")]
Samples = Annotated[int, typer.Option(help="Samples of the probe that layer information is measured on.")]
Seed = Annotated[int, typer.Option(help="Seed of the shuffles and mini-batches.")]


class Estimator(StrEnum):
    """How the information plane is estimated."""

    renyi = "renyi"
    binning = "binning"
    kde = "kde"


class Preset(StrEnum):
    """Whose settings matrix-based information has."""

    paper = "paper"
    repitl = "repitl"
    tensor_kernel = "tensor-kernel"


class Score(StrEnum):
    """What neurons are ranked by."""

    mutual_information = "mutual_information"
    entropy = "entropy"
    selectivity = "selectivity"


class Mode(StrEnum):
    """What a neuron gives that is turned off."""

    zero = "zero"
    mean = "mean"


class Data(StrEnum):
    """Images that the demo knows."""

    digits = "digits"
    mnist = "mnist"


@app.command()
def demo(
    data: Annotated[Data, typer.Option(help="scikit-learn's digits, which need no download, or MNIST.")] = Data.digits,
    root: Annotated[
        Path | None, typer.Option(help="MNIST: an npz file, a folder of IDX files, or torchvision's root.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to train.")] = 10,
    out: Annotated[Path, typer.Option(help="Folder for the run; must not exist yet.")] = Path("demo-run"),
    explore: Annotated[
        bool | None,
        typer.Option("--explore/--no-explore", help="Open the explorer at the end. [default: on a terminal]"),
    ] = None,
) -> None:
    """Train a LeNet on real images, record it, measure it, and print what it carries."""
    from bitlens.cli.demo import train_and_record  # PyTorch, which the other commands do without
    from bitlens.data.images import load_digits, load_mnist

    console = Console()
    if out.exists():
        raise RunError(
            f"{out} exists already: remove it, choose another --out, or look at it with: bitlens explore {out}"
        )
    images = load_digits() if data is Data.digits else load_mnist(root)
    train_and_record(images, out, epochs, console)
    run = open_run(out)
    measure(run)
    _print_tables(run, console)
    console.print(f"\nThe run is in {out}. Look at it with: bitlens explore {out}")
    if explore or (explore is None and sys.stdin.isatty() and sys.stdout.isatty()):
        _explore(out)


@app.command("measure")
def measure_command(
    run: RunPath,
    name: Annotated[
        list[str] | None,
        typer.Option("--measure", help=f"One of {', '.join(MEASURES)}; may be repeated. All, if left out."),
    ] = None,
    k: Neighbors = 15,
    bins: Bins = 32,
    permutations: Permutations = 20,
    samples: Samples = 256,
    seed: Seed = 0,
    estimator: Annotated[Estimator, typer.Option(help="Of the information plane.")] = Estimator.renyi,
    preset: Annotated[
        Preset | None, typer.Option(help="Settings of others for matrix-based information, in place of our own.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Folder for the results as CSV files.")] = None,
) -> None:
    """Measure a run over all its epochs; results are kept in the run, and what is there is not computed again."""
    opened = open_run(run)
    names = [entry.replace("-", "_") for entry in name or ()]
    console = Console()
    settings: dict[str, Any] = {
        "k": k, "bins": bins, "permutations": permutations, "samples": samples, "seed": seed,
    }  # fmt: skip
    flow: dict[str, Any] = {"estimator": estimator.value, "preset": preset and preset.value}
    found = measure(opened, names or None, **settings, **flow, report=console.print if names else lambda _: None)
    if names:
        console.print(
            f"The results are in {run / 'results'}. Read them with bitlens.{names[0]}(bitlens.open_run(...))."
        )
    else:
        _print_tables(opened, console, **settings)
    if csv is not None:
        for path in tables.write_csv(found, csv):
            console.print(f"Wrote {path}")


@app.command()
def ablate(
    run: RunPath,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:NAME",
            help="The network that was recorded, or what makes it without arguments: my_models:mlp.",
        ),
    ],
    score: Annotated[Score, typer.Option(help="What neurons are ranked by.")] = Score.mutual_information,
    threshold: Annotated[float, typer.Option(help="Above it a neuron is on.")] = 0.0,
    bins: Annotated[
        int | None, typer.Option(min=2, help="So many equal bins of a neuron's values, in place of a threshold.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="What a neuron gives that is turned off: 0, or its mean.")] = Mode.zero,
    repeats: Annotated[int, typer.Option(min=1, help="Random orders.")] = 10,
    steps: Annotated[
        int | None, typer.Option(min=1, help="After how many removals to measure. [default: after each]")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Share of the accuracy that counts as nothing.")] = 0.05,
    seed: Seed = 0,
    csv: Annotated[Path | None, typer.Option(help="Folder for the results as CSV files.")] = None,
) -> None:
    """Turn neurons off in the order of what they say of the labels, on the probe, at every epoch with weights."""
    from bitlens.cli.models import load_model  # PyTorch, which the other commands do without

    opened = open_run(run)
    quantizer = OneBit(threshold) if bins is None else EqualWidth(bins)
    found = layer_ablation(
        opened, load_model(model), score=score.value, quantizer=quantizer, mode=mode.value, repeats=repeats, steps=steps,
        tolerance=tolerance, seed=seed,
    )  # fmt: skip
    console = Console()
    console.print(tables.roles_table(found))
    console.print(tables.removals_table(found))
    if csv is not None:
        for path in tables.write_csv({"layer ablation": found}, csv):
            console.print(f"Wrote {path}")


@app.command()
def bounds(
    run: RunPath,
    samples: Annotated[int, typer.Option(min=2, help="Samples that the network was trained on.")],
    delta: Annotated[float, typer.Option(help="How often a bound that holds with high probability may fail.")] = 0.05,
    bins: Annotated[int, typer.Option(min=2, help="Bins of a layer's values.")] = 30,
) -> None:
    """Bound the generalization gap by the information of each layer, binned, at the last epoch."""
    opened = open_run(run)
    Console().print(tables.bounds_table(opened, samples, delta, bins))


@app.command()
def info(run: RunPath) -> None:
    """Say what a run holds."""
    Console().print(tables.info_table(open_run(run)))


@app.command("explore")
def explore_command(
    run: RunPath,
    root: Annotated[
        Path | None, typer.Option(help="Folder that runs may be opened from. [default: the run's own parent]")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
) -> None:
    """Look at a run in a browser, also while it is being written."""
    open_run(run)  # a run that cannot be read is said here rather than in the browser
    _explore(run, root, port)


def _print_tables(
    run: Run, console: Console, k: int = 15, bins: int = 32, permutations: int = 20, samples: int = 256, seed: int = 0
) -> None:
    if run.labels is not None:
        console.print(tables.epochs_table(run))
    console.print(tables.layers_table(run, k=k, bins=bins, permutations=permutations, samples=samples, seed=seed))


def _explore(run: Path, root: Path | None = None, port: int = 0) -> NoReturn:
    try:
        from bitlens_explorer.launch import launch
    except ModuleNotFoundError as error:
        raise RunError(f"the explorer needs {error.name}: pip install 'bitlens[explorer]'") from None
    launch(run, root, port)


def main() -> None:
    """Run a command; an error of the user's is said in words, with exit code 1 (2 for wrong options)."""
    try:
        app()
    except (ValueError, TypeError, ModuleNotFoundError) as error:
        Console(stderr=True, soft_wrap=True).print(f"bitlens: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(1) from None
