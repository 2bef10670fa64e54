"""Tensors that are parts of others: what is written into a part in place is written into the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from bitlens.arrays import NDArray
from bitlens.network.tracing.axes import Axis, Channels, Places, Samples, Trace, other, united
from bitlens.network.tracing.call import Call, Operand, combined

_WHOLE = ("alias", "detach", "lift_fresh")


@dataclass(frozen=True)
class _Part:
    """Which entries of another tensor a tensor has."""

    whole: Tensor
    axes: tuple[int, ...]
    """The axis of the whole for each axis of the part."""
    entries: tuple[NDArray, ...] | None
    """The entries along each axis of the whole; None if that is not known, such as after a reshape."""


class Parts:
    """All parts of tensors in a forward pass."""

    def __init__(self) -> None:
        self._parts: Any = WeakTensorKeyDictionary()

    def whole_of(self, tensor: Tensor) -> Tensor | None:
        """The tensor of which this one is a part."""
        part = self._parts.get(tensor)
        return None if part is None else part.whole

    def note(self, call: Call, viewed: Tensor) -> None:
        """Note that the results of a call are views of one of its arguments."""
        part = self._parts.get(viewed)
        if part is None:
            entries = tuple(np.arange(size) for size in viewed.shape)
            part = _Part(viewed, tuple(range(viewed.ndim)), entries)
        for result in call.results:
            if result is not viewed:
                self._parts[result] = _part_of(part, call, viewed)

    def written(self, tensor: Tensor, trace: Trace, before: Operand) -> Trace:
        """The trace of the whole after a part of it was written, whose values now have this trace."""
        part = self._parts[tensor]
        shape = tuple(part.whole.shape)
        if part.entries is None or len(part.axes) != len(trace.axes):
            new = _scattered(trace, shape)
        else:
            new = Trace(tuple(other(size) for size in shape), trace.reach)
            for axis, factors in zip(part.axes, trace.axes, strict=True):
                placed = _placed(factors, part.entries[axis], shape[axis])
                if placed is None:
                    lost = trace.losing(part.axes.index(axis)).reach
                    new = Trace(new.axes, united(new.reach, lost))
                else:
                    new = new.with_axis(axis, placed)
        result = combined([(shape, before), (shape, new)], shape)
        assert result is not None
        return result


def _part_of(part: _Part, call: Call, viewed: Tensor) -> _Part:
    """The part that a view of a part is."""
    if part.entries is None or call.name not in ("slice", "select", *_WHOLE):
        return _Part(part.whole, (), None)
    if call.name in _WHOLE:
        return part
    axis = (call.arguments[1] or 0) % viewed.ndim
    of_whole = part.axes[axis]
    entries = list(part.entries)
    if call.name == "select":
        entries[of_whole] = entries[of_whole][[call.arguments[2]]]
        return _Part(part.whole, part.axes[:axis] + part.axes[axis + 1 :], tuple(entries))
    entries[of_whole] = entries[of_whole][slice(*call.arguments[2:5])]
    return _Part(part.whole, part.axes, tuple(entries))


def _placed(factors: Axis, entries: NDArray, size: int) -> Axis | None:
    """An axis of the whole with the factors of the part at these entries; None if they cannot be placed."""
    if len(entries) == size:
        return factors
    if len(factors) == 1 and isinstance(factors[0], Places):
        numbers = np.full(size, -1)
        numbers[entries] = np.arange(len(entries))
        return (factors[0].taken(numbers),)
    if len(factors) == 1 and isinstance(factors[0], Channels):
        return (Channels(size, factors[0].how, factors[0].time),)
    return None


def _scattered(trace: Trace, shape: tuple[int, ...]) -> Trace:
    """Every value may depend on everything that was written; the first axis stays that of the samples."""
    axes = [other(size) for size in shape]
    first = trace.axes[0] if trace.axes else ()
    if len(first) == 1 and isinstance(first[0], Samples) and shape and first[0].size == shape[0]:
        axes[0] = first
    return Trace(tuple(axes), trace.losing(*range(len(trace.axes))).reach)
