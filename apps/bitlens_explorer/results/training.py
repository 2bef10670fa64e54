"""Known results of the training page: predictions and the diversity of samples."""

from __future__ import annotations

import xarray as xr

import bitlens
from bitlens.runs import Run
from bitlens_explorer.results.known import cached, nearest_count, over_epochs

USUAL_NEIGHBORS = 15


def performance(run: Run) -> xr.Dataset | None:
    """Confusion, conditional entropies, accuracy and loss of all epochs that have them."""
    return over_epochs(run, "training_performance", {}, lambda epochs: bitlens.training_performance(run, epochs=epochs))


def unmeasured_performance(run: Run) -> list[int]:
    """Epochs with activations whose predictions are not measured."""
    measured = run.results.epochs("training_performance", {})
    return [epoch for epoch in run.epochs if epoch not in measured]


def layer_diversity(run: Run) -> xr.Dataset | None:
    """Inter-sample entropy of every layer, of all epochs that have it."""
    k = _neighbors(run, "layer_diversity")
    if k is None:
        return None
    return over_epochs(run, "layer_diversity", {"k": k}, lambda epochs: bitlens.layer_diversity(run, k, epochs=epochs))


def input_diversity(run: Run) -> xr.Dataset | None:
    """Inter-sample entropy of the input."""
    k = _neighbors(run, "input_diversity")
    if k is None or not run.results.epochs("input_diversity", {"k": k}):
        return None
    return cached(run, "input_diversity", {"k": k}, [0], lambda: bitlens.input_diversity(run, k))


def _neighbors(run: Run, measure: str) -> int | None:
    sets = [parameters for parameters in run.results.recorded(measure) if parameters.keys() == {"k"}]
    return nearest_count(sets, "k", USUAL_NEIGHBORS)
