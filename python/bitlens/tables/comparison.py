"""The table of several runs: their estimates by layer, with the differences to the first run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from bitlens.estimators.intervals import interval
from bitlens.estimators.verdicts import LOWER_BOUND, NOT_MEASURABLE
from bitlens.measures import (
    Known,
    Measure,
    channel_entropies,
    information_plane,
    layer_diversity,
    layer_pair_information,
    training_performance,
)
from bitlens.tables.overview import check_runs
from bitlens.tables.plane import information_plane as plane_table
from bitlens.tables.training import layer_diversity as diversity_table

if TYPE_CHECKING:
    import xarray as xr

    from bitlens.runs import Layer, Run

DIFFERS, WITHIN_ERROR, NO_ERROR = "differs", "within error", "no error known"
"""Outcomes of comparable estimates: the 95 % interval of the difference excludes 0 or not, or there is no interval."""
NOT_COMPARABLE = "not comparable"
"""How the outcome of other estimates begins; the reason follows."""
NOT_MEASURED, NO_LAYER = "not measured", "no such layer"


class _Estimate(NamedTuple):
    layer: str
    quantity: str
    unit: str
    value: float
    error: float = math.nan
    verdict: str = ""


@dataclass(frozen=True)
class _Source:
    """A measure whose results are compared, and how its estimates are read from one epoch."""

    measure: Measure[Any]
    read: Callable[[xr.Dataset, list[Layer]], Iterator[_Estimate]]
    needs_equal_samples: bool = True
    """Whether the estimates depend on the number of samples."""


def run_comparison(runs: Mapping[str, Run], epoch: int | None = None) -> pd.DataFrame:
    """Stored estimates of several runs with their differences to the first run; nothing is computed.

    The error of a difference is that of independent estimates. With the same probe it is too large rather than too
    small. It has the variation between samples only, not that between two trainings of the same network.

    Parameters
    ----------
    runs : mapping of str to Run
        The runs by the names that the table shows; the first is the reference. Layers are matched by their names.
    epoch : int, optional
        The epoch of all runs. Default: the last epoch of each run with results.

    Returns
    -------
    pandas.DataFrame
        One row for each layer, quantity and run. Columns ``layer`` (empty for the whole network), ``quantity``,
        ``unit``, ``run``, ``epoch`` (missing for a run without results), ``value``, ``standard_error``, ``verdict``,
        ``difference`` to the first run and ``difference_error``, in the unit of the quantity, ``outcome`` and
        ``settings``. The outcome is empty for the first run, else "differs" (the 95 % interval of the difference
        excludes 0), "within error", "no error known", "not measured", "no such layer", or "not comparable" with the
        reason. A number that is not known is NaN.

    Raises
    ------
    ValueError
        If there is no run, no run has results, or a run has results but not at this epoch.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> _ = bitlens.layer_diversity(run)
    >>> table = tables.run_comparison({"A": run, "B": run})
    >>> sorted(set(table[(table.layer == "conv1") & (table.run == "B")].outcome))[-1]
    'within error'
    """
    check_runs(runs)
    known = {name: {source: _known(run, source.measure) for source in _SOURCES} for name, run in runs.items()}
    shown = {name: _shown_epoch(name, of_run, epoch) for name, of_run in known.items() if any(of_run.values())}
    if not shown:
        raise ValueError(f"runs: no results to compare in {', '.join(runs)}; measure first: bitlens measure RUN")
    read: dict[tuple[str, str, str], dict[str, tuple[_Estimate, Known[Any], _Source]]] = {}
    for source in _SOURCES:
        for target in dict.fromkeys(found.target for of_run in known.values() for found in of_run[source]):
            sets = {name: [k for k in of_run[source] if k.target == target] for name, of_run in known.items()}
            for name, results in _chosen(sets).items():
                loaded = source.measure.load(runs[name], results, [shown[name]])
                layers = [runs[name].layer(layer) for layer in target]
                for estimate in () if loaded is None else source.read(loaded.isel(epoch=0), layers):
                    key = estimate.layer, estimate.quantity, estimate.unit
                    read.setdefault(key, {})[name] = estimate, results, source
    places = {layer.name: i for run in reversed(list(runs.values())) for i, layer in enumerate(run.layers)}
    ordered = sorted(read.items(), key=lambda entry: places.get(entry[0][0], -1))
    rows = [row for key, of_runs in ordered for row in _rows(key, of_runs, runs, shown)]
    return pd.DataFrame(rows).astype({"epoch": "Int64"})


def _known(run: Run, measure: Measure[Any]) -> list[Known[Any]]:
    """What the run has results of, without those that name layers of another run."""
    names = {layer.name for layer in run.layers}
    return [known for known in measure.known(run) if names.issuperset(known.target)]


def _shown_epoch(name: str, known: Mapping[_Source, list[Known[Any]]], epoch: int | None) -> int:
    """The epoch of a run that is compared."""
    epochs = sorted({e for sets in known.values() for results in sets for e in results.epochs})
    if epoch is not None and epoch not in epochs:
        raise ValueError(f"epoch: {name} has no results at epoch {epoch}; it has results at {epochs}")
    return epochs[-1] if epoch is None else epoch


def _chosen(sets: Mapping[str, list[Known[Any]]]) -> dict[str, Known[Any]]:
    """The results of each run: with parameters that all of them have if there are such, else the first ones."""
    sets = {name: of_run for name, of_run in sets.items() if of_run}
    for candidate in next(iter(sets.values())):
        same = {name: next((k for k in of_run if k.key == candidate.key), None) for name, of_run in sets.items()}
        if all(same.values()):
            return {name: found for name, found in same.items() if found is not None}
    return {name: of_run[0] for name, of_run in sets.items()}


def _rows(
    key: tuple[str, str, str],
    of_runs: Mapping[str, tuple[_Estimate, Known[Any], _Source]],
    runs: Mapping[str, Run],
    shown: Mapping[str, int],
) -> Iterator[dict[str, Any]]:
    """The rows of one quantity of one layer."""
    layer, quantity, unit = key
    reference = next(iter(runs))
    for name, run in runs.items():
        row: dict[str, Any] = {
            "layer": layer,
            "quantity": quantity,
            "unit": unit,
            "run": name,
            "epoch": shown.get(name),
        }
        row |= dict.fromkeys(("value", "standard_error"), math.nan) | {"verdict": ""}
        row |= dict.fromkeys(("difference", "difference_error"), math.nan) | {"outcome": "", "settings": ""}
        if name not in of_runs:
            row["outcome"] = NOT_MEASURED if layer in {"", *(other.name for other in run.layers)} else NO_LAYER
            yield row
            continue
        estimate, known, source = of_runs[name]
        row |= {"value": estimate.value, "standard_error": estimate.error, "verdict": estimate.verdict}
        row["settings"] = ", ".join(f"{field} {value}" for field, value in vars(known.parameters).items())
        if name != reference:
            equal = run.manifest.samples == runs[reference].manifest.samples or not source.needs_equal_samples
            row |= _difference(estimate, known, of_runs.get(reference), equal_samples=equal)
        yield row


def _difference(
    estimate: _Estimate,
    known: Known[Any],
    reference: tuple[_Estimate, Known[Any], _Source] | None,
    *,
    equal_samples: bool,
) -> dict[str, Any]:
    """The difference to the reference with its outcome, or why the estimates are not comparable."""
    if reference is None:
        return {"outcome": f"{NOT_COMPARABLE}: only here"}
    other, other_known, _ = reference
    obstacle = _obstacle(estimate, other)
    if known.key != other_known.key:
        obstacle = "other parameters"
    if not equal_samples:
        obstacle = "another number of samples"
    if obstacle:
        return {"outcome": f"{NOT_COMPARABLE}: {obstacle}"}
    difference, error = estimate.value - other.value, math.hypot(estimate.error, other.error)
    return {"difference": difference, "difference_error": error, "outcome": _outcome(difference, error)}


def _obstacle(one: _Estimate, other: _Estimate) -> str:
    """Why two estimates cannot be compared; empty if they can."""
    verdicts = {one.verdict, other.verdict}
    if NOT_MEASURABLE in verdicts or math.isnan(one.value) or math.isnan(other.value):
        return "not measurable"
    return LOWER_BOUND if LOWER_BOUND in verdicts else ""


def _outcome(difference: float, error: float) -> str:
    if math.isnan(error):
        return NO_ERROR
    low, high = interval(difference, error)
    return WITHIN_ERROR if low <= 0 <= high else DIFFERS


def _training(results: xr.Dataset, target: list[Layer]) -> Iterator[_Estimate]:
    yield _Estimate("", "accuracy", "share", float(results.accuracy))
    yield _Estimate("", "loss", "bits", float(results.loss))


def _diversity(results: xr.Dataset, target: list[Layer]) -> Iterator[_Estimate]:
    for row in diversity_table(results).itertuples():
        yield _Estimate(row.layer, "inter-sample entropy", "bits", row.inter_sample_entropy, row.standard_error)


def _channels(results: xr.Dataset, target: list[Layer]) -> Iterator[_Estimate]:
    layer = target[0]
    if len(layer.shape) > 1:  # a single value does not vary within a sample
        yield _Estimate(layer.name, "intra-sample entropy, mean", "bits", float(results.mean_entropy))
    yield _Estimate(layer.name, "dead channels", "channels", float(results.dead.sum()))


def _pairs(results: xr.Dataset, target: list[Layer]) -> Iterator[_Estimate]:
    excess, error = float(results.mean_excess), float(results.mean_standard_error)
    quantity = f"excess information with {target[0].name}, mean"
    yield _Estimate(target[1].name, quantity, "bits", excess, error, str(results.mean_verdict.values))


def _plane(results: xr.Dataset, target: list[Layer]) -> Iterator[_Estimate]:
    table = plane_table(results)
    for row in table.to_dict("records") if {"excess", "standard_error", "verdict"} <= set(table) else []:
        quantity = f"excess information about the {row['about']}"
        yield _Estimate(row["layer"], quantity, "bits", row["excess"], row["standard_error"], row["verdict"])


_SOURCES = (
    _Source(training_performance, _training, needs_equal_samples=False),
    _Source(layer_diversity, _diversity),
    _Source(channel_entropies, _channels, needs_equal_samples=False),
    _Source(layer_pair_information, _pairs),
    _Source(information_plane, _plane),
)
