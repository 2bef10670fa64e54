"""Finding and caching results that a run has, so that opening a page never starts a computation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st
import xarray as xr

from bitlens.runs import Run, RunError

Parameters = dict[str, Any]

_NUMBERS = {"batch", "seed", "alpha", "tau", "saturating", "tensor", "permutations", "bins", "noise_variance"}


def known_epochs(run: Run) -> list[int]:
    """Epochs that can be shown: those with activations and those with results only."""
    known = set(run.epochs)
    for measure in run.results.measures():
        # The diversity of the input belongs to no epoch; a damaged result is reported where it would be shown.
        with suppress(ValueError):
            for parameters in run.results.recorded(measure) if measure != "input_diversity" else ():
                known.update(run.results.epochs(measure, parameters))
    return sorted(known)


def known_parameters(run: Run, measure: str, names: Collection[str]) -> list[Parameters]:
    """Parameters with exactly these names that a measure has results for."""
    try:
        parameters = [p for p in run.results.recorded(measure) if isinstance(p, dict) and p.keys() == set(names)]
        numbers = _NUMBERS & set(names)
        parameters = [p for p in parameters if all(isinstance(p[name], int | float) for name in numbers)]
        return [p for p in parameters if run.results.epochs(measure, p)]
    except ValueError as error:
        raise RunError(f"the results of {measure} in {run.path} are damaged: {error}") from None


def named_by_digest(run: Run, measure: str, sets: Sequence[Parameters]) -> dict[str, Parameters]:
    """Parameters by the name that addresses use; those with results of most epochs first."""
    ordered = sorted(sets, key=lambda parameters: -len(run.results.epochs(measure, parameters)))
    return {hashlib.sha256(json.dumps(p, sort_keys=True).encode()).hexdigest()[:8]: p for p in ordered}


def nearest_count(sets: Sequence[Mapping[str, Any]], name: str, usual: int) -> int | None:
    """The value of a parameter that is nearest to the usual one; None without sets."""
    values = (int(parameters[name]) for parameters in sets)
    return min(values, key=lambda value: (abs(value - usual), value), default=None)


def over_epochs(
    run: Run, measure: str, parameters: Parameters, load: Callable[[list[int]], xr.Dataset]
) -> xr.Dataset | None:
    """Results of all epochs that have them; None if no epoch has them."""
    epochs = run.results.epochs(measure, parameters)
    return cached(run, measure, parameters, epochs, lambda: load(epochs)) if epochs else None


def cached(
    run: Run, measure: str, parameters: Parameters, epochs: Sequence[int], load: Callable[[], xr.Dataset]
) -> xr.Dataset:
    """Load results once, and again after one of them has been written."""
    # The modification time of a folder is that of the last file put into it, also of a file that replaced another.
    folders = [run.path / "manifest.json", *(run.path / "results" / measure).glob("*")]
    stamp = max(folder.stat().st_mtime_ns for folder in folders)
    return _cached(str(run.path), stamp, measure, json.dumps(parameters, sort_keys=True), tuple(epochs), load)


@st.cache_resource(max_entries=200, show_spinner=False)
def _cached(
    path: str, stamp: int, measure: str, parameters: str, epochs: tuple[int, ...], _load: Callable[[], xr.Dataset]
) -> xr.Dataset:
    return _load()
