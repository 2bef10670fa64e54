"""The ablation page's tables, made of results as the library gives them, and what is said of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import figures, recorded
from bitlens_explorer.pixel_code import RECORD
from bitlens_explorer.query import NETWORK
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import count, plain

MEASURE, LABELS = "layer_ablation", "label_information"
ORDERS = {"ascending": "lowest first", "descending": "highest first", "random": "random (mean)"}
BAND = ("random, lowest", "random, highest")
SCORES = {"mutual_information": "information about the label", "entropy": "entropy", "selectivity": "selectivity"}
SYMBOLS = {"mutual_information": "I(Y; neuron)", "entropy": "H(neuron)", "selectivity": "selectivity"}
MODES = {"zero": "0", "mean": "their mean"}
ROLES = {
    "needed": "needed",
    "redundant": "redundant",
    "synergistic": "synergistic",
    "inactive": "inactive",
    "sufficient": "sufficient",
    "decisive": "decisive",
    "apart_ascending": "lowest first apart after",
    "apart_descending": "highest first apart after",
}
NEURONS = {"entropy": "entropy", "mutual_information": "information about the label", "selectivity": "selectivity"}
_PARAMETERS = {"layers", "score", "quantizer", "mode", "repeats", "steps", "tolerance", "seed", "data"}
_DIMS = {
    "removed": {"scope", "step"}, "accuracy": {"scope", "order", "step"}, "loss": {"scope", "order", "step"},
    "random_accuracy": {"scope", "repeat", "step"}, "random_loss": {"scope", "repeat", "step"},
    "ranked_layer": {"scope", "rank"}, "ranked_channel": {"scope", "rank"}, "score": {"scope", "rank"},
    "roles": {"scope", "role"},
}  # fmt: skip


def settings(run: Run) -> dict[str, Parameters]:
    """What ablation was measured with, by its name in addresses; that of most epochs first."""
    names = [layer.name for layer in run.layers]

    def fits(parameters: Parameters) -> bool:
        layers = parameters["layers"]
        return (
            isinstance(layers, list) and bool(layers) and all(name in names for name in layers)
            and parameters["score"] in SCORES and parameters["mode"] in MODES and isinstance(parameters["quantizer"], str)
            and isinstance(parameters["repeats"], int) and isinstance(parameters["tolerance"], float)
        )  # fmt: skip

    found = [one for one in recorded.known_sets(run, MEASURE, _PARAMETERS) if fits(one)]
    found.sort(key=lambda one: -len(run.results.epochs(MEASURE, one)))
    return {hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest()[:8]: one for one in found}


def words(parameters: Parameters) -> str:
    """Settings as they stand in a choice and under figures."""
    names = ", ".join(parameters["layers"])
    steps = parameters["steps"]
    parts = [
        count(len(parameters["layers"]), "layer") + f" ({names if len(names) <= 40 else names[:39] + '…'})",
        f"ranked by {SCORES[parameters['score']]}, {parameters['quantizer']}",
        f"turned off to {MODES[parameters['mode']]}",
        "" if steps is None else f"in {count(steps, 'step')}",
        f"{count(parameters['repeats'], 'random order')}, seed {parameters['seed']}",
        f"tolerance {parameters['tolerance']}",
        "on the probe" if parameters["data"] is None else f"on other data ({str(parameters['data'])[:8]})",
    ]
    return ", ".join(filter(None, parts))


def nearest(epoch: int, kept: Sequence[int]) -> int:
    """The epoch that is drawn: of two that are as near the later."""
    return min(kept, key=lambda other: (abs(other - epoch), -other))


def load(run: Run, parameters: Parameters, epoch: int) -> xr.Dataset:
    """The results of an epoch."""
    found = run.results.load(MEASURE, parameters, epoch)
    known = [layer.name for layer in run.layers]
    layers = parameters["layers"]
    scopes = [*layers, NETWORK] if len(layers) > 1 else layers
    if (
        any(name not in found or set(found[name].dims) != dims for name, dims in _DIMS.items())
        or any(name not in found.coords for name in ("scope", "order", "role"))
        or found["scope"].values.tolist() != scopes
        or set(found["order"].values.tolist()) != ORDERS.keys()
        or not ROLES.keys() <= set(found["role"].values.tolist())
        or not {*known, ""}.issuperset(found["ranked_layer"].values.ravel().tolist())
    ):
        raise RunError(f"the result of {MEASURE} at epoch {epoch} in {run.path} is of another kind")
    return found.drop_duplicates("scope")


def layers_of(found: xr.Dataset) -> list[str]:
    """The layers within which neurons were ranked."""
    return [str(name) for name in found["scope"].values if name != NETWORK or found.sizes["scope"] == 1]


def curves(found: xr.Dataset, scopes: Sequence[str], metric: str) -> Any:
    """Accuracy or loss by scope and neurons turned off, a column an order, and the range of the random ones."""
    parts = {}
    for scope in scopes:
        one = found.sel(scope=scope).dropna("step", subset=["removed"])
        random = one[f"random_{metric}"]
        part = one[metric].transpose("step", "order").to_pandas()[list(ORDERS)].set_axis([*ORDERS.values()], axis=1)
        part[BAND[0]], part[BAND[1]] = random.min("repeat").to_series(), random.max("repeat").to_series()
        parts[scope] = part.set_axis(one["removed"].values.astype(int))
    return pd.concat(parts, names=["scope", "neurons turned off"]).rename_axis(columns=None)


def ranking(found: xr.Dataset, scope: str) -> Any:
    """The neurons of a scope by place, from the lowest score on."""
    one = found.sel(scope=scope)
    one = one.isel(rank=(one["ranked_channel"] >= 0).values)
    frame = one[["ranked_layer", "ranked_channel", "score"]].to_dataframe()[["ranked_layer", "ranked_channel", "score"]]
    frame = frame.set_axis(["layer", "channel", "score (bits)"], axis=1)
    return frame.set_axis(range(1, len(frame) + 1)).rename_axis("place")


def scores(found: xr.Dataset) -> Any:
    """The score of every neuron, by layer and channel."""
    parts = [ranking(found, layer) for layer in layers_of(found)]
    return pd.concat(parts).set_index(["layer", "channel"]).rename(columns={"score (bits)": "bits"})


def roles(found: xr.Dataset) -> Any:
    """The counts by scope."""
    return found["roles"].transpose("scope", "role").to_pandas()[list(ROLES)].set_axis([*ROLES.values()], axis=1)


# Each neuron and the label


def quantizer(parameters: Parameters | None) -> bitlens.OneBit | bitlens.EqualWidth:
    """That of the settings; without, or where it is not one of the library's, one bit."""
    text = "" if parameters is None else parameters["quantizer"]
    if found := re.fullmatch(r"OneBit\(threshold=(-?[0-9.]+(?:e-?[0-9]+)?)\)", text):
        return bitlens.OneBit(float(found[1]))
    if found := re.fullmatch(r"EqualWidth\(bins=([0-9]{1,9})\)", text):
        return bitlens.EqualWidth(int(found[1]))
    return bitlens.OneBit()


