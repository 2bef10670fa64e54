"""Known results of the ablation page: ablation by its settings, and the information of neurons about the label."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer.results.known import Parameters, known_parameters, named_by_digest
from bitlens_explorer.state.query import NETWORK

MEASURE, LABELS = "layer_ablation", "label_information"
ORDERS = ("ascending", "descending", "random")
SCORES = ("mutual_information", "entropy", "selectivity")
MODES = ("zero", "mean")
ROLES = (
    "needed",
    "redundant",
    "synergistic",
    "inactive",
    "sufficient",
    "decisive",
    "apart_ascending",
    "apart_descending",
)
_PARAMETERS = ("layers", "score", "quantizer", "mode", "repeats", "steps", "tolerance", "seed", "data")
_DIMS = {
    "removed": {"scope", "step"},
    "accuracy": {"scope", "order", "step"},
    "loss": {"scope", "order", "step"},
    "random_accuracy": {"scope", "repeat", "step"},
    "random_loss": {"scope", "repeat", "step"},
    "ranked_layer": {"scope", "rank"},
    "ranked_channel": {"scope", "rank"},
    "score": {"scope", "rank"},
    "roles": {"scope", "role"},
}


def ablation_settings(run: Run) -> dict[str, Parameters]:
    """Parameters that ablation was measured with, by their name in addresses; those of most epochs first."""
    names = [layer.name for layer in run.layers]

    def fits(parameters: Parameters) -> bool:
        layers = parameters["layers"]
        types = {"quantizer": str, "repeats": int, "tolerance": float}
        return (
            isinstance(layers, list)
            and bool(layers)
            and all(name in names for name in layers)
            and parameters["score"] in SCORES
            and parameters["mode"] in MODES
            and all(isinstance(parameters[name], kind) for name, kind in types.items())
        )

    sets = [parameters for parameters in known_parameters(run, MEASURE, _PARAMETERS) if fits(parameters)]
    return named_by_digest(run, MEASURE, sets)


def nearest_epoch(epoch: int, known: Sequence[int]) -> int:
    """The known epoch that is nearest; the later of two that are equally near."""
    return min(known, key=lambda other: (abs(other - epoch), -other))


def load_ablation(run: Run, parameters: Parameters, epoch: int) -> xr.Dataset:
    """Ablation at one epoch."""
    results = run.results.load(MEASURE, parameters, epoch)
    layers = parameters["layers"]
    scopes = [*layers, NETWORK] if len(layers) > 1 else layers
    names = {"", *(layer.name for layer in run.layers)}
    if (
        any(name not in results or set(results[name].dims) != dims for name, dims in _DIMS.items())
        or any(name not in results.coords for name in ("scope", "order", "role"))
        or results["scope"].values.tolist() != scopes
        or set(results["order"].values.tolist()) != set(ORDERS)
        or not set(ROLES) <= set(results["role"].values.tolist())
        or not names.issuperset(results["ranked_layer"].values.ravel().tolist())
    ):
        raise RunError(f"the result of {MEASURE} at epoch {epoch} in {run.path} does not fit this run; remove it")
    return results.drop_duplicates("scope")


def ranked_layers(results: xr.Dataset) -> list[str]:
    """The layers within which neurons were ranked."""
    scopes = results["scope"].values.tolist()
    return [str(name) for name in scopes if name != NETWORK or len(scopes) == 1]


def quantizer(parameters: Parameters | None) -> bitlens.OneBit | bitlens.EqualWidth:
    """The quantizer of the settings; one bit without settings, or if theirs is not one of the library."""
    text = "" if parameters is None else parameters["quantizer"]
    if match := re.fullmatch(r"OneBit\(threshold=(-?[0-9.]+(?:e-?[0-9]+)?)\)", text):
        return bitlens.OneBit(float(match[1]))
    if match := re.fullmatch(r"EqualWidth\(bins=([0-9]{1,9})\)", text):
        return bitlens.EqualWidth(int(match[1]))
    return bitlens.OneBit()


def label_layers(run: Run) -> list[str]:
    """Layers whose neurons can have information about the label: all but the input."""
    return [layer.name for layer in run.layers if layer.module]


def has_label_information(run: Run, layer: str, used: bitlens.OneBit | bitlens.EqualWidth, epoch: int) -> bool:
    """Whether the information of a layer's neurons about the label has been measured."""
    return epoch in run.results.epochs(LABELS, _label_parameters(layer, used))


def load_label_information(run: Run, layer: str, used: bitlens.OneBit | bitlens.EqualWidth, epoch: int) -> xr.Dataset:
    """The information of every channel of a layer about the label."""
    results = run.results.load(LABELS, _label_parameters(layer, used), epoch)
    names = {*SCORES, *(f"{name}_bias" for name in SCORES), "preferred_class"}
    if not names <= results.variables.keys() or results.sizes != {"channel": run.layer(layer).channels}:
        raise RunError(
            f"the result of {LABELS} of layer {layer} at epoch {epoch} in {run.path} does not fit this run; remove it"
        )
    return results


def _label_parameters(layer: str, used: bitlens.OneBit | bitlens.EqualWidth) -> Parameters:
    return {"layer": layer, "quantizer": repr(used)}


def class_averages(run: Run, layer: str, epoch: int) -> dict[str, xr.DataArray]:
    """Average activations of a layer over the samples of each class that has any."""
    stamp = (run.path / "epochs").stat().st_mtime_ns  # of the last epoch that was written
    averages: dict[str, xr.DataArray] = _class_averages(str(run.path), stamp, layer, epoch)
    return averages


@st.cache_resource(max_entries=50, show_spinner=False)
def _class_averages(path: str, stamp: int, layer: str, epoch: int) -> dict[str, xr.DataArray]:
    run = bitlens.open_run(path)
    assert run.labels is not None
    averages = {}
    for number, name in enumerate(run.classes):
        samples = [i for i, label in enumerate(run.labels) if label == number]
        if samples:
            averages[name] = bitlens.average_maps(run, layer, epoch, samples)
    return averages
