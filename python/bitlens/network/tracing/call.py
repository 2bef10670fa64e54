"""One call of an operation, and the traces of results for operations that act on single values or mix everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from bitlens.network.tracing.axes import (
    Axis,
    Channels,
    Factor,
    Other,
    Places,
    Samples,
    Trace,
    joined,
    other,
    reach_of,
    united,
)

Operand = Trace | None
"""The trace of a tensor, or None for a constant, such as a parameter."""


class Call:
    """One call of an operation: its arguments by position, with the traces of the tensors among them."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[Any],
        results: Sequence[Tensor],
        of: Callable[[Any], Operand],
        is_weight: Callable[[Tensor], bool],
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.results = results
        self.of = of
        self.is_weight = is_weight
        """Whether a constant is a parameter, or was computed from some."""

    def trace(self, position: int) -> Operand:
        """The trace of an argument."""
        return self.of(self.arguments[position]) if position < len(self.arguments) else None

    def get(self, position: int, default: Any = None) -> Any:
        """The value of an argument."""
        return self.arguments[position] if position < len(self.arguments) else default

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return tuple(self.results[0].shape)

    def operands(self) -> list[tuple[Any, Operand]]:
        """All tensors among the arguments, with their traces."""
        flat = [v for a in self.arguments for v in (a if isinstance(a, (list, tuple)) else [a])]
        return [(value, self.of(value)) for value in flat if isinstance(value, Tensor)]


def combined(traces: Sequence[tuple[tuple[int, ...], Operand]], shape: tuple[int, ...]) -> Operand:
    """The trace of a value that was computed from broadcast operands at the same position."""
    known = [(own, trace) for own, trace in traces if trace is not None]
    if not known:
        return None
    reach: Any = {}
    for _, trace in known:
        reach = united(reach, trace.reach)
    result = Trace(tuple(other(size) for size in shape), reach)
    for axis, size in enumerate(shape):
        places = [(own, trace, axis - len(shape) + len(own)) for own, trace in known]
        factors = [trace.axes[i] for own, trace, i in places if i >= 0 and own[i] == size and trace.axes[i]]
        for own, trace, i in places:
            if i >= 0 and own[i] < size:  # one place, on which all values along the axis now depend
                result = Trace(result.axes, united(result.reach, reach_of(trace.axes[i])))
        if factors:
            result, merged = _merged(result, factors, size)
            result = result.with_axis(axis, merged)
    return result


def _merged(result: Trace, axes: list[Axis], size: int) -> tuple[Trace, Axis]:
    """One axis from those of several operands."""
    merged = axes[0]
    for axis in axes[1:]:
        if [factor.size for factor in merged] != [factor.size for factor in axis]:
            # One of the operands says more about the axis: the one whose channels or samples are known.
            informative = max(merged, axis, key=_rank_of_axis)
            lost = Trace((merged, axis)).losing(0, 1)
            return Trace(result.axes, united(result.reach, lost.reach)), informative
        factors = []
        for a, b in zip(merged, axis, strict=True):
            factor = _union(a, b)
            if factor is None:
                factor = _later(a, b)
                lost = Trace(((a, b),)).losing(0)
                result = Trace(result.axes, united(result.reach, lost.reach))
            factors.append(factor)
        merged = joined(factors)
    return result, merged


def _rank(factor: Factor) -> int:
    return [Other, Places, Channels, Samples].index(type(factor))


def _later(a: Factor, b: Factor) -> Factor:
    """The factor that says more; of two with channels, the one on which weights acted last."""
    return max(a, b, key=lambda factor: (_rank(factor), getattr(factor, "time", 0)))


def _rank_of_axis(axis: Axis) -> int:
    return max(map(_rank, axis), default=0)


def _union(a: Factor, b: Factor) -> Factor | None:
    """The factor for values of both; None if they are places of different axes."""
    if a is b:
        return a
    if isinstance(a, Places) and isinstance(b, Places):
        if a.axis != b.axis:
            return None
        if (a.first == b.first).all() and (a.end == b.end).all():
            return a
        return Places(a.size, a.axis, np.minimum(a.first, b.first), np.maximum(a.end, b.end))
    if Places in (type(a), type(b)) and Other not in (type(a), type(b)):
        return None
    return _later(a, b)


def pointwise(call: Call) -> Operand:
    """The trace of a result whose values are computed from operands at the same position."""
    operands = [(tuple(tensor.shape), trace) for tensor, trace in call.operands()]
    result = combined(operands, call.shape)
    if result is None or any(isinstance(f, Channels) for axis in result.axes for f in axis):
        return result
    # A parameter that differs along one axis only, such as the weight of a normalisation, shows the channels.
    for tensor, trace in call.operands():
        sizes = (1,) * (len(call.shape) - tensor.ndim) + tuple(tensor.shape)
        long = [axis for axis, size in enumerate(sizes) if size > 1]
        if trace is not None or len(long) != 1 or sizes[long[0]] != call.shape[long[0]]:
            continue
        (axis,) = long
        if len(result.axes[axis]) == 1 and not isinstance(result.axes[axis][0], Samples):
            return result.losing(axis).with_axis(axis, channels(sizes[axis], "a scale or shift"))
    return result


def channels(size: int, how: str) -> Axis:
    """An axis of channels."""
    return (Channels(size, how),)


def unknown(call: Call, shape: tuple[int, ...] | None = None) -> Operand:
    """Everything is mixed; the axes of samples and channels stay where the shape fits that of an operand."""
    shape = call.shape if shape is None else shape
    result = combined([(tuple(t.shape), trace) for t, trace in call.operands() if t.ndim == len(shape)], shape)
    everything = [trace.losing(*range(len(trace.axes))) for _, trace in call.operands() if trace is not None]
    if not everything:
        return None
    if result is None:
        result = Trace(tuple(other(size) for size in shape))
        first = next((trace.axes[0] for trace in everything if trace.axes), ())
        if len(first) == 1 and isinstance(first[0], Samples) and shape and first[0].size == shape[0]:
            result = result.with_axis(0, first)
    reach = result.reach
    for trace in everything:
        reach = united(reach, trace.reach)
    axes = (tuple(Other(f.size) if isinstance(f, Places) else f for f in axis) for axis in result.axes)
    return Trace(tuple(axes), reach)