def label_layers(run: Run) -> list[str]:
    """Layers whose neurons may say something about the label: all but the input."""
    return [layer.name for layer in run.layers if layer.module]


def label_parameters(layer: str, used: bitlens.OneBit | bitlens.EqualWidth) -> Parameters:
    """Under which the library keeps them."""
    return {"layer": layer, "quantizer": repr(used)}


def label_known(run: Run, layer: str, used: bitlens.OneBit | bitlens.EqualWidth, epoch: int) -> bool:
    """Whether it has been measured."""
    return epoch in run.results.epochs(LABELS, label_parameters(layer, used))


def label_numbers(run: Run, layer: str, used: bitlens.OneBit | bitlens.EqualWidth, epoch: int) -> xr.Dataset:
    """What every channel of a layer says about the label."""
    found = run.results.load(LABELS, label_parameters(layer, used), epoch)
    names = {*NEURONS, *(f"{name}_bias" for name in NEURONS), "preferred_class"}
    if not names <= found.variables.keys() or found.sizes != {"channel": run.layer(layer).channels}:
        raise RunError(f"the result of {LABELS} of layer {layer} at epoch {epoch} in {run.path} is of another kind")
    return found


def label_scores(run: Run, layers: Sequence[str], used: bitlens.OneBit | bitlens.EqualWidth, epoch: int) -> Any:
    """Information about the label of every neuron, by layer and channel."""
    parts = {layer: label_numbers(run, layer, used, epoch)["mutual_information"].to_series() for layer in layers}
    return pd.concat(parts, names=["layer", "channel"]).to_frame("bits")


def neuron_table(run: Run, found: xr.Dataset) -> dict[str, str]:
    """What one channel says about the label, beside what is expected to be too much in it."""
    rows = {
        name: f"{float(found[key]):.3f} bits (expected error {float(found[f'{key}_bias']):+.3f})"
        for key, name in NEURONS.items()
    }
    number = int(found["preferred_class"])
    return rows | {"class told best": plain(run.classes[number]) if 0 <= number < len(run.classes) else str(number)}


