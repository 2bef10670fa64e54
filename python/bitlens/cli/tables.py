"""A run in words and numbers: the tables that the command line prints and writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from rich.table import Table

from bitlens.estimators import generalization_bounds
from bitlens.measures import (
    channel_entropies,
    information_plane,
    input_diversity,
    layer_diversity,
    layer_pair_information,
    training_performance,
)
from bitlens.runs import Run, atomic_write


def epochs_table(run: Run) -> Table:
    """How the training went on the probe."""
    performance = training_performance(run)
    table = Table(title="Training, on the probe", caption="Entropies: mean over classes that were predicted, in bits.")
    for heading in ("epoch", "accuracy", "loss [bits]", "H(label | predicted)", "H(predicted | label)"):
        table.add_column(heading, justify="right")
    for epoch in performance.epoch.values:
        row = performance.sel(epoch=epoch)
        table.add_row(
            str(epoch),
            f"{float(row.accuracy):.3f}",
            f"{float(row.loss):.3f}",
            f"{float(row.label_given_predicted.mean()):.3f}",
            f"{float(row.predicted_given_label.mean()):.3f}",
        )
    return table


def layers_table(run: Run, *, k: int, bins: int, permutations: int, samples: int, seed: int) -> Table:
    """What every layer carries at the last epoch; all of it has been measured before."""
    epoch = run.epochs[-1]
    diversity = layer_diversity(run, k, epochs=[epoch]).sel(epoch=epoch)
    bound = float(input_diversity(run, k).bound)
    used = min(samples, run.manifest.samples)
    table = Table(
        title=f"Layers at epoch {epoch}, in bits",
        caption=f"inter: inter-sample entropy, k = {k}, at most {bound:.2f}. intra: intra-sample entropy, mean over "
        f"channels, {bins} bins; single values have none. dead: channels of one value throughout. excess: mutual "
        f"information with the layer before, above the mean of {permutations} permutations, mean over channel pairs, "
        f"{bins} bins, {used} samples; ± the null's standard deviation for one pair.",
    )
    for heading in ("layer", "kind", "shape", "inter", "intra", "dead", "excess"):
        table.add_column(heading, justify="left" if heading in ("layer", "kind") else "right")
    for previous, layer in zip((None, *run.layers), run.layers, strict=False):
        channels = channel_entropies(run, layer.name, bins, epochs=[epoch]).sel(epoch=epoch)
        about = (
            ""
            if previous is None
            else _excess(
                layer_pair_information(run, previous.name, layer.name, bins, permutations, samples, seed, [epoch])
            )
        )
        table.add_row(
            layer.name,
            layer.kind,
            " x ".join(map(str, layer.shape)),
            f"{float(diversity.inter_sample_entropy.sel(layer=layer.name)):.2f}",
            f"{float(channels.intra_sample_entropy.mean()):.2f}" if len(layer.shape) > 1 else "",
            str(int(channels.dead.sum())),
            about,
        )
    return table


def _excess(information: xr.Dataset) -> str:
    spread = float(np.sqrt((information.null_std**2).mean()))
    return f"{float(information.excess.mean()):.3f} ± {spread:.3f}"


def roles_table(ablation: xr.Dataset) -> Table:
    """How many neurons of each layer, and of the whole network, do what at the last epoch."""
    last = ablation.isel(epoch=-1)
    table = Table(
        title=f"Neurons at epoch {int(last.epoch)}, by cumulative ablation",
        caption="suffice: so many with the highest scores do as well as all. decide: without so many the rest does no "
        "better than none. needed: up to both. redundant: beyond what suffices, not what decides. synergistic: beyond "
        "what decides, not what suffices. inactive: beyond both. Within "
        f"{ablation.attrs['tolerance']:g} of what can be lost.",
    )
    headings = {"sufficient": "suffice", "decisive": "decide"}
    counts = ("needed", "redundant", "synergistic", "inactive", "sufficient", "decisive")
    table.add_column("layer")
    for name in counts:
        table.add_column(headings.get(name, name), justify="right")
    for scope in last.scope.values:
        found = (float(last.roles.sel(scope=scope, role=name)) for name in counts)
        table.add_row(str(scope), *("–" if np.isnan(count) else str(int(count)) for count in found))  # noqa: RUF001
    return table


def removals_table(ablation: xr.Dataset) -> Table:
    """What is left on average while neurons are turned off, at the last epoch."""
    last = ablation.isel(epoch=-1)
    table = Table(title="Accuracy, mean over all removals", caption="Random: mean ± standard deviation of the orders.")
    for heading in ("layer", "lowest score first", "highest first", "random"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for scope in last.scope.values:
        row = last.sel(scope=scope)
        low, high, chance = (f"{float(area):.3f}" for area in row.accuracy.mean("step"))
        table.add_row(str(scope), low, high, f"{chance} ± {float(row.random_accuracy.mean('step').std('repeat')):.3f}")
    return table


def bounds_table(run: Run, samples: int, delta: float, bins: int) -> Table:
    """What the information of each layer promises, at the last epoch."""
    epoch = run.epochs[-1]
    plane = information_plane(run, "binning", bins=bins, epochs=[epoch]).sel(epoch=epoch, about="input")
    limit = np.log2(run.manifest.samples)
    table = Table(
        title=f"Bounds of the generalization gap at epoch {epoch}, for a loss from 0 to 1",
        caption=f"I(X; L): of {bins} bins, in bits, at most {limit:.2f} with this probe, whatever that of all inputs is. At 1 "
        "and above a bound says nothing. x: times a constant that the theorem leaves open.",
    )
    for heading in ("layer", "I(X; L)", "input compression", "information bottleneck, x"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for layer in plane.layer.values:
        information = float(plane.information.sel(layer=layer))
        bottleneck, compression = generalization_bounds(information, samples, delta)
        table.add_row(str(layer), f"{information:.2f}", f"{compression.value:.3f}", f"{bottleneck.value:.3f}")
    return table


def info_table(run: Run) -> Table:
    """What was recorded."""
    manifest = run.manifest
    epochs = run.epochs
    span = f"{len(epochs)}: {epochs[0]} to {epochs[-1]}" if epochs else "none yet"
    table = Table(title=str(run.path), show_header=False)
    rows = {
        "model": manifest.model,
        "layers": ", ".join(layer.name for layer in manifest.layers),
        "epochs": span,
        "samples": str(manifest.samples),
        "classes": ", ".join(manifest.classes) or "not known",
        "stored as": manifest.dtype + (", with gradients" if manifest.gradients else ""),
        "measures": ", ".join(run.results.measures()) or "none yet: bitlens measure RUN",
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def write_csv(results: Mapping[str, xr.Dataset], folder: Path) -> Iterator[Path]:
    """Each result as CSV files in a folder: one for all its variables of the same dimensions, one value a row."""
    for title, result in results.items():
        shapes = list(dict.fromkeys(variable.dims for variable in result.data_vars.values()))
        for dims in shapes:
            part = result[[name for name, variable in result.data_vars.items() if variable.dims == dims]]
            by = f" by {' '.join(map(str, dims))}" if dims and len(shapes) > 1 else ""
            path = folder / (re.sub(r"[^\w.-]+", "_", title + by) + ".csv")
            rows = part if dims else part.expand_dims("row")
            text = rows.to_dataframe().reset_index(drop=not dims).to_csv(index=False)
            atomic_write(path, partial(Path.write_text, data=text, encoding="utf-8"))
            yield path
