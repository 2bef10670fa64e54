"""What the commands print: tables with their captions, the progress of a computation, and calls that can be copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bitlens.cli.render import Column, render
from bitlens.measures import (
    MEASURES,
    channel_entropies,
    information_plane,
    layer_diversity,
    layer_pair_information,
    training_performance,
)
from bitlens.measures.registry import planned
from bitlens.runs import Run
from bitlens.tables import gap_bounds, layer_summary, removal_means, role_counts, training_summary

_COUNT = ".0f"


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar with the total and the remaining time on a terminal; a line for each finished tenth elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("measure", total=None)

        def advance(title: str, done: int, total: int) -> None:
            bar.update(task, description=title, completed=done, total=total)
            if not console.is_terminal and done * 10 // total != (done - 1) * 10 // total:
                console.print(f"{done} of {total} results: {title}", soft_wrap=True, markup=False, highlight=False)

        yield advance


def print_summary(run: Run, console: Console, **parameters: Any) -> None:
    """The training by epoch, and the layers at the last epoch; all results are stored already."""
    if run.labels is not None and training_performance.answers(run):
        console.print(_training_table(run))
    console.print(_layers_table(run, parameters))


def print_calls(
    run: Run, names: Sequence[str], published: str | None, parameters: dict[str, Any], console: Console
) -> None:
    """The Python calls that give the results of some measures."""
    console.print(f"The results are stored in {run.path}. These lines of Python read them:", soft_wrap=True)
    lines = ["import bitlens", f"run = bitlens.open_run({str(run.path)!r})"]
    lines += [
        f"print({measure.call_text(target, settings)})"
        for measure, target, settings in planned(run, names, published, parameters)
    ]
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def print_ablation(ablation: xr.Dataset, console: Console) -> None:
    """The roles of neurons, and the accuracy while they are removed, at the last epoch."""
    epoch = int(ablation.epoch[-1])
    headings = {"sufficient": "suffice", "decisive": "decide"}
    roles = ("needed", "redundant", "synergistic", "inactive", "sufficient", "decisive")
    console.print(
        render(
            role_counts(ablation.sel(epoch=epoch)),
            {"scope": ("layer", str), **{name: (headings.get(name, name), _COUNT) for name in roles}},
            f"Neurons at epoch {epoch}, by cumulative ablation",
            "suffice: this number of neurons with the highest scores performs as well as all. decide: without this "
            "number the rest performs no better than none. needed: up to both. redundant: beyond suffice, not decide. "
            "synergistic: beyond decide, not suffice. inactive: beyond both. Within "
            f"{ablation.attrs['tolerance']:g} of the accuracy that can be lost.",
        )
    )
    means = removal_means(ablation, epoch)
    means["chance"] = [f"{mean:.3f} ± {std:.3f}" for mean, std in zip(means.random, means.random_std, strict=True)]
    columns: dict[str, Column] = {
        "scope": ("layer", str),
        "ascending": ("lowest score first", ".3f"),
        "descending": ("highest first", ".3f"),
        "chance": ("random", str),
    }
    caption = "Random: mean ± standard deviation of the orders."
    console.print(render(means, columns, "Accuracy, mean over all removals", caption))


def print_bounds(run: Run, samples: int, delta: float, bins: int, console: Console) -> None:
    """The bounds of the generalization gap from each layer, at the last epoch."""
    epoch = run.epochs[-1]
    plane = information_plane(run, estimator="binning", bins=bins, epochs=[epoch])
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "information": ("I(X; L)", ".2f"),
        "input_compression": ("input compression", ".3f"),
        "information_bottleneck": ("information bottleneck, x", ".3f"),
    }
    caption = (
        f"I(X; L): of {bins} bins, in bits, at most {np.log2(run.manifest.samples):.2f} with this probe even if "
        "the information about all inputs is larger. A bound of 1 or more is empty. x: times a constant that the "
        "theorem does not give."
    )
    title = f"Bounds of the generalization gap at epoch {epoch}, for a loss from 0 to 1"
    console.print(render(gap_bounds(plane, epoch, samples, delta), columns, title, caption))


def print_info(run: Run, console: Console) -> None:
    """What was recorded, and what has been measured."""
    manifest, epochs = run.manifest, run.epochs
    span = f"{len(epochs)}: {epochs[0]} to {epochs[-1]}" if epochs else "none yet"
    stored = [name for name in run.results.measures() if name not in MEASURES or MEASURES[name].known(run)]
    table = Table(title=str(run.path), show_header=False)
    rows = {
        "model": manifest.model,
        "layers": ", ".join(layer.name for layer in manifest.layers),
        "epochs": span,
        "samples": str(manifest.samples),
        "classes": ", ".join(manifest.classes) or "not known",
        "stored as": manifest.dtype + (", with gradients" if manifest.gradients else ""),
        "measures": ", ".join(stored) or "none yet",
        "ignored": "\n".join(sentence for measure in MEASURES.values() for sentence in measure.ignored(run)),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    console.print(table)


def _training_table(run: Run) -> Table:
    columns: dict[str, Column] = {
        "epoch": ("epoch", _COUNT),
        "accuracy": ("accuracy", ".3f"),
        "loss": ("loss [bits]", ".3f"),
        "label_given_predicted": ("H(label | predicted)", ".3f"),
        "predicted_given_label": ("H(predicted | label)", ".3f"),
    }
    caption = "Entropies: mean over classes that were predicted, in bits."
    return render(training_summary(training_performance(run)), columns, "Training, on the probe", caption)


def _layers_table(run: Run, parameters: dict[str, Any]) -> Table:
    epoch = run.epochs[-1]
    names = [layer.name for layer in run.layers]

    def of(measure: Any) -> dict[str, Any]:
        fields = {field.name for field in measure.Parameters.fields()}
        return {name: value for name, value in parameters.items() if name in fields}

    diversity = layer_diversity(run, epochs=[epoch], **of(layer_diversity))
    entropies = {name: channel_entropies(run, name, epochs=[epoch], **of(channel_entropies)) for name in names}
    pairs = {
        pair: layer_pair_information(run, *pair, epochs=[epoch], **of(layer_pair_information))
        for pair in pairwise(names)
    }
    table = layer_summary(run.layers, epoch, diversity, entropies, pairs)
    spreads = zip(table.excess, table.null_std, strict=True)
    table["information"] = ["" if np.isnan(excess) else f"{excess:.3f} ± {std:.3f}" for excess, std in spreads]
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "kind": ("kind", str),
        "shape": ("shape", str),
        "inter_sample_entropy": ("inter", ".2f"),
        "intra_sample_entropy": ("intra", ".2f"),
        "dead": ("dead", _COUNT),
        "information": ("excess", str),
    }
    bound = float(diversity.bound.max())
    shown = {**entropies[names[0]].attrs, **(pairs[names[0], names[1]].attrs if len(names) > 1 else {})}
    caption = (
        f"inter: inter-sample entropy, k = {diversity.attrs['k']}, at most {bound:.2f}. intra: intra-sample entropy, "
        f"mean over channels, {entropies[names[0]].attrs['bins']} bins; single values have none. dead: channels whose "
        f"values are all equal. excess: mutual information with the layer before, minus the mean of "
        f"{shown.get('permutations')} permutations, mean over channel pairs, {shown['bins']} bins, "
        f"{shown.get('samples')} samples; ± is the standard deviation of the baseline for one pair."
    )
    return render(table, columns, f"Layers at epoch {epoch}, in bits", caption)
