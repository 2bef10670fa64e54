"""Entropies of slices of a run, which are the methods of `bitlens.runs.Slice`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from bitlens import estimators
from bitlens.arrays import NDArray
from bitlens.measures.inputs import codes_of, diversity_of, require_magnitudes
from bitlens.runs import RunError, Slice
from bitlens.runs.selection import Axis


def inter_sample_entropy(chosen: Slice, k: int = 15) -> xr.DataArray:
    """Bits by layer and epoch: how diverse the samples are in the slice's channels (eq. 4 to 7)."""
    values = [
        [diversity_of(chosen.run, layer, chosen.read(layer, epoch), k) for epoch in chosen.epochs.values]
        for layer in chosen.layers.values
    ]
    return _labelled(np.array(values), "inter-sample entropy", {"layer": chosen.layers, "epoch": chosen.epochs}, k=k)


def intra_sample_entropy(chosen: Slice, bins: int = 32, value_range: tuple[float, float] | None = None) -> xr.DataArray:
    """Bits by epoch, sample and channel of one layer: how much the values within each map vary (section 4.4.2).

    The bins span the values of the slice at each epoch, unless `value_range` is given.
    """
    layer = chosen.one_layer("intra_sample_entropy()")
    require_magnitudes(chosen.run, layer, "intra_sample_entropy()")
    values = [
        estimators.intra_sample_entropy(chosen.read(layer, epoch), bins, value_range) for epoch in chosen.epochs.values
    ]
    axes = {"epoch": chosen.epochs, "sample": chosen.samples, "channel": chosen.channel_axis(layer)}
    # The range changes the numbers, so it is in the attributes if the values have not determined it.
    given = {} if value_range is None else {"value_range": list(value_range)}
    return _labelled(np.array(values), "intra-sample entropy", axes, bins=bins, **given)


def mutual_information(chosen: Slice, other: Slice, bins: int = 32) -> xr.DataArray:
    """Bits by epoch and channel pair of two layers, between binned distances (section 5.3.1)."""
    return _of_pairs(chosen, other, "mutual information", bins, lambda entropies: entropies.mutual_information)


def conditional_entropy(chosen: Slice, other: Slice, bins: int = 32) -> xr.DataArray:
    """Bits of this slice's channels that remain once a channel of the other is known: H(self | other)."""
    return _of_pairs(chosen, other, "conditional entropy", bins, lambda entropies: entropies.conditional_entropy)


def _of_pairs(chosen: Slice, other: Slice, name: str, bins: int, pick: Callable[[Any], NDArray]) -> xr.DataArray:
    if chosen.samples.values != other.samples.values or chosen.epochs.values != other.epochs.values:
        raise RunError("other: expected a slice of the same samples and epochs")
    a, b = chosen.one_layer("self"), other.one_layer("other")
    values = []
    for epoch in chosen.epochs.values:
        codes_a = codes_of(chosen.run, a, chosen.read(a, epoch), bins)
        codes_b = codes_of(other.run, b, other.read(b, epoch), bins)
        values.append(pick(estimators.channel_mutual_information(codes_a, codes_b, bins, codes=True, full_output=True)))
    axes = {"epoch": chosen.epochs, "channel_a": chosen.channel_axis(a), "channel_b": other.channel_axis(b)}
    return _labelled(np.array(values), name, axes, bins=bins)


def _labelled(values: NDArray, name: str, axes: dict[str, Axis], **parameters: object) -> xr.DataArray:
    coordinates = {dim: list(axis.values) for dim, axis in axes.items()}
    array = xr.DataArray(values, coordinates, tuple(axes), name.replace(" ", "_").replace("-", "_"))
    array.attrs = {"long_name": name, "units": "bits", **parameters}
    return array.isel({dim: 0 for dim, axis in axes.items() if axis.single})
