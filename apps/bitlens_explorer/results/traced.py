"""Values with the Python that makes them, so that a figure and the lines that a user copies cannot differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bitlens
from bitlens.runs import Run

_PACKAGES = ("measures", "tables")
"""Packages of functions that are not in `bitlens` itself."""


@dataclass(frozen=True)
class Traced:
    """A value, the Python expression that makes it, and the lines that have to run before."""

    value: Any
    text: str
    lines: tuple[str, ...] = ()

    def assigned(self, name: str) -> Traced:
        """The same value under a name."""
        return Traced(self.value, name, (*self.lines, f"{name} = {self.text}"))

    def sel(self, **labels: Any) -> Traced:
        """A part of a Dataset by its labels."""
        return Traced(self.value.sel(**labels), f"{self.text}.sel({_arguments((), labels)})", self.lines)

    def rows(self, **values: Any) -> Traced:
        """The rows of a table in which columns have these values; a list stands for any of its members."""
        table, text = self.value, self.text
        for column, value in values.items():
            several = isinstance(value, list)
            table = table[table[column].isin(value) if several else table[column] == value]
            test = f"rows[{column!r}].isin({value!r})" if several else f"rows[{column!r}] == {value!r}"
            text += f".loc[lambda rows: {test}]"
        return Traced(table.reset_index(drop=True), f"{text}.reset_index(drop=True)", self.lines)

    def columns(self, names: Sequence[str]) -> Traced:
        """Some columns of a table."""
        return Traced(self.value[list(names)], f"{self.text}[{list(names)!r}]", self.lines)

    def code(self, run: Run) -> str:
        """The lines of Python that make the value from the run, as `table`."""
        lines = self.assigned("table").lines
        imports = ["import bitlens"]
        imports += [f"from bitlens import {name}" for name in _PACKAGES if any(f"{name}." in line for line in lines)]
        return "\n".join([*imports, "", f"run = bitlens.open_run({str(run.path.resolve())!r})", *lines])


def call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Traced:
    """The value of a function of `bitlens`, its measures or tables; arguments may be traced, also in dict and list."""
    value = function(*map(_value, arguments), **{name: _value(given) for name, given in keywords.items()})
    owner = next((name for name in _PACKAGES if function.__module__.startswith(f"bitlens.{name}.")), "bitlens")
    # The functions of measures are in `bitlens` too, except some; those of tables may have their names.
    package = "bitlens" if owner == "measures" and function.__name__ in bitlens.__all__ else owner
    lines = dict.fromkeys(line for given in (*arguments, *keywords.values()) for line in _lines(given))
    return Traced(value, f"{package}.{function.__name__}({_arguments(arguments, keywords)})", tuple(lines))


def _arguments(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    return ", ".join([*map(_text, arguments), *(f"{name}={_text(value)}" for name, value in keywords.items())])


def _value(given: Any) -> Any:
    if isinstance(given, Traced):
        return given.value
    if isinstance(given, dict):
        return {name: _value(item) for name, item in given.items()}
    return [_value(item) for item in given] if isinstance(given, list) else given


def _text(given: Any) -> str:
    if isinstance(given, Traced):
        return given.text
    if isinstance(given, Run):
        return "run"
    traced = bool(_items(given)) and any(isinstance(item, Traced) for item in _items(given))
    if not traced:
        return repr(given)
    if isinstance(given, dict):
        return "".join(["{\n", *(f"    {name!r}: {_text(item)},\n" for name, item in given.items()), "}"])
    return "".join(["[\n", *(f"    {_text(item)},\n" for item in given), "]"])


def _lines(given: Any) -> list[str]:
    if isinstance(given, Traced):
        return list(given.lines)
    return [line for item in _items(given) for line in _lines(item)]


def _items(given: Any) -> list[Any]:
    if isinstance(given, dict):
        return list(given.values())
    return given if isinstance(given, list) else []
