"""The rules of operations that move values: views, permutations, slices, concatenations and padding."""

from __future__ import annotations

import numpy as np

from bitlens.network.tracing.axes import Axis, Channels, Places, Trace, other, united
from bitlens.network.tracing.call import Call, Operand, channels, combined, unknown


def same(call: Call) -> Operand:
    """An operation that keeps every value or changes it alone."""
    return call.trace(0)


def view(call: Call) -> Operand:
    """Another shape of the same values."""
    trace = call.trace(0)
    return trace and trace.reshaped(call.shape)


def permute(call: Call) -> Operand:
    """Another order of the axes."""
    trace = call.trace(0)
    return trace and Trace(tuple(trace.axes[axis] for axis in call.arguments[1]), trace.reach)


def transpose(call: Call) -> Operand:
    """Two axes exchanged."""
    trace = call.trace(0)
    if trace is None:
        return None
    axes = list(trace.axes)
    if len(axes) > 1:
        a, b = call.arguments[1:3] if call.name != "t" else (0, 1)
        axes[a], axes[b] = axes[b], axes[a]
    return Trace(tuple(axes), trace.reach)


def unsqueeze(call: Call) -> Operand:
    """A new axis of size 1."""
    trace = call.trace(0)
    if trace is None:
        return None
    axis = call.arguments[1] % (len(trace.axes) + 1)
    return Trace((*trace.axes[:axis], (), *trace.axes[axis:]), trace.reach)


def expand(call: Call) -> Operand:
    """Axes of size 1 repeated."""
    trace = call.trace(0)
    return trace and combined([(trace.shape, trace)], call.shape)


def select(call: Call) -> Operand:
    """One entry along an axis, which is lost."""
    trace = call.trace(0)
    if trace is None:
        return None
    axis = call.arguments[1] % len(trace.axes)
    one = trace.taken(axis, np.array([call.arguments[2] % trace.shape[axis]]))
    return one.without([axis])


def slicing(call: Call) -> Operand:
    """Some entries along an axis."""
    trace = call.trace(0)
    if trace is None:
        return None
    axis = call.get(1, 0) % len(trace.axes)
    bounds = slice(call.get(2), call.get(3), call.get(4, 1))
    return trace.taken(axis, np.arange(trace.shape[axis])[bounds])


def index_select(call: Call) -> Operand:
    """Entries along an axis by a vector of their numbers."""
    trace = call.trace(0)
    if trace is None or call.trace(2) is not None:
        return unknown(call)
    return trace.taken(call.arguments[1] % len(trace.axes), call.arguments[2].cpu().numpy())


def index(call: Call) -> Operand:
    """Indices along one axis, which do not depend on the input."""
    trace = call.trace(0)
    indexed = [(axis, index) for axis, index in enumerate(call.arguments[1]) if index is not None]
    if trace is None or len(indexed) != 1 or indexed[0][1].ndim != 1 or call.of(indexed[0][1]) is not None:
        return unknown(call)
    axis, entries = indexed[0]
    numbers = np.arange(trace.shape[axis])
    return trace.taken(axis, numbers[entries.cpu().numpy()])


def channel_shuffle(call: Call) -> Operand:
    """Channels in another order."""
    trace = call.trace(0)
    return trace and trace.mixed([1])


def split(call: Call) -> list[Operand]:
    """Several parts along an axis."""
    trace = call.trace(0)
    axis = call.get(1 if call.name == "unbind" else 2, 0)
    if trace is None:
        return [None] * len(call.results)
    axis %= len(trace.axes)
    parts: list[Operand] = []
    start = 0
    for result in call.results:
        length = 1 if call.name == "unbind" else result.shape[axis]
        part = trace.taken(axis, np.arange(start, start + length))
        parts.append(part.without([axis]) if call.name == "unbind" else part)
        start += length
    return parts


