"""The documentation of a measure: its docstring gets the section "Parameters" from the declared parameters."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence

from bitlens.measures.parameters import Parameters, as_text


def with_parameters(
    docstring: str, targets: Sequence[str], parameters: type[Parameters], arguments: Mapping[str, str]
) -> str:
    """Insert the section "Parameters" before the section "Returns" of a docstring.

    Parameters
    ----------
    docstring : str
        What the class says, without the section.
    targets : sequence of str
        Names of the arguments that name layers.
    parameters : type of Parameters
        The declared parameters.
    arguments : mapping of str to str
        Further arguments, and those whose documentation differs from the stored parameter: "type: help".
    """
    rows = {"run": ("Run", "A recorded run."), **dict.fromkeys(targets, ("str", "Name of a layer."))}
    for declared in parameters.fields():
        default = "" if declared.default is None else f", default {as_text(declared.default)}"
        unit = f" Unit: {declared.unit}." if declared.unit else ""
        bounds = f" Range: {declared.bounds}." if declared.bounds else ""
        rows[declared.name] = (declared.kind + default, declared.help + unit + bounds)
    for name, text in arguments.items():
        kind, _, explanation = text.partition(": ")
        rows[name] = (kind, explanation)
    rows["epochs"] = ("sequence of int, optional", "The epochs to compute. Default: all.")
    lines = ["Parameters", "----------"]
    for name, (kind, explanation) in rows.items():
        lines.append(f"{name} : {kind}")
        lines += textwrap.wrap(explanation, 110, initial_indent="    ", subsequent_indent="    ")
    summary, separator, rest = inspect.cleandoc(docstring).partition("\nReturns\n-------\n")
    return f"{summary.rstrip()}\n\n" + "\n".join(lines) + "\n" + separator + rest
