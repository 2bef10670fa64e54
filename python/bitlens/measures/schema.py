"""The data that measures exchange: variables of a result, stored results and tasks; the way into the store and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np

from bitlens.estimators.verdicts import VERDICTS
from bitlens.measures.parameters import Parameters, as_text
from bitlens.runs import ResultKey, StoredArray, StoredResult, StoredSeries

if TYPE_CHECKING:
    import xarray as xr


P = TypeVar("P", bound=Parameters)
Target: TypeAlias = tuple[str, ...]
"""The layers that a measure is computed for: none, one, or a pair; see `Measure.target_names`."""


@dataclass(frozen=True)
class Variable:
    """One variable of a result: its dimensions without the epoch, its unit and what it is.

    A last dimension such as ``input_*`` stands for all remaining axes.
    """

    name: str
    dims: tuple[str, ...]
    long_name: str
    unit: str = "bits"
    texts: tuple[str, ...] = ()
    """All texts that the variable may have, in a fixed order; empty for numbers."""

    def named_axes(self, count: int) -> tuple[str, ...]:
        """The dimensions of an array with this number of axes."""
        if not self.dims or not self.dims[-1].endswith("*"):
            return self.dims
        stem = self.dims[-1][:-1]
        return (*self.dims[:-1], *(f"{stem}{i}" for i in range(count - len(self.dims) + 1)))


def verdict_variable(name: str, dims: tuple[str, ...], long_name: str) -> Variable:
    """A variable of texts, which say how far an estimate can be trusted."""
    return Variable(name, dims, long_name, "1", VERDICTS)


@dataclass
class Result:
    """What a measure computes for one target at one epoch: values by the names of its variables, and coordinates."""

    values: dict[str, Any]
    coordinates: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Known(Generic[P]):
    """Results that a run has: of which target, with which parameters, for which epochs."""

    target: Target
    parameters: P
    unknown: Mapping[str, Any]
    """Parameters that this version of bitlens does not know; they are part of the key."""
    epochs: tuple[int, ...]
    key: ResultKey

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that stand for target and parameters in an address."""
        return self.key.digest[:8]


@dataclass(frozen=True)
class Task:
    """The smallest unit of work: one measure of one target at one epoch. Any process can execute it."""

    run: str
    measure: str
    target: Target
    parameters: Mapping[str, Any]
    epoch: int


def to_stored(result: Result, variables: Sequence[Variable]) -> StoredResult:
    """A result with the dimensions, long names and units of its declared variables."""
    declared = {variable.name: variable for variable in variables}
    stored: dict[str, StoredArray] = {}
    used: set[str] = set()
    for name, values in result.values.items():
        variable, array = declared[name], np.asarray(values)
        dims = variable.named_axes(array.ndim)
        used.update(dims)
        attributes = {"long_name": variable.long_name, "units": variable.unit}
        stored[name] = StoredArray(dims, array, attributes, variable.texts)
    # Coordinates of an axis that no variable has, such as classes of a run without labels, are left out.
    labels = {name: np.asarray(values) for name, values in result.coordinates.items() if name in used}
    return StoredResult(stored, {name: StoredArray((name,), array, {}) for name, array in labels.items()})


def has_schema(series: StoredSeries, variables: Sequence[Variable]) -> bool:
    """Whether stored results have declared variables only, with their dimensions."""
    declared = {variable.name: variable for variable in variables}
    return all(
        name in declared and ("epoch", *declared[name].named_axes(array.values.ndim - 1)) == tuple(array.dims)
        for name, array in series.variables.items()
    )


def epochs_of(series: Sequence[StoredSeries]) -> set[int]:
    """The epochs of several series."""
    return {epoch for group in series for epoch in group.epochs}


def as_series(result: StoredResult, epoch: int) -> StoredSeries:
    """One result as a series of one epoch."""
    arrays = {
        name: StoredArray(("epoch", *array.dims), array.values[None], array.attributes)
        for name, array in result.variables.items()
    }
    return StoredSeries([epoch], arrays, result.coordinates)


def as_dataset(series: list[StoredSeries], key: ResultKey) -> xr.Dataset:
    """Stored results as one Dataset along "epoch", with the key's settings in the attributes."""
    from bitlens.runs.result_export import to_dataset  # xarray takes half a second to import

    lists = {name: as_text(value) for name, value in key.settings.items() if isinstance(value, list)}
    return to_dataset(key, series).assign_attrs(lists)
