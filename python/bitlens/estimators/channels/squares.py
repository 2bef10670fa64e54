"""Squared distances of all sample pairs in every channel, from which codes and kernels are made."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import Array, ArrayContext, as_channel_maps, call_kernel, rescale_for_squares


class ChannelSquares(NamedTuple):
    """Squared distances of all sample pairs in every channel; the unit of the distances differs between channels."""

    values: Any
    """float64 [channels, n, n]."""
    units: Any
    """The unit of the distances in that of the maps, [channels]."""
    length: int
    """Number of values in a map."""
    context: ArrayContext


def channel_squares(maps: Array, *, as_one: bool = False) -> ChannelSquares:
    """Compute the squared distances of maps [n, channels, ...]; with `as_one` of all values as one channel."""
    values, units, context = channel_values(maps, "maps", as_one=as_one)
    squares = squared_distances(values, context)
    units = units.reshape(-1) + squares[:, 0, 0] * 0  # one for each channel
    return ChannelSquares(squares, units, values.shape[2], context)


def channel_values(
    maps: Array, name: str, channel_axis: int = 1, *, as_one: bool = False, deferred: bool = False
) -> tuple[Any, Any, ArrayContext]:
    """Convert at least two samples to values [n, channels, length] whose squares are finite, and their units.

    With `deferred`, values on a GPU are neither looked at nor scaled, and the caller asks `need_no_rescaling` later.
    """
    values, context, _ = as_channel_maps(maps, name, channel_axis=channel_axis, cuda=True, deferred=deferred)
    if as_one:
        values = values.reshape(len(values), 1, -1)
        values = values if context.on_cuda else np.ascontiguousarray(values)  # the columns may be so
    if len(values) < 2:
        raise ValueError(f"{name}: expected at least 2 samples, got {len(values)}")
    if deferred and context.on_cuda:
        return values, context.ones(values.shape[1]), context
    values, units = rescale_for_squares(values, name, (0, 2))
    return values, units, context


def squared_distances(values: Any, context: ArrayContext) -> Any:
    """Compute the squared distances of values [n, channels, length] in every channel, float64 [channels, n, n]."""
    n, channels, _ = values.shape
    squares = context.empty((channels, n, n), "float64")
    call_kernel(context, _core.squared_distances, values, squares)
    return squares
