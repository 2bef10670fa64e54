"""Settings of information flow: as text, and as arguments that compute more results with the same settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import bitlens
from bitlens.runs import Run
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.ui.compute_button import Step
from bitlens_explorer.ui.text import escape_markdown

DEFAULTS: Parameters = {
    "batch": 128,
    "seed": 0,
    "alpha": 1.01,
    "bandwidth": repr(bitlens.Median()),
    "bandwidth_x": repr(bitlens.Median()),
    "saturating": 0,
    "tensor": 0,
}
"""The default settings of matrix-based information in the library."""
RULES = {
    repr(rule): rule
    for rule in (
        bitlens.Median(),
        bitlens.Silverman(5.0),
        bitlens.Silverman(0.1),
        bitlens.Dimension(),
        bitlens.Alignment(smallest=0.1),
    )
}
"""Bandwidth rules by the text that results store."""
_NAMES = {
    "bandwidth": "kernel bandwidth",
    "bandwidth_x": "bandwidth of the input",
    "bandwidth_errors": "bandwidth of errors",
    "batch": "mini-batch",
    "noise_variance": "noise variance",
}
_FLAGS = {"saturating": "plain product of kernels", "tensor": "one kernel of all values"}
_NOT_SHOWN = {"estimator", "layer", "pairs", *_FLAGS}


def arguments(parameters: Parameters) -> dict[str, Any] | None:
    """Arguments of the library for more results with these parameters; None if a bandwidth rule is not known."""
    call = {name: value for name, value in parameters.items() if name != "tensor" or "layer" not in parameters}
    for name in call.keys() & {"bandwidth", "bandwidth_x", "bandwidth_errors"}:
        if call[name] is None:
            continue
        try:
            call[name] = RULES[call[name]] if call[name] in RULES else float(call[name])
        except (TypeError, ValueError):
            return None
    return call


def describe_settings(parameters: Parameters) -> str:
    """Parameters as text for captions."""
    shown = {name: value for name, value in parameters.items() if name not in _NOT_SHOWN and value is not None}
    parts = [f"{_NAMES.get(name, name)} {value}" for name, value in shown.items()]
    return ", ".join([*parts, *(text for name, text in _FLAGS.items() if parameters.get(name))])


def error_bandwidth(settings: Parameters) -> Parameters:
    """The bandwidth of errors in the settings of the paper: h = 0.1 instead of 5."""
    paper = settings["bandwidth"] == repr(bitlens.Silverman(5.0)) and settings["saturating"]
    return {"bandwidth_errors": repr(bitlens.Silverman(0.1))} if paper else {}


Wanted = Mapping[str, tuple[Parameters, list[int]]]
"""Name of a result -> the parameters it should have, and the epochs that have it."""


def missing_steps(run: Run, measure: Callable[..., object], wanted: Wanted) -> tuple[list[Step], list[str], list[int]]:
    """Steps that compute what is missing, epoch by epoch; the names and epochs of it.

    There are no steps if a bandwidth rule is not known.
    """
    missing = [(name, given, e) for name, (given, epochs) in wanted.items() for e in run.epochs if e not in epochs]
    steps: list[Step] = []
    for name, given, epoch in missing:
        call = arguments(given)
        if call is not None:
            steps.append((f"{name}, epoch {epoch}", partial(measure, run, **call, epochs=[epoch])))
    names, epochs = dict.fromkeys(name for name, _, _ in missing), {epoch for _, _, epoch in missing}
    complete = steps if len(steps) == len(missing) else []
    return complete, [escape_markdown(name) for name in names], sorted(epochs)


def load_code(measure: str, parameters: Parameters) -> list[str]:
    """The lines of Python that load results of all epochs."""
    return [
        "import xarray",
        "from bitlens import tables",
        "",
        f"parameters = {dict(parameters)!r}",
        f'epochs = run.results.epochs("{measure}", parameters)',
        f'parts = [run.results.load("{measure}", parameters, epoch) for epoch in epochs]',
        "results = xarray.concat(parts, 'epoch').assign_coords(epoch=epochs)",
    ]


def load_layers_code(measure: str, sets: Sequence[Parameters]) -> list[str]:
    """The lines of Python that load results of all epochs and of several layers."""
    return [
        "import xarray",
        "from bitlens import tables",
        "",
        "by_layer = {}",
        f"for parameters in {[dict(parameters) for parameters in sets]!r}:",
        f'    epochs = run.results.epochs("{measure}", parameters)',
        f'    parts = [run.results.load("{measure}", parameters, epoch) for epoch in epochs]',
        "    by_layer[parameters['layer']] = xarray.concat(parts, 'epoch').assign_coords(epoch=epochs)",
    ]
