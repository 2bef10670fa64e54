"""Which entries of its input each output of a convolution, a pooling or an interpolation depends on, along one axis."""

from __future__ import annotations

import numpy as np

from bitlens.arrays import NDArray
from bitlens.network.tracing.axes import NOWHERE, Axis, Places, other


def sliding(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[NDArray]:
    """For each tap of the kernel: the entry of the input at every output, without regard to the borders."""
    start = np.arange(size) * stride - padding
    return [start + tap * dilation for tap in range(kernel)]


def transposed(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[NDArray]:
    """As `sliding`, for a transposed convolution; -1 where a tap contributes nothing."""
    taps = [np.arange(size) + padding - tap * dilation for tap in range(kernel)]
    return [np.where(tap % stride == 0, tap // stride, -1) for tap in taps]


def adaptive(size: int, inputs: int) -> list[NDArray]:
    """The entries of the bins of an adaptive pooling."""
    first, end = np.arange(size) * inputs // size, -(-(np.arange(size) + 1) * inputs // size)
    return [np.minimum(first + tap, end - 1) for tap in range(int((end - first).max()))]


def interpolated(size: int, inputs: int, taps: int, aligned: bool, step: float) -> list[NDArray]:
    """The entries that an interpolation reads with this number of taps along an axis: 2 is linear, 4 is cubic.

    From one output to the next, the position in the input moves on by `step`.
    """
    position = np.arange(size) * step + (0 if aligned else step / 2 - 0.5)
    lowest = np.floor(position).astype(np.int64)
    return [np.clip(lowest + tap, 0, inputs - 1) for tap in range(1 - taps // 2, 1 + taps // 2)]


def nearest(size: int, inputs: int, exact: bool, step: float) -> list[NDArray]:
    """The entry that an interpolation by the nearest neighbour reads, in the precision in which PyTorch computes it."""
    position = (np.arange(size) + np.float32(0.5 if exact else 0)) * np.float32(step)
    return [np.minimum(position.astype(np.float32).astype(np.int64), inputs - 1)]


def seen_through(axis: Axis, taps: list[NDArray]) -> Axis | None:
    """An axis after a window was moved along it; None if it is not one axis of places."""
    size = len(taps[0])
    if not axis or not any(isinstance(factor, Places) for factor in axis):
        return other(size)
    if len(axis) != 1 or not isinstance(axis[0], Places):
        return None
    places = axis[0]
    first, end = np.full(size, NOWHERE), np.zeros(size, np.int64)
    for tap in taps:
        entries = places.taken(np.where((tap >= 0) & (tap < places.size), tap, -1))
        first, end = np.minimum(first, entries.first), np.maximum(end, entries.end)
    return (Places(size, places.axis, first, end),)
