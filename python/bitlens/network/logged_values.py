"""The scalars of a snapshot's results for loggers such as TensorBoard and Weights & Biases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

_TARGETS = ("layer", "a", "b")
"""Attributes of a result that name the layers it was computed for."""
_NAMED = ("layer", "about")
"""Dimensions whose entries are logged separately. Means over layers, or over input and labels, have no meaning."""


def logged_values(results: Sequence[object], epoch: int) -> dict[str, float]:
    """Scalars of what measures returned at an epoch, by names such as "bitlens/layer_diversity/conv1/bound".

    A Dataset gives its values of the epoch: one scalar for each layer, and for information about the input and the
    labels each; over channels, classes and other dimensions, the mean of the values that are not NaN. A mapping gives
    its numbers, and the scalars of its Datasets. Other results give nothing. A name that is used already gets "#2".
    """
    values: dict[str, float] = {}
    for result in results:
        for name, value in _scalars(result, epoch):
            free, count = name, 1
            while free in values:
                count += 1
                free = f"{name}#{count}"
            values[free] = value
    return values


def _scalars(result: object, epoch: int) -> Iterator[tuple[str, float]]:
    import xarray as xr  # it takes half a second to import, and only measures need it

    if isinstance(result, xr.Dataset):
        yield from _scalars_of_dataset(result, epoch)
    elif isinstance(result, Mapping):
        for name, value in result.items():
            if isinstance(value, xr.Dataset):
                yield from _scalars_of_dataset(value, epoch)
            elif isinstance(value, int | float | np.number):
                yield f"bitlens/{name}", float(value)


def _scalars_of_dataset(dataset: xr.Dataset, epoch: int) -> Iterator[tuple[str, float]]:
    targets = [str(dataset.attrs[name]) for name in _TARGETS if name in dataset.attrs]
    prefix = ["bitlens", str(dataset.attrs.get("measure", "measure"))]
    for name, array in dataset.data_vars.items():
        if array.dtype.kind not in "biuf":
            continue
        if "epoch" in array.dims:
            if epoch not in array["epoch"].values:
                continue
            array = array.sel(epoch=epoch)
        labels = {dim: [str(label) for label in array[dim].values] for dim in _NAMED if dim in array.dims}
        ordered = array.transpose(*labels, ...)
        for place in product(*(range(len(names)) for names in labels.values())):
            numbers = np.asarray(ordered.values[place], np.float64)
            numbers = numbers[~np.isnan(numbers)]
            if numbers.size:
                chosen = {dim: labels[dim][index] for dim, index in zip(labels, place, strict=True)}
                layers = [*targets, *([chosen["layer"]] if "layer" in chosen else [])]
                about = [chosen["about"]] if "about" in chosen else []
                yield "/".join([*prefix, *layers, str(name), *about]), float(numbers.mean())
