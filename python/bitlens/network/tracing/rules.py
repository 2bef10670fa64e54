"""The rules: what each operation of PyTorch does to the axes of its operands.

An operation without a rule is assumed to mix everything. Its result keeps the axes of the samples and channels if the
shape is that of an operand, so a missing rule can cost a receptive field, but it cannot give a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from bitlens.network.tracing import windows
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
Rule = Callable[["Call"], "Operand | list[Operand]"]


class Call:
    """One call of an operation: its arguments by position, with the traces of the tensors among them."""

    def __init__(
        self, name: str, arguments: Sequence[Any], results: Sequence[Tensor], of: Callable[[Any], Operand]
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.results = results
        self._of = of

    def trace(self, position: int) -> Operand:
        """The trace of an argument."""
        return self._of(self.arguments[position]) if position < len(self.arguments) else None

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
        return [(value, self._of(value)) for value in flat if isinstance(value, Tensor)]


def trace_of(call: Call, pointwise: bool) -> list[Operand]:
    """The traces of the results of a call, in order."""
    rule = _RULES.get(call.name)
    if rule is None:
        rule = _pointwise if pointwise else _unknown
    try:
        found = rule(call)
    except (IndexError, TypeError, ValueError):  # the arguments of an overload for which the rule was not written
        found = _unknown(call)
    traces = found if isinstance(found, list) else [found]
    traces += [None] * (len(call.results) - len(traces))
    shapes = [tuple(result.shape) for result in call.results]
    # A result of another shape, such as for an unusual overload, is not used.
    return [t if t is None or t.shape == s else _unknown(call, s) for t, s in zip(traces, shapes, strict=False)]


def weighted_axis(call: Call) -> Axis | None:
    """The axis of the data that the weights of a call combine or scale; None for other operations."""
    rule = _RULES.get(call.name)
    if rule in (_convolution, _batch_norm, _group_norm):
        trace, axis = call.trace(0), 1
    elif rule is _recurrent or (rule is _layer_norm and len(call.arguments[1]) == 1):
        trace, axis = call.trace(0), -1
    elif rule is _matmul:
        start = 1 if call.name in ("addmm", "baddbmm") else 0
        trace, axis = (call.trace(start), -1) if call.trace(start + 1) is None else (None, 0)
    else:
        return None
    return None if trace is None else trace.axes[axis]


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
                factor = max(a, b, key=_rank)
                lost = Trace(((a, b),)).losing(0)
                result = Trace(result.axes, united(result.reach, lost.reach))
            factors.append(factor)
        merged = joined(factors)
    return result, merged


def _rank(factor: Factor) -> int:
    return [Other, Places, Channels, Samples].index(type(factor))


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
    return max(a, b, key=_rank)


def _pointwise(call: Call) -> Operand:
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
            return result.losing(axis).with_axis(axis, _channels(sizes[axis], "a scale or shift"))
    return result


def _channels(size: int, how: str) -> Axis:
    return (Channels(size, how),) if size > 1 else ()


def _unknown(call: Call, shape: tuple[int, ...] | None = None) -> Operand:
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


def _same(call: Call) -> Operand:
    return call.trace(0)


def _convolution(call: Call) -> Operand:
    trace, weight = call.trace(0), call.arguments[1]
    if trace is None:
        return None
    stride, padding, dilation, backwards = call.arguments[3:7]
    window = windows.transposed if backwards else windows.sliding
    taps = [
        window(size, kernel, stride[i % len(stride)], padding[i % len(padding)], dilation[i % len(dilation)])
        for i, (size, kernel) in enumerate(zip(call.shape[2:], weight.shape[2:], strict=True))
    ]
    result = trace.losing(1).with_axis(1, _channels(call.shape[1], "a convolution"))
    return _through(result, 2, taps)


def _through(trace: Trace, start: int, taps: list[list[Any]]) -> Trace:
    """The trace after windows were moved along the axes from `start` on."""
    for axis, entries in enumerate(taps, start):
        seen = windows.seen_through(trace.axes[axis], entries)
        if seen is None:
            trace, seen = trace.losing(axis), other(len(entries[0]))
        trace = trace.with_axis(axis, seen)
    return trace


def _pooling(call: Call) -> Operand:
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


def _adaptive_pooling(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    dims = int(call.name[call.name.index("pool") + 4])
    start = len(call.shape) - dims
    taps = [
        windows.adaptive(size, inputs) for size, inputs in zip(call.shape[start:], trace.shape[start:], strict=True)
    ]
    return _through(trace, start, taps)


def _upsampling(call: Call) -> Operand:
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


def _batch_norm(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    if len(trace.axes) > 1 and not any(isinstance(factor, Samples) for factor in trace.axes[1]):
        trace = trace.losing(1).with_axis(1, _channels(call.shape[1], "a batch normalization"))
    uses_batch = call.get(5) is True
    return trace.mixed(range(2, len(trace.axes))) if uses_batch else trace


def _layer_norm(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    axes = range(len(trace.axes) - len(call.arguments[1]), len(trace.axes))
    trace = trace.mixed(axes)
    if len(axes) == 1 and not any(isinstance(f, Channels) for f in trace.axes[-1]):
        trace = trace.losing(axes[0]).with_axis(axes[0], _channels(call.shape[-1], "a layer normalization"))
    return trace


def _group_norm(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    return (
        trace.losing(1).with_axis(1, _channels(call.shape[1], "a group normalization")).mixed(range(2, len(trace.axes)))
    )


def _matmul(call: Call) -> Operand:
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
        return Trace((*left.axes[:-1], _channels(call.shape[-1], "a linear map")), left.losing(-1).reach)
    if right is not None:
        kept = tuple(right.axes[i] for i in batches)
        return Trace((*kept, _channels(call.shape[-2], "a linear map"), right.axes[-1]), right.losing(-2).reach)
    return _unknown(call)


def _embedding(call: Call) -> Operand:
    trace = call.trace(1)
    return trace and Trace((*trace.axes, _channels(call.shape[-1], "an embedding")), trace.reach)


def _attention(call: Call) -> Operand:
    query, key, value = (call.trace(i) for i in range(3))
    known = [trace for trace in (query, key, value) if trace is not None]
    if query is None or value is None:
        return _unknown(call)
    reach: Any = {}
    for trace in known:
        reach = united(reach, trace.losing(-1, *((-2,) if trace is not query else ())).reach)
    return Trace((*query.axes[:-1], value.axes[-1]), reach)


def _recurrent(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    mixed = trace.losing(-1).mixed([0, 1])
    return Trace((*mixed.axes[:-1], _channels(call.shape[-1], "a recurrent layer")), mixed.reach)


def _axes_argument(value: Any, count: int) -> list[int]:
    if value is None or value == []:
        return list(range(count))
    return [axis % count for axis in ([value] if isinstance(value, int) else value)]


def _reduction(call: Call) -> list[Operand]:
    trace = call.trace(0)
    if trace is None:
        return [None]
    position = 2 if call.name in ("linalg_vector_norm", "norm") else 1
    axis = call.get(position) if not isinstance(call.get(position), (bool, float)) else None
    axes = _axes_argument(axis, len(trace.axes))
    reduced = trace.without(axes, keep=len(call.shape) == len(trace.axes))
    return [reduced] * len(call.results)


def _mixing(call: Call) -> list[Operand]:
    """Operations that keep the shape and mix along one axis: softmax, cumulative sums, sorting."""
    trace = call.trace(0)
    axis = next((a for a in call.arguments[1:] if isinstance(a, int) and not isinstance(a, bool)), -1)
    return [trace and trace.mixed([axis % len(trace.axes)])] * len(call.results)


def _view(call: Call) -> Operand:
    trace = call.trace(0)
    return trace and trace.reshaped(call.shape)


def _permute(call: Call) -> Operand:
    trace = call.trace(0)
    return trace and Trace(tuple(trace.axes[axis] for axis in call.arguments[1]), trace.reach)


def _transpose(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    axes = list(trace.axes)
    if len(axes) > 1:
        a, b = call.arguments[1:3] if call.name != "t" else (0, 1)
        axes[a], axes[b] = axes[b], axes[a]
    return Trace(tuple(axes), trace.reach)


def _unsqueeze(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    axis = call.arguments[1] % (len(trace.axes) + 1)
    return Trace((*trace.axes[:axis], (), *trace.axes[axis:]), trace.reach)


def _expand(call: Call) -> Operand:
    trace = call.trace(0)
    return trace and combined([(trace.shape, trace)], call.shape)


def _select(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    axis = call.arguments[1] % len(trace.axes)
    one = trace.taken(axis, np.array([call.arguments[2] % trace.shape[axis]]))
    return one.without([axis])


def _slice(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    axis = call.get(1, 0) % len(trace.axes)
    bounds = slice(call.get(2), call.get(3), call.get(4, 1))
    return trace.taken(axis, np.arange(trace.shape[axis])[bounds])


def _index_select(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None or call.trace(2) is not None:
        return _unknown(call)
    return trace.taken(call.arguments[1] % len(trace.axes), call.arguments[2].cpu().numpy())


def _index(call: Call) -> Operand:
    """Indices along one axis, which do not depend on the input."""
    trace = call.trace(0)
    indexed = [(axis, index) for axis, index in enumerate(call.arguments[1]) if index is not None]
    if trace is None or len(indexed) != 1 or indexed[0][1].ndim != 1 or call._of(indexed[0][1]) is not None:
        return _unknown(call)
    axis, index = indexed[0]
    numbers = np.arange(trace.shape[axis])
    return trace.taken(axis, numbers[index.cpu().numpy()])


def _channel_shuffle(call: Call) -> Operand:
    trace = call.trace(0)
    return trace and trace.mixed([1])


def _split(call: Call) -> list[Operand]:
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


def _concatenation(call: Call) -> Operand:
    tensors = [tensor for tensor in call.arguments[0] if tensor.ndim == len(call.shape)]  # not an empty vector
    pairs = list(zip(tensors, (call._of(tensor) for tensor in tensors), strict=True))
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
        return _channels(size, next(f.how for axis in known for f in axis if isinstance(f, Channels)))
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


def _stack(call: Call) -> Operand:
    tensors = call.arguments[0]
    axis = call.get(1, 0) % len(call.shape)
    rest = call.shape[:axis] + call.shape[axis + 1 :]
    result = combined([(tuple(tensor.shape), call._of(tensor)) for tensor in tensors], rest)
    return result and Trace((*result.axes[:axis], other(len(tensors)), *result.axes[axis:]), result.reach)


def _padding(call: Call) -> Operand:
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


def _flip(call: Call) -> Operand:
    trace = call.trace(0)
    for axis in call.arguments[1] if trace else ():
        assert trace is not None
        trace = trace.taken(axis % len(trace.axes), np.arange(trace.shape[axis])[::-1])
    return trace


def _roll(call: Call) -> Operand:
    trace = call.trace(0)
    axes = call.get(2, [])
    if trace is None or not axes:
        return _unknown(call)
    for shift, axis in zip(call.arguments[1], axes, strict=True):
        trace = trace.taken(axis % len(trace.axes), np.roll(np.arange(trace.shape[axis]), shift))
    return trace


def _unfold(call: Call) -> Operand:
    """Windows along an axis, whose entries are a new last axis."""
    trace = call.trace(0)
    if trace is None:
        return None
    axis, size, step = call.arguments[1] % len(trace.axes), *call.arguments[2:4]
    result = _through(trace, axis, [windows.sliding(call.shape[axis], size, step, 0, 1)])
    return Trace((*result.axes, other(size)), result.reach)


def _pixel_shuffle(call: Call) -> Operand:
    trace = call.trace(0)
    if trace is None:
        return None
    result = trace.losing(1).with_axis(1, _channels(call.shape[1], "a pixel shuffle"))
    for axis in (2, 3):
        result = result.taken(axis, np.arange(call.shape[axis]) // call.arguments[1])
    return result


def _copy(call: Call) -> Operand:
    trace = call.trace(1)
    return trace and combined([(trace.shape, trace)], call.shape)


def _constant(call: Call) -> Operand:
    return None


def _by_name(*groups: tuple[Rule, str]) -> dict[str, Rule]:
    return {name: rule for rule, names in groups for name in names.split()}


_RULES: dict[str, Rule] = _by_name(
    (_same, "alias detach contiguous _to_copy clone lift_fresh native_dropout dropout to_dtype dequantize"),
    (_convolution, "convolution _convolution convolution_overrideable"),
    (_pooling, "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices mkldnn_max_pool2d"),
    (_pooling, "avg_pool1d avg_pool2d avg_pool3d"),
    (_adaptive_pooling, "adaptive_avg_pool1d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool2d"),
    (_adaptive_pooling, "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"),
    (_upsampling, "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d"),
    (_upsampling, "upsample_trilinear3d upsample_bicubic2d"),
    (_upsampling, "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"),
    (_batch_norm, "native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit"),
    (_batch_norm, "_native_batch_norm_legit_no_training _batch_norm_with_update_functional"),
    (_layer_norm, "native_layer_norm _fused_rms_norm rms_norm"),
    (_group_norm, "native_group_norm"),
    (_matmul, "mm bmm addmm baddbmm matmul _grouped_mm"),
    (_embedding, "embedding"),
    (_attention, "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention"),
    (_attention, "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention"),
    (_attention, "_scaled_dot_product_attention_math"),
    (_recurrent, "mkldnn_rnn_layer"),
    (_reduction, "sum mean amax amin max min prod var std var_mean std_mean logsumexp any all argmax argmin median"),
    (_reduction, "linalg_vector_norm norm nansum"),
    (_mixing, "_softmax _log_softmax softmax log_softmax cumsum cumprod sort logcumsumexp _safe_softmax"),
    (_view, "view _unsafe_view reshape _reshape_alias flatten squeeze squeeze_ unflatten"),
    (_permute, "permute"),
    (_transpose, "transpose t transpose_ t_"),
    (_unsqueeze, "unsqueeze unsqueeze_"),
    (_expand, "expand broadcast_to"),
    (_select, "select"),
    (_slice, "slice"),
    (_index_select, "index_select"),
    (_index, "index"),
    (_channel_shuffle, "channel_shuffle native_channel_shuffle"),
    (_split, "split split_with_sizes unbind chunk unsafe_split unsafe_chunk unsafe_split_with_sizes"),
    (_concatenation, "cat"),
    (_stack, "stack"),
    (_padding, "constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d"),
    (_padding, "replication_pad1d replication_pad2d replication_pad3d"),
    (_flip, "flip"),
    (_roll, "roll"),
    (_unfold, "unfold"),
    (_pixel_shuffle, "pixel_shuffle"),
    (_copy, "copy_"),
    (_constant, "zeros_like ones_like empty_like full_like new_zeros new_ones new_empty new_full rand_like randn_like"),
)
