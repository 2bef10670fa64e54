"""The array libraries that every estimator is tried with; `python -m tests.support.array_libraries` prints a table.

A cell is measured: the call is made, its values are compared with those of NumPy arrays, and its arrays must be of the
library that the cell names. A cell is empty where the quantity has no table of rows and columns as its input.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_strict
import jax
import numpy as np
import pandas as pd
import polars as pl
import torch

from tests.support.array_calls import CALLS


def _as_is(array: Any) -> Any:
    return array


def _rows(array: Any) -> Any:
    return array.reshape(len(array), -1) if array.ndim > 2 else array


def _pandas(array: Any) -> Any:
    return pd.DataFrame(_rows(array)) if array.ndim > 1 else pd.Series(array)


def _polars(array: Any) -> Any:
    return pl.DataFrame(_rows(array)) if array.ndim > 1 else pl.Series(array)


@dataclass(frozen=True)
class Library:
    """How an array of a library is made from a NumPy array, and of which type results are."""

    make: Callable[[Any], Any]
    results: type
    label: str
    """What the table says of functions that return arrays."""
    shaped: Callable[[Any], Any] = _as_is
    """The NumPy array with the same values as the library's array."""


LIBRARIES = {
    "NumPy": Library(np.asarray, np.ndarray, "NumPy"),
    "PyTorch": Library(torch.from_numpy, torch.Tensor, "tensors"),
    "JAX": Library(jax.numpy.asarray, jax.Array, "JAX"),
    "Array API strict": Library(array_api_strict.asarray, type(array_api_strict.asarray(0)), "strict"),
    "pandas": Library(_pandas, np.ndarray, "NumPy", _rows),
    "polars": Library(_polars, np.ndarray, "NumPy", _rows),
    "lists": Library(lambda array: array.tolist(), np.ndarray, "NumPy"),
}


RETURN_PARAMETERS = ("hidden_state_settings", "published_settings")
"""They return arguments of other functions."""


def arrays_in(result: Any) -> list[Any]:
    """The arrays in a result, without its numbers and texts."""
    if isinstance(result, tuple):
        return [array for item in result for array in arrays_in(item)]
    return [result] if getattr(result, "ndim", 0) else []


def numbers_in(result: Any) -> list[Any]:
    """All numbers and arrays in a result as NumPy arrays."""
    if isinstance(result, tuple):
        return [array for item in result for array in numbers_in(item)]
    return [np.asarray(result)]


def outcome(call: Callable[[Any], Any], library: Library) -> str:
    """What comes back: the label of the library, "numbers" without arrays, or nothing where rows have no such quantity.

    Raises
    ------
    AssertionError
        If the values are not those of NumPy arrays, or an array is of another library.
    """
    with warnings.catch_warnings(), jax.enable_x64(True):
        warnings.simplefilter("ignore")
        try:
            expected = call(library.shaped)
        except ValueError:
            return ""
        result = call(library.make)
        for value, right in zip(numbers_in(result), numbers_in(expected), strict=True):
            np.testing.assert_allclose(value, right, rtol=1e-12)
    arrays = arrays_in(result)
    for array in arrays:
        assert isinstance(array, library.results), f"expected {library.results}, got {type(array)}"
    return library.label if arrays else "numbers"


def table() -> str:
    """The table of docs/arrays.md: one line for each function, with the most that any of its calls gives."""
    cells: dict[str, list[str]] = {}
    for name, call in CALLS.items():
        if name in RETURN_PARAMETERS:
            continue
        given = [outcome(call, library) for library in LIBRARIES.values()]
        known = cells.setdefault(name.split()[0], given)
        cells[name.split()[0]] = [max(pair, key=_rank) for pair in zip(known, given, strict=True)]
    lines = [["function", *LIBRARIES], ["---"] * (1 + len(LIBRARIES))]
    lines += [[f"`{name}`", *row] for name, row in sorted(cells.items())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rank(cell: str) -> int:
    return ["", "numbers"].index(cell) if cell in ("", "numbers") else 2


if __name__ == "__main__":
    print(table())
