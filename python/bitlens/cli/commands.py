"""The commands: their options, and how an error or an interruption is reported."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from bitlens.cli import report
from bitlens.cli.array_files import INPUT, LABELS, NO_LAYERS, read_epochs, token_arrays, whole_arrays
from bitlens.cli.measure import measure_command, shown_progress
from bitlens.cli.network_commands import ablate_command, deconvolve_command, discard_command
from bitlens.cli.options import RunPath
from bitlens.cli.render import print_line
from bitlens.cli.several_runs import compare_command, report_command
from bitlens.measures import measure
from bitlens.runs import RunError, open_run, record_arrays
from bitlens.runs.result_export import export_netcdf
from bitlens.runtime import build_info

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


class Data(StrEnum):
    """Images that the demo can train on."""

    digits = "digits"
    mnist = "mnist"


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print_line(Console(), f"bitlens {build_info()['version']}")
        raise typer.Exit


@app.callback(epilog="Example: bitlens demo, then bitlens measure demo-run")
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Estimate, in bits, how much information each layer and channel of a recorded neural network carries."""


@app.command(epilog="Example: bitlens demo --epochs 3 --out my-demo")
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
    """Train a LeNet on real images, record it, measure it, and print what its layers contain."""
    from bitlens.cli.demo import train_and_record  # imports PyTorch, which the other commands do not need
    from bitlens.data.images import load_digits, load_mnist

    console = Console()
    if out.exists():
        raise RunError(
            f"{out} exists already: remove it, choose another --out, or look at it with: {_explore_hint(out)}"
        )
    images = load_digits() if data is Data.digits else load_mnist(root)
    train_and_record(images, out, epochs, console)
    run = open_run(out)
    with shown_progress() as shown:
        measure(run, progress=shown.progress, finished=shown.finished)
    report.print_summary(run, console)
    print_line(console, f"\nThe run is in {out}. Look at it with: {_explore_hint(out)}")
    if explore or (explore is None and sys.stdin.isatty() and sys.stdout.isatty()):
        _explore(out)


_EXAMPLE = "Example: bitlens measure demo-run --measure channel_entropies --bins 16"
app.command("measure", epilog=_EXAMPLE)(measure_command)
app.command("compare", epilog="Example: bitlens compare run-a run-b")(compare_command)
app.command("report", epilog="Example: bitlens report demo-run --out report.html")(report_command)
app.command("ablate", epilog="Example: bitlens ablate demo-run my_models:mlp --steps 20")(ablate_command)
app.command("discard", epilog="Example: bitlens discard demo-run my_models:make --layer conv1")(discard_command)
app.command("deconvolve", epilog="Example: bitlens deconvolve demo-run my_models:make conv1")(deconvolve_command)


@app.command(epilog="Example: bitlens bounds demo-run --samples 1438")
def bounds(
    run: RunPath,
    samples: Annotated[int, typer.Option(min=2, help="Number of samples that the network was trained on.")],
    delta: Annotated[float, typer.Option(help="Probability that a bound may fail.")] = 0.05,
    bins: Annotated[int, typer.Option(min=2, help="Number of bins of a layer's values.")] = 30,
) -> None:
    """Bound the generalization gap by the binned information of each layer at the last epoch."""
    report.print_bounds(open_run(run), samples, delta, bins, Console())


@app.command(epilog="Example: bitlens info demo-run")
def info(run: RunPath) -> None:
    """Print what a run contains."""
    report.print_info(open_run(run), Console())


@app.command(epilog="Example: bitlens export demo-run --netcdf")
def export(
    run: RunPath,
    netcdf: Annotated[
        bool, typer.Option("--netcdf", help="Write one netCDF file for each set of results; there is no other format.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files.", show_default="RUN-netcdf in the current folder")
    ] = None,
) -> None:
    """Write all results of a run as files that other programs can open."""
    if not netcdf:
        raise RunError("--netcdf: expected a format of the files, got none; add --netcdf")
    opened, console = open_run(run), Console()
    files = export_netcdf(opened, out or Path(f"{opened.path.name or Path.cwd().name}-netcdf"))
    for path in files:
        print_line(console, f"Wrote {path}")
    if not files:
        print_line(console, f"The run has no results. Compute them with: bitlens measure {shlex.quote(str(run))}")


@app.command("import", epilog="Example: bitlens import hidden-states.npz my-run --tokens-as-samples")
def import_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER_OR_FILE",
            help="Stored arrays [sample, ...] as npz or safetensors files or zarr groups: one for each epoch, with the "
            "epoch in the name, such as epoch_12.npz. Every array is a layer, except 'input', 'labels', and 'prompts', "
            "'texts' and 'attention_mask' of tokens.",
        ),
    ],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder for the run; epochs are added to a run.")],
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="An array to import; may be repeated, in the order of the layers. [default: all]"),
    ] = None,
    channel_axis: Annotated[
        int, typer.Option(help="Axis of the channels of all arrays; -1 for channels-last arrays and hidden states.")
    ] = 1,
    model: Annotated[str, typer.Option(help="Name of the network.")] = "arrays",
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens-as-samples",
            help="The arrays are hidden states [prompt, token, D], or one array hidden_states [layer, prompt, token, "
            "D]. Every token that attention_mask does not mark as padding becomes a sample.",
        ),
    ] = False,
) -> None:
    """Make a run of arrays that another program has stored, such as hidden states of a language model."""
    console = Console()
    for epoch, arrays in read_epochs(source):
        given = {name: arrays.pop(name, None) for name in NO_LAYERS}
        chosen, prompts, texts = token_arrays(arrays, given) if tokens else whole_arrays(arrays, given)
        if missing := [name for name in layers or () if name not in chosen]:
            raise RunError(f"--layer: no array {missing[0]!r} at epoch {epoch} in {source}; it has {list(chosen)}")
        chosen = {name: chosen[name] for name in layers or chosen}
        record_arrays(
            run,
            epoch,
            chosen,
            inputs=given[INPUT],
            labels=given[LABELS],
            model=model,
            channel_axis=channel_axis,
            prompts=prompts,
            texts=texts,
        )
        shapes = ", ".join(f"{name} {array.shape}" for name, array in chosen.items())
        print_line(console, f"Imported epoch {epoch}: {shapes}")
    print_line(console, f"The run is in {run}. Measure it with: bitlens measure {shlex.quote(str(run))}")


@app.command("explore", epilog="Example: bitlens explore demo-run")
def explore_command(
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a recorded run, which may appear later. [default: ask for it]")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder that runs may be opened from. [default: the run's own parent, or this folder]"),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Look at runs in a browser, also while they are being written."""
    if run is not None and run.exists():
        open_run(run)  # a run that cannot be read is reported here rather than in the browser
    elif run is not None:
        if not run.resolve().parent.is_dir():
            raise RunError(f"{run}: there is no folder {run.resolve().parent} for a run to appear in")
        print_line(
            Console(stderr=True), f"{run} does not exist yet. The explorer shows it as soon as a recording begins."
        )
    if root is not None and not root.is_dir():
        raise RunError(f"--root: there is no folder {root}")
    _explore(run, root, port, browser)


def _explore(run: Path | None, root: Path | None = None, port: int = 0, browser: bool = True) -> NoReturn:
    try:
        from bitlens_explorer.launch import launch
    except ModuleNotFoundError as error:
        raise RunError(f"the explorer needs {error.name}: pip install 'bitlens[explorer]'") from None
    launch(run, root, port, browser)


def _explore_hint(run: Path) -> str:
    return f"bitlens explore {shlex.quote(str(run))}"
