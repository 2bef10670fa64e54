"""What a run already knows: the only way for pages to results, so that looking never starts a computation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError

Parameters = dict[str, Any]

_INFORMATION = ("bins", "permutations", "samples", "seed")
_MATRIX = ("batch", "seed", "alpha", "bandwidth", "bandwidth_x", "saturating", "tensor")
_NUMBERS = {"batch", "seed", "alpha", "tau", "saturating", "tensor", "permutations", "bins", "noise_variance"}
_DISCARDING = {"layers", "samples", "alpha", "tau", "grid", "largest", "seed", "masks", "training"}
_PLANES = {"renyi": {*_MATRIX, "permutations"}, "binning": {"bins"}, "kde": {"noise_variance"}}
_NEEDED = {
    "information_plane": {"information", "layer"},
    "processing_inequalities": {
        "forward",
        "forward_null_mean",
        "forward_null_std",
        "forward_rise",
        "forward_allowed",
        "layer",
    },
    "layer_decomposition": {"redundancy_synergy_share", "weighted_nonredundant_share", "weighted_nonredundant"},
    "layer_discarding": {"discarding", "constraint", "spread", "limited", "converged"},
}


def epochs(run: Run) -> list[int]:
    """Epochs that can be looked at: with activations, or with results only."""
    known = set(run.epochs)
    for measure in run.results.measures():
        # The input's diversity is of no epoch; a damaged result is said where it would be shown.
        with suppress(ValueError):
            for parameters in run.results.recorded(measure) if measure != "input_diversity" else ():
                known.update(run.results.epochs(measure, parameters))
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


def channels(run: Run, layer: str) -> xr.Dataset | None:
    """Intra-sample entropies of a layer's channels, of all epochs that have them, with the bins nearest to 32."""
    found = [p for p in run.results.recorded("channel_entropies") if p.keys() == {"layer", "bins"}]
    bins = [int(p["bins"]) for p in found if p["layer"] == layer]
    if not bins:
        return None
    usual = min(bins, key=lambda number: (abs(number - 32), number))
    return _over_epochs(
        run,
        "channel_entropies",
        {"layer": layer, "bins": usual},
        lambda kept: bitlens.channel_entropies(run, layer, usual, epochs=kept),
    )


def deconvolutions(run: Run, layer: str) -> list[int]:
    """Epochs whose projections of a layer's channels onto the input are kept."""
    return run.results.epochs("deconvolution", {"layer": layer})


def deconvolution(run: Run, layer: str, channel: int, epoch: int) -> xr.DataArray:
    """Projections of a channel onto the input [sample, ...]. Read anew each time: those of all channels are large."""
    return run.results.load("deconvolution", {"layer": layer}, epoch)["deconvolution"].sel(channel=channel)


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
    return run.results.epochs("layer_pair_information", {"a": a, "b": b, **parameters})


def information(run: Run, a: str, b: str, parameters: Parameters, wanted: list[int]) -> xr.Dataset:
    """Information of two layers at epochs that have it."""
    key = _key(run, "layer_pair_information", {"a": a, "b": b, **parameters}, wanted)
    return _kept(*key, lambda: bitlens.layer_pair_information(run, a, b, **parameters, epochs=wanted))


def matrix_settings(run: Run) -> dict[str, Parameters]:
    """What matrix-based information was measured with, by its name in addresses; the library's own settings first."""
    found = [*_planes(run, "renyi"), *_inequalities(run), *_decompositions(run)]
    kept = [{name: parameters[name] for name in _MATRIX} for parameters in found]
    kept.sort(key=lambda settings: (settings["bandwidth"] != repr(bitlens.Median()), matrix_name(settings)))
    return {matrix_name(settings): settings for settings in kept}


def matrix_name(settings: Parameters) -> str:
    """Such as 128.0.1.01.Median().Median().0.0: as the settings stand in `matrix_settings`."""
    return ".".join(str(settings[name]) for name in _MATRIX)


