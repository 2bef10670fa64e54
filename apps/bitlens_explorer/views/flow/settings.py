"""What results of information flow were made with: in words, and as arguments that more of them are computed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import bitlens
from bitlens.runs import Run
from bitlens_explorer.compute import Step
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import plain

OWN: Parameters = {
    "batch": 128,
    "seed": 0,
    "alpha": 1.01,
    "bandwidth": repr(bitlens.Median()),
    "bandwidth_x": repr(bitlens.Median()),
    "saturating": 0,
    "tensor": 0,
}
"""The library's settings of matrix-based information."""
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
"""Rules for a kernel's width, by the name that results keep them by."""


def arguments(parameters: Parameters) -> dict[str, Any] | None:
    """What the library is to be called with for more such results; None where a kernel's width is of no known rule."""
    given = {name: value for name, value in parameters.items() if name != "tensor" or "layer" not in parameters}
    for name in given.keys() & {"bandwidth", "bandwidth_x", "bandwidth_errors"}:
        if given[name] is None:
            continue
        try:
            given[name] = RULES[given[name]] if given[name] in RULES else float(given[name])
        except (TypeError, ValueError):
            return None
    return given


def words(parameters: Parameters) -> str:
    """Parameters as they stand under a figure."""
    names = {"bandwidth": "kernel width", "bandwidth_x": "of the input", "bandwidth_errors": "of errors"}
    names |= {"batch": "mini-batch", "noise_variance": "noise variance"}
    parts = [
        f"{names.get(name, name)} {value}"
        for name, value in parameters.items()
        if name not in _FLAGS and value is not None
    ]
    parts += [text for name, text in _FLAGS.items() if text and parameters.get(name)]
    return ", ".join(parts)


_FLAGS = dict.fromkeys(("estimator", "layer", "pairs"), "")
_FLAGS |= {"saturating": "plain product of kernels", "tensor": "one kernel of all values"}


def errors(settings: Parameters) -> Parameters:
    """What the chain of errors has of its own where the rest is the paper's: h = 0.1 instead of 5."""
    paper = settings["bandwidth"] == repr(bitlens.Silverman(5.0)) and settings["saturating"]
    return {"bandwidth_errors": repr(bitlens.Silverman(0.1))} if paper else {}


Wanted = Mapping[str, tuple[Parameters, list[int]]]
"""What results are of, the settings they are to have, and the epochs that they are there for."""


def steps(run: Run, measure: Callable[..., object], wanted: Wanted) -> tuple[list[Step], list[str], list[int]]:
    """How what is missing is computed, epoch by epoch; what that is, and at which epochs. No steps: by no known rule."""
    missing = [(name, given, e) for name, (given, kept) in wanted.items() for e in run.epochs if e not in kept]
    found: list[Step] = []
    for name, given, epoch in missing:
        call = arguments(given)
        if call is not None:
            found.append((f"{name}, epoch {epoch}", partial(measure, run, **call, epochs=[epoch])))
    names, epochs = dict.fromkeys(name for name, _, _ in missing), {epoch for _, _, epoch in missing}
    return found if len(found) == len(missing) else [], [plain(name) for name in names], sorted(epochs)


def code(measure: str, sets: Sequence[Parameters]) -> list[str]:
    """The lines of Python that load results, a row an epoch and layer."""
    return [
        "import pandas",
        "",
        "rows = []",
        f"for parameters in {list(sets)!r}:",
        f'    for epoch in run.results.epochs("{measure}", parameters):',
        f'        result = run.results.load("{measure}", parameters, epoch).drop_dims("channel", errors="ignore")',
        "        part = result.expand_dims(epoch=[epoch]).to_dataframe().reset_index()",
        '        rows.append(part.assign(layer=parameters["layer"]) if "layer" in parameters else part)',
        "table = pandas.concat(rows, ignore_index=True)",
    ]
