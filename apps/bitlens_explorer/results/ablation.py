"""Known results of the ablation page: which epoch is shown, the quantizer of neurons, and averages by class."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
import xarray as xr

import bitlens
from bitlens.measures import label_information
from bitlens.runs import Run
from bitlens_explorer.results.known import AnyKnown, known_sets, load
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.query import NETWORK


def nearest_epoch(epoch: int, known: Sequence[int]) -> int:
    """The known epoch that is nearest; the later of two that are equally near."""
    return min(known, key=lambda other: (abs(other - epoch), -other))


def ranked_layers(results: xr.Dataset) -> list[str]:
    """The layers within which neurons were ranked."""
    scopes = results["scope"].values.tolist()
    return [str(name) for name in scopes if name != NETWORK or len(scopes) == 1]


def label_layers(run: Run) -> list[str]:
    """Layers whose neurons can have information about the label: all but the input."""
    return [layer.name for layer in run.layers if layer.module]


def label_sets(run: Run, ablation: AnyKnown | None) -> dict[str, AnyKnown | None]:
    """Information about the label by layer; with the parameters of the ablation where both measures have them."""
    shared = label_settings(ablation)
    sets = {}
    for layer in label_layers(run):
        of_layer = known_sets(run, label_information, layer)
        fitting = [k for k in of_layer if all(getattr(k.parameters, name) == value for name, value in shared.items())]
        sets[layer] = next(iter(fitting), None)
    return sets


def label_settings(ablation: AnyKnown | None) -> dict[str, object]:
    """The parameters of the ablation that information about the label has too."""
    if ablation is None:
        return {}
    values = vars(ablation.parameters)
    return {field.name: values[field.name] for field in label_information.Parameters.fields() if field.name in values}


def load_labels(run: Run, sets: dict[str, AnyKnown | None], epoch: int) -> dict[str, Traced]:
    """The information about the label at one epoch, of the layers that have it."""
    loaded = {name: load(run, known, [epoch], name=None) for name, known in sets.items()}
    return {name: results for name, results in loaded.items() if results is not None}


def class_averages(run: Run, layer: str, epoch: int) -> dict[str, Traced]:
    """Average activations of a layer over the samples of each class that has any."""
    stamp = (run.path / "epochs").stat().st_mtime_ns  # of the last epoch that was written
    averages: dict[str, Traced] = _class_averages(str(run.path), stamp, layer, epoch, run)
    return averages


@st.cache_resource(max_entries=50, show_spinner=False)
def _class_averages(path: str, stamp: int, layer: str, epoch: int, _run: Run) -> dict[str, Traced]:
    assert _run.labels is not None
    averages = {}
    for number, name in enumerate(_run.classes):
        if (_run.labels == number).any():
            samples = Traced(list(_run.slice(label=number).samples.values), f"run.slice(label={number}).samples.values")
            averages[name] = call(bitlens.average_maps, _run, layer, epoch, samples)
    return averages