def planes(run: Run, settings: Parameters) -> list[str]:
    """Estimators that the information plane has been measured with."""
    return [name for name in _PLANES if _of(_planes(run, name), settings)]


def plane(run: Run, estimator: str, settings: Parameters) -> xr.Dataset | None:
    """The information plane of all epochs that have it; its attributes are its parameters."""
    return _flow(run, "information_plane", _of(_planes(run, estimator), settings))


def inequalities(run: Run, settings: Parameters) -> xr.Dataset | None:
    """The chains of information of all epochs that have them; their attributes are their parameters."""
    return _flow(run, "processing_inequalities", _of(_inequalities(run), settings))


def decompositions(run: Run, settings: Parameters) -> dict[str, xr.Dataset]:
    """What channels share, of each layer that has it, in the order of the network; the attributes are the parameters."""
    sets = _of(_decompositions(run), settings)
    of_layers = {layer.name: [found for found in sets if found["layer"] == layer.name] for layer in run.layers}
    results = {name: _flow(run, "layer_decomposition", found) for name, found in of_layers.items()}
    return {name: found for name, found in results.items() if found is not None}


def discardings(run: Run) -> dict[str, Parameters]:
    """What the discarding of pixels was measured with, by its name in addresses; that of most epochs first."""
    names = [layer.name for layer in run.layers]

    def fits(parameters: Parameters) -> bool:
        layers, samples = parameters["layers"], parameters["samples"]
        return (
            isinstance(layers, list) and isinstance(samples, list) and bool(layers) and bool(samples)
            and all(name in names for name in layers) and all(i in range(run.manifest.samples) for i in samples)
        )  # fmt: skip

    found = [parameters for parameters in known_sets(run, "layer_discarding", _DISCARDING) if fits(parameters)]
    found.sort(key=lambda parameters: -len(run.results.epochs("layer_discarding", parameters)))
    return {hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:8]: known for known in found}


def discarding(run: Run, parameters: Parameters, epoch: int) -> xr.Dataset:
    """What layers discard of every unit of the inputs. Read anew each time: that of large images is large."""
    found = run.results.load("layer_discarding", parameters, epoch)
    sizes = {"layer": len(parameters["layers"]), "sample": len(parameters["samples"])}
    sizes |= {f"input_{i}": size for i, size in enumerate(run.inputs.shape[1:])}
    maps = [found[name] for name in ("discarding", "uncertainty") if name in found]
    if (
        not _NEEDED["layer_discarding"] <= found.variables.keys()
        or any(one.dims != tuple(sizes) or one.sizes != sizes for one in maps)
        or any(found[name].values.tolist() != parameters[f"{name}s"] for name in ("layer", "sample"))
    ):
        raise RunError(f"the result of layer_discarding at epoch {epoch} in {run.path} is of another kind")
    return found.drop_duplicates(["layer", "sample"])


def discarding_epochs(
    run: Run, parameters: Parameters, summary: Callable[[xr.Dataset], xr.Dataset]
) -> xr.Dataset | None:
    """A summary of what layers discard, of all epochs that have it; a page has one summary."""

    def load(kept: list[int]) -> xr.Dataset:
        parts = [summary(discarding(run, parameters, epoch)) for epoch in kept]
        return xr.concat(parts, dim="epoch", combine_attrs="drop").assign_coords(epoch=kept)

    return _over_epochs(run, "layer_discarding", parameters, load)


def _planes(run: Run, estimator: str) -> list[Parameters]:
    sets = known_sets(run, "information_plane", {"estimator", *_PLANES[estimator]})
    return [found for found in sets if found["estimator"] == estimator]


def _inequalities(run: Run) -> list[Parameters]:
    return known_sets(run, "processing_inequalities", {*_MATRIX, "bandwidth_errors", "permutations"})


def _decompositions(run: Run) -> list[Parameters]:
    return known_sets(run, "layer_decomposition", {*_MATRIX, "layer", "pairs", "permutations"})


