"""What a run already knows: the only way for pages to results, so that looking never starts a computation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run

Parameters = dict[str, Any]

_INFORMATION = ("bins", "permutations", "samples", "seed")


def epochs(run: Run) -> list[int]:
    """Epochs that can be looked at: with activations, or with results only."""
    known = {*run.epochs, *run.results.epochs("training_performance", {})}
    for parameters in run.results.recorded("layer_information"):
        known.update(run.results.epochs("layer_information", parameters))
    return sorted(known)


def performance(run: Run) -> xr.Dataset | None:
    """Confusion, conditional entropies, accuracy and loss of all epochs that have them."""
    return _over_epochs(run, "training_performance", {}, lambda kept: bitlens.training_performance(run, epochs=kept))


def layer_diversity(run: Run) -> xr.Dataset | None:
    """Inter-sample entropy of every layer, of all epochs that have it."""
    k = _neighbors(run, "layer_diversity")
    if k is None:
        return None
    return _over_epochs(run, "layer_diversity", {"k": k}, lambda kept: bitlens.layer_diversity(run, k, epochs=kept))


def input_diversity(run: Run) -> xr.Dataset | None:
    """Inter-sample entropy of the input."""
    k = _neighbors(run, "input_diversity")
    if k is None or not run.results.epochs("input_diversity", {"k": k}):
        return None
    return _kept(*_key(run, "input_diversity", {"k": k}, [0]), lambda: bitlens.input_diversity(run, k))


def pairs(run: Run) -> list[tuple[str, str]]:
    """Pairs of layers whose information has been measured, in the order of the network."""
    place = {layer.name: i for i, layer in enumerate(run.layers)}
    found = {(parameters["a"], parameters["b"]) for parameters in _information_sets(run)}
    return sorted(found, key=lambda pair: (place[pair[0]], place[pair[1]]))


def estimators(run: Run, a: str, b: str) -> dict[str, Parameters]:
    """Parameters that the information of two layers was measured with, by their name in addresses."""
    sets = [found for found in _information_sets(run) if (found["a"], found["b"]) == (a, b)]
    return {estimator_name(found): {name: found[name] for name in _INFORMATION} for found in sets}


def estimator_name(parameters: Parameters) -> str:
    """Such as 32.20.256.0: bins, permutations, samples, seed."""
    return ".".join(str(parameters[name]) for name in _INFORMATION)


def estimator_words(parameters: Parameters) -> str:
    """The parameters as they stand under a figure."""
    return ", ".join(f"{name} {parameters[name]}" for name in _INFORMATION)


def information_epochs(run: Run, a: str, b: str, parameters: Parameters) -> list[int]:
    """Epochs whose information of two layers has been measured so."""
    return run.results.epochs("layer_information", {"a": a, "b": b, **parameters})


def information(run: Run, a: str, b: str, parameters: Parameters, wanted: list[int]) -> xr.Dataset:
    """Information of two layers at epochs that have it."""
    key = _key(run, "layer_information", {"a": a, "b": b, **parameters}, wanted)
    return _kept(*key, lambda: bitlens.layer_information(run, a, b, **parameters, epochs=wanted))


def _information_sets(run: Run) -> list[Parameters]:
    layers = {layer.name for layer in run.layers}
    found = [p for p in run.results.recorded("layer_information") if {"a", "b", *_INFORMATION} == p.keys()]
    return [p for p in found if {p["a"], p["b"]} <= layers and run.results.epochs("layer_information", p)]


def _neighbors(run: Run, measure: str) -> int | None:
    sets = [found for found in run.results.recorded(measure) if found.keys() == {"k"}]
    return min((int(found["k"]) for found in sets), key=lambda k: (abs(k - 15), k), default=None)


def _over_epochs(
    run: Run, measure: str, parameters: Parameters, load: Callable[[list[int]], xr.Dataset]
) -> xr.Dataset | None:
    kept = run.results.epochs(measure, parameters)
    return _kept(*_key(run, measure, parameters, kept), lambda: load(kept)) if kept else None


def _key(run: Run, measure: str, parameters: Parameters, kept: list[int]) -> tuple[str, int, str, str, tuple[int, ...]]:
    stamp = (run.path / "manifest.json").stat().st_mtime_ns
    return str(run.path), stamp, measure, json.dumps(parameters, sort_keys=True), tuple(kept)


@st.cache_resource(max_entries=200, show_spinner=False)
def _kept(
    path: str, stamp: int, measure: str, parameters: str, kept: tuple[int, ...], _load: Callable[[], xr.Dataset]
) -> xr.Dataset:
    return _load()