def concatenation(call: Call) -> Operand:
    """Several tensors one after the other along an axis."""
    tensors = [tensor for tensor in call.arguments[0] if tensor.ndim == len(call.shape)]  # not an empty vector
    pairs = list(zip(tensors, (call.of(tensor) for tensor in tensors), strict=True))
    axis = call.get(1, 0) % len(call.shape)
    ones = []
    for tensor, trace in pairs:
        shape = tuple(1 if i == axis else size for i, size in enumerate(tensor.shape))
        ones.append((shape, trace and trace.with_axis(axis, ())))
    result = combined(ones, tuple(1 if i == axis else size for i, size in enumerate(call.shape)))
    if result is None:
        return None
    factors = [(tensor.shape[axis], trace.axes[axis] if trace else None) for tensor, trace in pairs]
    joint = _concatenated(factors)
    if joint is None:
        lost = [trace.losing(axis).reach for _, trace in pairs if trace is not None]
        for reach in lost:
            result = Trace(result.axes, united(result.reach, reach))
        joint = other(call.shape[axis])
    return result.with_axis(axis, joint)


def _concatenated(parts: list[tuple[int, Axis | None]]) -> Axis | None:
    """One axis from several, one after the other; None if they are not of one kind."""
    size = sum(length for length, _ in parts)
    known = [axis for _, axis in parts if axis]
    kinds = {type(factor) for axis in known for factor in axis}
    if kinds == {Channels}:
        return channels(size, next(f.how for axis in known for f in axis if isinstance(f, Channels)))
    if kinds != {Places} or any(len(axis) != 1 for axis in known):
        return None
    places = [axis[0] for axis in known if isinstance(axis[0], Places)]
    if len({factor.axis for factor in places}) != 1:
        return None
    empty = np.array([-1])
    pieces = [
        axis[0] if axis and isinstance(axis[0], Places) else places[0].taken(np.repeat(empty, length))
        for length, axis in parts
    ]
    first, end = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("first", "end"))
    return (Places(size, places[0].axis, first, end),)


def stack(call: Call) -> Operand:
    """Several tensors along a new axis."""
    tensors = call.arguments[0]
    axis = call.get(1, 0) % len(call.shape)
    rest = call.shape[:axis] + call.shape[axis + 1 :]
    result = combined([(tuple(tensor.shape), call.of(tensor)) for tensor in tensors], rest)
    return result and Trace((*result.axes[:axis], other(len(tensors)), *result.axes[axis:]), result.reach)


def padding(call: Call) -> Operand:
    """New entries at the ends of axes."""
    trace = call.trace(0)
    if trace is None:
        return None
    mode = "constant" if "constant" in call.name else "edge" if "replication" in call.name else "reflect"
    amounts = call.arguments[1]
    for i in range(len(amounts) // 2):
        axis = len(trace.axes) - 1 - i
        before, after = amounts[2 * i : 2 * i + 2]
        entries = np.arange(trace.shape[axis])
        cut = entries[max(-before, 0) : len(entries) - max(-after, 0)]
        width = (max(before, 0), max(after, 0))
        index = np.pad(cut, width, constant_values=-1) if mode == "constant" else np.pad(cut, width, mode=mode)  # type: ignore[call-overload]
        trace = trace.taken(axis, index)
    return trace


def flip(call: Call) -> Operand:
    """Axes in reverse order."""
    trace = call.trace(0)
    for axis in call.arguments[1] if trace else ():
        assert trace is not None
        trace = trace.taken(axis % len(trace.axes), np.arange(trace.shape[axis])[::-1])
    return trace


def roll(call: Call) -> Operand:
    """Axes shifted in a circle."""
    trace = call.trace(0)
    axes = call.get(2, [])
    if trace is None or not axes:
        return unknown(call)
    for shift, axis in zip(call.arguments[1], axes, strict=True):
        trace = trace.taken(axis % len(trace.axes), np.roll(np.arange(trace.shape[axis]), shift))
    return trace


def copy(call: Call) -> Operand:
    """Values copied into another tensor."""
    trace = call.trace(1)
    return trace and combined([(trace.shape, trace)], call.shape)


def constant(call: Call) -> Operand:
    """A new tensor that depends on the shape alone."""
    return None