def known_sets(run: Run, measure: str, names: set[str]) -> list[Parameters]:
    """Parameters of these names that a measure has results for."""
    try:
        found = [p for p in run.results.recorded(measure) if isinstance(p, dict) and p.keys() == names]
        found = [p for p in found if all(isinstance(p[name], int | float) for name in names & _NUMBERS)]
        return [p for p in found if run.results.epochs(measure, p)]
    except ValueError as error:
        raise RunError(f"the results of {measure} in {run.path} are damaged: {error}") from None


def _of(sets: list[Parameters], settings: Parameters) -> list[Parameters]:
    """Those with the settings, as far as they have such."""
    return [found for found in sets if settings.items() <= {**settings, **found}.items()]


def _flow(run: Run, measure: str, sets: list[Parameters]) -> xr.Dataset | None:
    """Results with those of several sets of parameters that have most epochs, then most pairs and shuffles.

    Loaded as they lie: a kernel's width is kept by the name of its rule, with which the library could not be called.
    """

    def worth(parameters: Parameters) -> tuple[int, bool, float]:
        known = len(run.results.epochs(measure, parameters))
        return known, parameters.get("pairs") is None, parameters.get("permutations", 0)

    if not sets:
        return None
    best = max(sets, key=worth)
    return _over_epochs(run, measure, best, lambda kept: _joined(run, measure, best, kept))


def _joined(run: Run, measure: str, parameters: Parameters, kept: list[int]) -> xr.Dataset:
    parts = [run.results.load(measure, parameters, epoch) for epoch in kept]
    layers = {layer.name for layer in run.layers}
    for epoch, part in zip(kept, parts, strict=True):
        if not _NEEDED[measure] <= part.variables.keys() or (
            "layer" in part.coords and not layers.issuperset(part.layer.values.tolist())
        ):
            raise RunError(f"the result of {measure} at epoch {epoch} in {run.path} is of another kind")
    try:
        joined = xr.concat(parts, dim="epoch", combine_attrs="override").assign_coords(epoch=kept)
    except ValueError as error:
        raise RunError(f"the results of {measure} in {run.path} do not fit together: {error}") from None
    return joined.drop_attrs().assign_attrs(parameters)


def _information_sets(run: Run) -> list[Parameters]:
    layers = {layer.name for layer in run.layers}
    found = [p for p in run.results.recorded("layer_pair_information") if {"a", "b", *_INFORMATION} == p.keys()]
    return [p for p in found if {p["a"], p["b"]} <= layers and run.results.epochs("layer_pair_information", p)]


def _neighbors(run: Run, measure: str) -> int | None:
    sets = [found for found in run.results.recorded(measure) if found.keys() == {"k"}]
    return min((int(found["k"]) for found in sets), key=lambda k: (abs(k - 15), k), default=None)


def _over_epochs(
    run: Run, measure: str, parameters: Parameters, load: Callable[[list[int]], xr.Dataset]
) -> xr.Dataset | None:
    kept = run.results.epochs(measure, parameters)
    return _kept(*_key(run, measure, parameters, kept), lambda: load(kept)) if kept else None


def _key(run: Run, measure: str, parameters: Parameters, kept: list[int]) -> tuple[str, int, str, str, tuple[int, ...]]:
    # A folder's time is that of the last file put into it, also where it replaces one.
    folders = [run.path / "manifest.json", *(run.path / "results" / measure).glob("*")]
    stamp = max(folder.stat().st_mtime_ns for folder in folders)
    return str(run.path), stamp, measure, json.dumps(parameters, sort_keys=True), tuple(kept)


@st.cache_resource(max_entries=200, show_spinner=False)
def _kept(
    path: str, stamp: int, measure: str, parameters: str, kept: tuple[int, ...], _load: Callable[[], xr.Dataset]
) -> xr.Dataset:
    return _load()
