"""The rules of operations that combine values: convolutions, poolings, normalizations, products and reductions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bitlens.network.tracing import windows
from bitlens.network.tracing.axes import Axis, Channels, Samples, Trace, other, united
from bitlens.network.tracing.call import Call, Operand, channels, combined, unknown


def convolution(call: Call) -> Operand:
    """A convolution or a transposed one."""
    trace, weight = call.trace(0), call.arguments[1]
    if trace is None:
        return None
    stride, padding, dilation, backwards = call.arguments[3:7]
    window = windows.transposed if backwards else windows.sliding
    taps = [
        window(size, kernel, stride[i % len(stride)], padding[i % len(padding)], dilation[i % len(dilation)])
        for i, (size, kernel) in enumerate(zip(call.shape[2:], weight.shape[2:], strict=True))
    ]
    result = trace.losing(1).with_axis(1, channels(call.shape[1], "a convolution"))
    return _through(result, 2, taps)


def _through(trace: Trace, start: int, taps: list[list[Any]]) -> Trace:
    """The trace after windows were moved along the axes from `start` on."""
    for axis, entries in enumerate(taps, start):
        seen = windows.seen_through(trace.axes[axis], entries)
        if seen is None:
            trace, seen = trace.losing(axis), other(len(entries[0]))
        trace = trace.with_axis(axis, seen)
    return trace


def pooling(call: Call) -> Operand:
    """A pooling with a fixed window."""
    trace = call.trace(0)
    if trace is None:
        return None
    dims = int(call.name.split("d")[0][-1]) if "pool" in call.name else 2
    kernel = call.arguments[1]
    stride = call.get(2) or kernel
    padding = call.get(3, [0])
    dilation = call.get(4, [1]) if "max" in call.name else [1]
    sizes = call.shape[-dims:]
    listed = [[v] if isinstance(v, int) else v for v in (kernel, stride, padding, dilation)]
    taps = [windows.sliding(size, *(v[i % len(v)] for v in listed)) for i, size in enumerate(sizes)]
    return _through(trace, len(call.shape) - dims, taps)


def adaptive_pooling(call: Call) -> Operand:
    """A pooling whose windows divide the input."""
    trace = call.trace(0)
    if trace is None:
        return None
    dims = int(call.name[call.name.index("pool") + 4])
    start = len(call.shape) - dims
    taps = [
        windows.adaptive(size, inputs) for size, inputs in zip(call.shape[start:], trace.shape[start:], strict=True)
    ]
    return _through(trace, start, taps)


def upsampling(call: Call) -> Operand:
    """An interpolation to another size."""
    trace = call.trace(0)
    if trace is None:
        return None
    aligned = next((a for a in call.arguments[1:] if isinstance(a, bool)), False)
    scales = [a for a in call.arguments[2:] if a is None or isinstance(a, float)]
    taps = []
    for size, inputs, scale in zip(call.shape[2:], trace.shape[2:], scales, strict=True):
        if aligned:
            step = (inputs - 1) / max(size - 1, 1)
        else:
            step = 1 / scale if scale is not None and scale > 0 else inputs / size
        if "nearest" in call.name:
            taps.append(windows.nearest(size, inputs, "exact" in call.name, step))
        else:
            taps.append(windows.interpolated(size, inputs, 4 if "cubic" in call.name else 2, aligned, step))
    return _through(trace, 2, taps)


def batch_norm(call: Call) -> Operand:
    """A batch normalization; with the statistics of the batch, it mixes all positions."""
    trace = call.trace(0)
    if trace is None:
        return None
    if len(trace.axes) > 1 and not any(isinstance(factor, Samples) for factor in trace.axes[1]):
        trace = trace.losing(1).with_axis(1, channels(call.shape[1], "a batch normalization"))
    uses_batch = call.get(5) is True
    return trace.mixed(range(2, len(trace.axes))) if uses_batch else trace


def _has_channels(axis: Axis) -> bool:
    return any(isinstance(factor, Channels) for factor in axis)


def layer_norm(call: Call) -> Operand:
    """A layer or RMS normalization over the last axes."""
    trace = call.trace(0)
    if trace is None:
        return None
    axes = range(len(trace.axes) - len(call.arguments[1]), len(trace.axes))
    trace = trace.mixed(axes)
    if len(axes) != 1:
        return trace
    (factor,) = channels(call.shape[-1], "a layer normalization")
    assert isinstance(factor, Channels)
    if not _has_channels(trace.axes[-1]):
        if any(map(_has_channels, trace.axes)):
            factor = replace(factor, time=-1)  # it says less than the weights that made the channels on another axis
        return trace.losing(axes[0]).with_axis(axes[0], (factor,))
    if call.get(2) is not None:
        again = (replace(f, time=factor.time) if isinstance(f, Channels) else f for f in trace.axes[-1])
        trace = trace.with_axis(axes[0], tuple(again))
    return trace


def group_norm(call: Call) -> Operand:
    """A group normalization, which mixes the positions."""
    trace = call.trace(0)
    if trace is None:
        return None
    return (
        trace.losing(1).with_axis(1, channels(call.shape[1], "a group normalization")).mixed(range(2, len(trace.axes)))
    )


def matmul(call: Call) -> Operand:
    """Products of matrices, or of batches of them, where the last operands are the two matrices."""
    start = 1 if call.name in ("addmm", "baddbmm") else 0
    left, right = call.trace(start), call.trace(start + 1)
    batches = range(len(call.shape) - 2)
    if left is not None and right is not None:
        batch = combined(
            [(trace.shape[:-2], Trace(trace.axes[:-2], trace.reach)) for trace in (left, right)], call.shape[:-2]
        )
        assert batch is not None
        reach = united(united(batch.reach, left.losing(-1).reach), right.losing(-2).reach)
        return Trace((*batch.axes, left.axes[-2], right.axes[-1]), reach)
    if left is not None:  # the right matrix is a weight
        return Trace((*left.axes[:-1], channels(call.shape[-1], "a linear map")), left.losing(-1).reach)
    if right is not None:
        matrix = call.arguments[start]
        is_square = matrix.shape[-1] == matrix.shape[-2] and matrix.shape[-1] > 1
        if is_square and not call.is_weight(matrix) and not _has_channels(right.axes[-2]):
            return right.mixed([len(right.axes) - 2])  # such as the neighbours in a graph
        kept = tuple(right.axes[i] for i in batches)
        return Trace((*kept, channels(call.shape[-2], "a linear map"), right.axes[-1]), right.losing(-2).reach)
    return unknown(call)


def embedding(call: Call) -> Operand:
    """The rows of a table of weights."""
    trace = call.trace(1)
    return trace and Trace((*trace.axes, channels(call.shape[-1], "an embedding")), trace.reach)


def attention(call: Call) -> Operand:
    """Attention: every query may depend on all keys and values."""
    query, key, value = (call.trace(i) for i in range(3))
    known = [trace for trace in (query, key, value) if trace is not None]
    if query is None or value is None:
        return unknown(call)
    reach: Any = {}
    for trace in known:
        reach = united(reach, trace.losing(-1, *((-2,) if trace is not query else ())).reach)
    return Trace((*query.axes[:-1], value.axes[-1]), reach)


def recurrent(call: Call) -> Operand | list[Operand]:
    """A recurrent layer over the first two axes, which are time and samples."""
    trace = call.trace(0)
    if trace is None:
        return None
    mixed = trace.losing(-1).mixed([0, 1])
    hidden = channels(call.shape[-1], "a recurrent layer")
    last = Trace((mixed.axes[1], hidden), mixed.losing(0).reach)  # the states after the last step
    return [Trace((*mixed.axes[:-1], hidden), mixed.reach), last, last]


def _axes_argument(value: Any, count: int) -> list[int]:
    if value is None or value == []:
        return list(range(count))
    return [axis % count for axis in ([value] if isinstance(value, int) else value)]


def reduction(call: Call) -> list[Operand]:
    """A sum, a mean or another reduction over some axes."""
    trace = call.trace(0)
    if trace is None:
        return [None]
    position = 2 if call.name in ("linalg_vector_norm", "norm") else 1
    axis = call.get(position) if not isinstance(call.get(position), (bool, float)) else None
    axes = _axes_argument(axis, len(trace.axes))
    reduced = trace.without(axes, keep=len(call.shape) == len(trace.axes))
    return [reduced] * len(call.results)


def mixing(call: Call) -> list[Operand]:
    """Operations that keep the shape and mix along one axis: softmax, cumulative sums, sorting."""
    trace = call.trace(0)
    axis = next((a for a in call.arguments[1:] if isinstance(a, int) and not isinstance(a, bool)), -1)
    return [trace and trace.mixed([axis % len(trace.axes)])] * len(call.results)


def unfold(call: Call) -> Operand:
    """Windows along an axis, whose entries are a new last axis."""
    trace = call.trace(0)
    if trace is None:
        return None
    axis, size, step = call.arguments[1] % len(trace.axes), *call.arguments[2:4]
    result = _through(trace, axis, [windows.sliding(call.shape[axis], size, step, 0, 1)])
    return Trace((*result.axes, other(size)), result.reach)


def pixel_shuffle(call: Call) -> Operand:
    """Channels that become positions."""
    trace = call.trace(0)
    if trace is None:
        return None
    result = trace.losing(1).with_axis(1, channels(call.shape[1], "a pixel shuffle"))
    for axis in (2, 3):
        result = result.taken(axis, np.arange(call.shape[axis]) // call.arguments[1])
    return result
