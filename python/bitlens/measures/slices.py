"""Entropies of slices of a run, which are the methods of `bitlens.runs.Slice`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bitlens import estimators
from bitlens.arrays import NDArray
from bitlens.estimators.matrix.gram import shuffle_orders
from bitlens.estimators.permutation import compared
from bitlens.measures.inputs import full_diversity_of, require_magnitudes
from bitlens.measures.pair_codes import PairCodes, shuffled_information
from bitlens.runs import RunError, Slice
from bitlens.runs.selection import Axis


def inter_sample_entropy(chosen: Slice, k: int = 15, *, seed: int = 0) -> xr.DataArray:
    """Bits by layer and epoch: how diverse the samples are in the slice's channels (eq. 4 to 7).

    The coordinates tell how to read it (see `bitlens.inter_sample_entropy`): ``diversity``, 0 for one distinct sample
    and 1 for white noise, ``null_mean`` of shuffled features, ``distinct`` samples, and samples ``tied`` at rank k.
    """
    full = [
        [
            full_diversity_of(chosen.run, layer, chosen.read(layer, epoch), k, seed=seed, intervals=False)
            for epoch in chosen.epochs.values
        ]
        for layer in chosen.layers.values
    ]

    def column(name: str) -> NDArray:
        return np.array([[getattr(of_epoch, name) for of_epoch in row] for row in full])

    others = {name: column(name) for name in ("bound", "diversity", "null_mean", "null_std", "distinct", "tied")}
    axes = {"layer": chosen.layers, "epoch": chosen.epochs}
    return _labelled(column("entropy"), "inter-sample entropy", axes, others, k=k, seed=seed)


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
    return _labelled(np.array(values), "intra-sample entropy", axes, {}, bins=bins, **given)


def mutual_information(
    chosen: Slice, other: Slice, bins: int = 32, *, permutations: int = 20, seed: int = 0
) -> xr.DataArray:
    """Bits by epoch and channel pair of two layers, between binned distances (section 5.3.1).

    The coordinates ``null_mean``, ``null_std``, ``excess`` and ``p_value`` are those of shuffled samples.
    """
    return _of_pairs(chosen, other, "mutual information", bins, permutations, seed)


def conditional_entropy(
    chosen: Slice, other: Slice, bins: int = 32, *, permutations: int = 20, seed: int = 0
) -> xr.DataArray:
    """Bits of this slice's channels that remain once a channel of the other is known: H(self | other).

    The coordinates ``null_mean`` and ``null_std`` are those of shuffled samples: what chance leaves.
    """
    return _of_pairs(chosen, other, "conditional entropy", bins, permutations, seed)


def _of_pairs(chosen: Slice, other: Slice, name: str, bins: int, permutations: int, seed: int) -> xr.DataArray:
    if chosen.samples.values != other.samples.values or chosen.epochs.values != other.epochs.values:
        raise RunError("other: expected a slice of the same samples and epochs")
    a, b = chosen.one_layer("self"), other.one_layer("other")
    values, nulls = [], []
    for epoch in chosen.epochs.values:
        of_a = PairCodes(chosen.run, a, chosen.read(a, epoch), bins)
        of_b = PairCodes(other.run, b, other.read(b, epoch), bins)
        everyone = np.arange(len(chosen.samples.values))
        codes = of_a.of(everyone), of_b.of(everyone)
        full = estimators.channel_mutual_information(*codes, bins, codes=True, full_output=True)
        orders = shuffle_orders(len(everyone), permutations, seed)
        null = compared(full.mutual_information, shuffled_information(of_a, of_b, everyone, orders), seed)
        if name == "mutual information":
            values.append(full.mutual_information)
            nulls.append([null.null_mean, null.null_std, null.excess, null.p_value])
        else:
            values.append(full.conditional_entropy)
            nulls.append([full.entropy_a[:, None] - null.null_mean, null.null_std])
    axes = {"epoch": chosen.epochs, "channel_a": chosen.channel_axis(a), "channel_b": other.channel_axis(b)}
    names = ("null_mean", "null_std", "excess", "p_value")
    columns = dict(zip(names, np.swapaxes(np.array(nulls), 0, 1), strict=False))
    return _labelled(np.array(values), name, axes, columns, bins=bins, permutations=permutations, seed=seed)


def _labelled(
    values: NDArray, name: str, axes: dict[str, Axis], others: Mapping[str, NDArray], **parameters: object
) -> xr.DataArray:
    """An array with its axes, and with `others` of the same shape as coordinates."""
    coordinates: dict[str, Any] = {dim: list(axis.values) for dim, axis in axes.items()}
    coordinates |= {other: (tuple(axes), column) for other, column in others.items()}
    array = xr.DataArray(values, coordinates, tuple(axes), name.replace(" ", "_").replace("-", "_"))
    array.attrs = {"long_name": name, "units": "bits", **parameters}
    return array.isel({dim: 0 for dim, axis in axes.items() if axis.single})
