"""What the commands print: tables with their captions, and calls that can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bitlens.cli.prompts import prompts_table
from bitlens.cli.render import Column, FittedTable, render
from bitlens.estimators.intervals import LEAST_SAMPLES
from bitlens.estimators.neighbors.diversity import entropy_bound
from bitlens.measures import (
    MEASURES,
    Measure,
    Target,
    channel_entropies,
    information_plane,
    layer_diversity,
    layer_pair_information,
    prompt_entropy,
    training_performance,
)
from bitlens.measures.registry import planned
from bitlens.runs import Run, RunError
from bitlens.tables import (
    discarding_by_layer,
    estimate,
    gap_bounds,
    layer_axes,
    layer_summary,
    no_error,
    removal_means,
    role_counts,
    training_summary,
)

_COUNT = ".0f"
_NO_ERROR = (
    f"unknown: no error is given, because errors take {LEAST_SAMPLES} samples or were turned off (--no-intervals)."
)


def print_summary(run: Run, console: Console, **parameters: Any) -> None:
    """The training by epoch, and the layers at the last epoch, from the results that are stored."""
    performance = _stored(training_performance, run, (), None, parameters)
    if performance is not None:
        console.print(_training_table(performance))
    if run.epochs:
        console.print(_layers_table(run, parameters))
        entropies = _stored(prompt_entropy, run, (), run.epochs[-1:], parameters)
        if entropies is not None:
            console.print(prompts_table(entropies, _own(prompt_entropy, parameters)))


def print_calls(
    run: Run,
    names: Sequence[str],
    published: str | None,
    parameters: dict[str, Any],
    skip: Sequence[str],
    console: Console,
) -> None:
    """The Python calls that give the results of some measures."""
    console.print(f"The results are stored in {run.path}. These lines of Python read them:", soft_wrap=True)
    lines = ["import bitlens", f"run = bitlens.open_run({str(run.path)!r})"]
    lines += [
        f"print({measure.call_text(target, settings)})"
        for measure, target, settings in planned(run, names, published, parameters, skip=skip)
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
    caption = f"Random: mean ± standard deviation of the orders. {no_error(means)}"
    console.print(render(means, columns, "Accuracy, mean over all removals", caption))


def print_discarding(discarding: xr.Dataset, console: Console) -> None:
    """What each layer discards of a pixel, and how exact the search was, at the last epoch."""
    epoch = int(discarding.epoch[-1])
    at_epoch = discarding.sel(epoch=epoch)
    table = discarding_by_layer(at_epoch)
    for name in ("shortfall", "limited"):
        table[name] = at_epoch[name].mean("sample").values
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "mean": ("SID of a unit", ".3f"),
        "std": ("std over images", ".3f"),
        "images": ("images", _COUNT),
        "not_converged": ("not converged", _COUNT),
        "shortfall": ("below maximum by at most", ".3f"),
        "limited": ("at a limit", ".1%"),
    }
    caption = (
        "SID: entropy, in bits, of the noise of a unit of the input that changes the features of the layer by no more "
        "than is allowed; larger where the layer discards more. std: standard deviation. not converged: images whose "
        "search did not converge. at a limit: share of units whose noise is the least or the most that is allowed. "
        f"Means over images. {no_error(discarding)}"
    )
    console.print(render(table, columns, f"Information that layers discard at epoch {epoch}", caption))


def print_bounds(run: Run, samples: int, delta: float, bins: int, console: Console) -> None:
    """The bounds of the generalization gap from each layer, at the last epoch."""
    epoch = run.epochs[-1]
    plane = information_plane(run, estimator="binning", bins=bins, epochs=[epoch])
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "information": ("I(X; L)", ".2f"),
        "input_compression": ("input compression", ".3f"),
        "information_bottleneck": ("information bottleneck, x", ".3f"),
        "verdict": ("verdict", str),
    }
    caption = (
        f"I(X; L): of {bins} bins, in bits, at most {np.log2(run.manifest.samples):.2f} with this probe even if "
        "the information about all inputs is larger. A bound of 1 or more is empty. x: times a constant that the "
        "theorem does not give. verdict: in a layer where all samples differ, I(X; L) is that of the input."
    )
    title = f"Bounds of the generalization gap at epoch {epoch}, for a loss from 0 to 1"
    console.print(render(gap_bounds(plane, epoch, samples, delta), columns, title, caption))


def print_info(run: Run, console: Console) -> None:
    """What was recorded, what has been measured, and the axes of every layer."""
    manifest, epochs = run.manifest, run.epochs
    span = f"{len(epochs)}: {epochs[0]} to {epochs[-1]}" if epochs else "none yet"
    stored = [name for name in run.results.measures() if name not in MEASURES or MEASURES[name].known(run)]
    table = Table(title=Text(str(run.path), overflow="fold"), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    rows = {
        "model": manifest.model,
        "layers": str(len(manifest.layers)),
        "epochs": span,
        "samples": str(manifest.samples),
        "inputs": _inputs(run),
        "run by": manifest.forward,
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
    console.print(_axes_table(run))


def _inputs(run: Run) -> str:
    """What is stored of the inputs, where that is not one tensor."""
    if not run.has_inputs:
        return "not stored"
    if run.manifest.input_kind == "tokens":
        return "of the tokens that are samples"
    return ", ".join(run.input_names) if len(run.input_names) > 1 else ""


def _stored(
    measure: Measure[Any], run: Run, target: Target, epochs: Sequence[int] | None, parameters: dict[str, Any]
) -> xr.Dataset | None:
    """The stored results of a measure; None where there are none, also because the run cannot answer it."""
    try:
        return measure.stored(run, *target, epochs=epochs, **vars(_own(measure, parameters)))
    except RunError:
        return None


def _own(measure: Measure[Any], parameters: dict[str, Any]) -> Any:
    """The parameters that a measure has."""
    fields = {field.name for field in measure.Parameters.fields()}
    return measure.Parameters(**{name: value for name, value in parameters.items() if name in fields})


def _axes_table(run: Run) -> FittedTable:
    table = layer_axes(run.layers)
    table["samples"] = [
        str(axis) if folded == 1 else f"{axis}, {folded} positions each"
        for axis, folded in zip(table.sample_axis, table.folded, strict=True)
    ]
    for name in ("position_axes", "decided"):
        table[name] = table[name].replace("", None)
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "kind": ("kind", str),
        "shape": ("shape", str),
        "samples": ("samples", str),
        "channel_axis": ("channels", _COUNT),
        "position_axes": ("positions", str),
        "decided": ("how the axis of the channels was found", str),
    }
    caption = (
        "shape: of one sample in the run, channels first. samples, channels, positions: the axes of the tensor in the "
        "model, where axis 0 is the first. If the axis of the samples holds several positions for each sample, the run "
        "has them as the axis after the channels. If the axis of the channels is wrong, record with "
        "channel_axis={layer: axis}."
    )
    return render(table, columns, "Layers and their axes", caption)


def _training_table(performance: xr.Dataset) -> FittedTable:
    columns: dict[str, Column] = {
        "epoch": ("epoch", _COUNT),
        "accuracy": ("accuracy", ".3f"),
        "loss": ("loss [bits]", ".3f"),
        "label_given_predicted": ("H(label | predicted)", ".3f"),
        "predicted_given_label": ("H(predicted | label)", ".3f"),
    }
    caption = "Entropies: mean over classes that were predicted, in bits."
    return render(training_summary(performance), columns, "Training, on the probe", caption)


def _layers_table(run: Run, parameters: dict[str, Any]) -> FittedTable:
    epoch = run.epochs[-1]
    names = [layer.name for layer in run.layers]

    def stored(measure: Measure[Any], *target: str) -> xr.Dataset | None:
        return _stored(measure, run, target, [epoch], parameters)

    entropies = {name: stored(channel_entropies, name) for name in names}
    pairs = {(a, b): stored(layer_pair_information, a, b) for a, b in pairwise(names)}
    table = layer_summary(run.layers, epoch, stored(layer_diversity), entropies, pairs)
    rows = zip(table.excess, table.standard_error, table.verdict, strict=True)
    table["information"] = ["" if np.isnan(excess) else estimate(excess, *others) for excess, *others in rows]
    columns: dict[str, Column] = {
        "layer": ("layer", str),
        "kind": ("kind", str),
        "shape": ("shape", str),
        "inter_sample_entropy": ("inter", ".2f"),
        "diversity": ("diversity", ".3f"),
        "intra_sample_entropy": ("intra", ".2f"),
        "dead": ("dead", _COUNT),
        "information": ("excess", str),
    }
    k, bins = _own(layer_diversity, parameters).k, _own(channel_entropies, parameters).bins
    of_pairs = _own(layer_pair_information, parameters)
    n = run.manifest.samples
    bound = entropy_bound(n, min(k, n - 1)) if n > 1 else 0.0
    caption = (
        f"inter: inter-sample entropy, k = {k}, up to {bound:.2f}; it is also large where samples coincide. diversity: "
        "normalised form, 0 for a dead layer and 1 for white noise. intra: intra-sample entropy, mean over channels, "
        f"{bins} bins; single values have none. dead: channels whose values are all equal. excess: mutual information "
        f"with the layer before, minus the mean of {of_pairs.permutations} permutations, mean over pairs of channels "
        f"that are not dead, {of_pairs.bins} bins, {min(of_pairs.samples, n)} samples; ± is its standard error. "
        "at least: the baseline is large, so that the excess is too small. at most ... (chance): not above chance."
    )
    if (table.excess.notna() & table.standard_error.isna()).any():
        caption += f" {_NO_ERROR}"
    if table.drawn_pairs.any():
        columns["drawn_pairs"] = ("pairs", str)
        caption += " pairs: how many pairs were drawn at random. Where no number stands, all were measured."
    return render(table, columns, f"Layers at epoch {epoch}, in bits", caption)