def class_means(run: Run, layer: str, channel: int, epoch: int) -> Any:
    """Mean activation of a neuron of single values, by class."""
    stamp = (run.path / "epochs").stat().st_mtime_ns
    return _class_means(str(run.path), stamp, layer, epoch).xs(channel, level="channel")


@st.cache_resource(max_entries=50, show_spinner=False)
def _class_means(path: str, stamp: int, layer: str, epoch: int) -> Any:
    run = bitlens.open_run(path)
    assert run.labels is not None
    parts = {}
    for number, name in enumerate(run.classes):
        samples = [i for i, label in enumerate(run.labels) if label == number]
        if samples:
            parts[name] = bitlens.average_maps(run, layer, epoch, samples).to_series()
    return pd.concat(parts, names=["class", "channel"]).to_frame("mean activation")


# The lines of Python that give the tables


def wanted(run: Run) -> str:
    """How results come into being, as far as it has not been done."""
    data = "" if run.labels is not None else ", data=(test_images, test_labels)"
    measure = f"bitlens.{MEASURE}(run, model{data})"
    if run.weight_epochs:
        return "\n".join([*figures.opened(run), measure])
    measure = f"bitlens.{MEASURE}(run, model)"
    return "\n".join(["import bitlens", "", RECORD, "", 'run = bitlens.open_run("my-run")', measure])


def load_code(parameters: Parameters, epoch: int) -> list[str]:
    """The results of an epoch."""
    return [f"parameters = {parameters!r}", f'results = run.results.load("{MEASURE}", parameters, {epoch})']


def curves_code(scopes: Sequence[str], metric: str) -> list[str]:
    """What `curves` does."""
    return [
        "parts = {}",
        f"for scope in {list(scopes)!r}:",
        "    one = results.sel(scope=scope).dropna('step', subset=['removed'])",
        f"    part = one.{metric}.transpose('step', 'order').to_pandas()[{list(ORDERS)!r}]",
        f"    part = part.set_axis({list(ORDERS.values())!r}, axis=1)",
        f"    part[{BAND[0]!r}] = one.random_{metric}.min('repeat').to_series()",
        f"    part[{BAND[1]!r}] = one.random_{metric}.max('repeat').to_series()",
        "    parts[scope] = part.set_axis(one.removed.values.astype(int))",
        "table = pandas.concat(parts, names=['scope', 'neurons turned off'])",
    ]


def scores_code(layers: Sequence[str]) -> list[str]:
    """What `scores` does."""
    return [
        "parts = []",
        f"for layer in {list(layers)!r}:",
        *(f"    {line}" for line in ranking_code("layer", named=False)),
        "    parts.append(table)",
        "table = pandas.concat(parts).set_index(['layer', 'channel']).rename(columns={'score (bits)': 'bits'})",
    ]


def ranking_code(scope: str, *, named: bool = True) -> list[str]:
    """What `ranking` does; of a scope, or of the variable of that name."""
    columns = ["ranked_layer", "ranked_channel", "score"]
    return [
        f"one = results.sel(scope={scope!r})" if named else f"one = results.sel(scope={scope})",
        "one = one.isel(rank=(one.ranked_channel >= 0).values)",
        f"table = one[{columns!r}].to_dataframe()[{columns!r}]",
        "table = table.set_axis(['layer', 'channel', 'score (bits)'], axis=1)",
        "table = table.set_axis(range(1, len(table) + 1)).rename_axis('place')",
    ]


def roles_code() -> list[str]:
    """What `roles` does."""
    return [
        f"table = results.roles.transpose('scope', 'role').to_pandas()[{list(ROLES)!r}]",
        f"table = table.set_axis({list(ROLES.values())!r}, axis=1)",
    ]


def label_code(layers: Sequence[str], used: bitlens.OneBit | bitlens.EqualWidth, epoch: int) -> list[str]:
    """What `label_scores` does."""
    return [
        "parts = {}",
        f"for layer in {list(layers)!r}:",
        f"    found = bitlens.{LABELS}(run, layer, bitlens.{used!r}, epochs=[{epoch}])",
        f"    parts[layer] = found.mutual_information.sel(epoch={epoch}).to_series()",
        "table = pandas.concat(parts, names=['layer', 'channel']).to_frame('bits')",
    ]


def class_code(layer: str, channel: int, epoch: int) -> list[str]:
    """What `class_means` does."""
    return [
        "parts = {}",
        "for number, name in enumerate(run.classes):",
        "    samples = (run.labels == number).nonzero()[0].tolist()",
        "    if samples:",
        f"        means = bitlens.average_maps(run, {layer!r}, {epoch}, samples)",
        f"        parts[name] = float(means.sel(channel={channel}))",
        "table = pandas.Series(parts).rename_axis('class').to_frame('mean activation')",
    ]
