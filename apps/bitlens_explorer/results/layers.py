"""Known results of the layers page: information of pairs of layers."""

from __future__ import annotations

import xarray as xr

import bitlens
from bitlens.runs import Run
from bitlens_explorer.results.known import Parameters, cached

MEASURE = "layer_pair_information"
_PARAMETERS = ("bins", "permutations", "samples", "seed")


def measured_pairs(run: Run) -> list[tuple[str, str]]:
    """Pairs of layers whose information has been measured, in the order of the network."""
    place = {layer.name: i for i, layer in enumerate(run.layers)}
    pairs = {(parameters["a"], parameters["b"]) for parameters in _measured(run)}
    return sorted(pairs, key=lambda pair: (place[pair[0]], place[pair[1]]))


def estimators(run: Run, a: str, b: str) -> dict[str, Parameters]:
    """Parameters that the information of two layers was measured with, by their name in addresses."""
    sets = [parameters for parameters in _measured(run) if (parameters["a"], parameters["b"]) == (a, b)]
    return {estimator_name(p): {name: p[name] for name in _PARAMETERS} for p in sets}


def estimator_name(parameters: Parameters) -> str:
    """Such as 32.20.256.0: bins, permutations, samples, seed."""
    return ".".join(str(parameters[name]) for name in _PARAMETERS)


def describe_estimator(parameters: Parameters) -> str:
    """The parameters as text for captions."""
    return ", ".join(f"{name} {parameters[name]}" for name in _PARAMETERS)


def information_epochs(run: Run, a: str, b: str, parameters: Parameters) -> list[int]:
    """Epochs whose information of two layers has been measured with these parameters."""
    return run.results.epochs(MEASURE, {"a": a, "b": b, **parameters})


def information(run: Run, a: str, b: str, parameters: Parameters, epochs: list[int]) -> xr.Dataset:
    """Information of two layers at epochs that have it."""
    return cached(
        run,
        MEASURE,
        {"a": a, "b": b, **parameters},
        epochs,
        lambda: bitlens.layer_pair_information(run, a, b, **parameters, epochs=epochs),
    )


def _measured(run: Run) -> list[Parameters]:
    layers = {layer.name for layer in run.layers}
    sets = [p for p in run.results.recorded(MEASURE) if {"a", "b", *_PARAMETERS} == p.keys()]
    return [p for p in sets if {p["a"], p["b"]} <= layers and run.results.epochs(MEASURE, p)]
