"""Epoch by epoch: what every measure does with what is computed already, what is not, and progress."""

from __future__ import annotations

import json
import operator
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import xarray as xr
from rich.console import Console
from rich.progress import track

from bitlens.runs import Run, RunError
from bitlens.runtime import build_info

INPUT_EPOCH = 0
"""Where a result that does not depend on the epoch is kept."""


def over_epochs(
    run: Run,
    measure: str,
    parameters: dict[str, Any],
    compute: Callable[[int], xr.Dataset],
    epochs: Sequence[int] | None = None,
    recorded: Sequence[int] | None = None,
) -> xr.Dataset:
    """Results of all epochs, along "epoch": loaded where they are kept in the run, computed and kept where not.

    Each epoch is kept as soon as it is done, so an interrupted call goes on where it stopped. Without `epochs`, all that
    have activations or results; one that cannot be measured, such as of a network that has diverged, is then left out
    with a warning. `recorded` are those that can be computed, if not those with activations.
    """
    kept = run.results.epochs(measure, parameters)
    recorded = run.epochs if recorded is None else recorded
    wanted = sorted({*kept, *recorded} if epochs is None else set(epochs))
    missing = [epoch for epoch in wanted if epoch not in kept and epoch not in recorded]
    if missing:
        raise RunError(
            f"epochs: nothing recorded and no result of epoch {missing[0]} in {run.path}; there are {recorded}"
        )
    if not wanted:
        raise RunError(
            f"epochs: {epochs!r} names none" if epochs is not None else f"{run.path} has no complete epoch yet"
        )
    failures: dict[int, RunError] = {}
    found: dict[int, xr.Dataset] = {}
    for epoch in _progress([e for e in wanted if e not in kept], measure, parameters):
        try:
            found[epoch] = _compute(run, measure, parameters, epoch, compute)
        except RunError as error:
            if epochs is not None:
                raise
            failures[epoch] = error
    good = [epoch for epoch in wanted if epoch not in failures]
    if not good:
        raise failures[wanted[0]]
    for failure in failures.values():
        warnings.warn(f"left out: {failure}", stacklevel=3)
    results = [found[e] if e in found else run.results.load(measure, parameters, e) for e in good]
    combined = xr.concat(results, dim="epoch", combine_attrs="override")
    return combined.assign_coords(epoch=good)


def once(run: Run, measure: str, parameters: dict[str, Any], compute: Callable[[], xr.Dataset]) -> xr.Dataset:
    """The result of a measure that does not depend on the epoch."""
    if INPUT_EPOCH not in run.results.epochs(measure, parameters):
        _compute(run, measure, parameters, INPUT_EPOCH, lambda _: compute())
    return run.results.load(measure, parameters, INPUT_EPOCH)


def _compute(
    run: Run, measure: str, parameters: dict[str, Any], epoch: int, compute: Callable[[int], xr.Dataset]
) -> xr.Dataset:
    try:
        result = compute(epoch)
    except RunError:
        raise
    except ValueError as error:
        raise RunError(f"{measure} of {run.path} at epoch {epoch}: {error}") from error
    result.attrs = {
        "measure": measure,
        "parameters": json.dumps(parameters, sort_keys=True, default=operator.index),
        "bitlens_version": build_info()["version"],
        **{name: value for name, value in parameters.items() if value is not None},
    }
    run.results.save(measure, parameters, epoch, result)
    return result


def _progress(epochs: list[int], measure: str, parameters: dict[str, Any]) -> Any:
    layers = [str(parameters[name]) for name in ("layer", "a", "b") if name in parameters]
    return track(
        epochs,
        description=" ".join([measure.replace("_", " "), *layers]),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def bits(values: Any, dims: Sequence[str], long_name: str) -> xr.Variable:
    """A variable that says what it is and in which unit."""
    return xr.Variable(dims, values, {"long_name": long_name, "units": "bits"})
