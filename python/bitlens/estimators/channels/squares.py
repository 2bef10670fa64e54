"""Squared distances of all sample pairs in every channel, from which codes and kernels are made."""

from __future__ import annotations

from typing import Any, NamedTuple

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
    values, context, _ = as_channel_maps(maps, "maps", cuda=True)
    if as_one:
        values = values.reshape(len(values), 1, -1)
    n, channels, length = values.shape
    values, units = rescale_for_squares(values, "maps", (0, 2))
    squares = context.empty((channels, n, n), "float64")
    call_kernel(context, _core.squared_distances, values, squares)
    units = units.reshape(-1) + squares[:, 0, 0] * 0  # one for each channel
    return ChannelSquares(squares, units, length, context)
