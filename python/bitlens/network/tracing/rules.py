"""The rules by the names of PyTorch's operations: what each operation does to the axes of its operands.

An operation without a rule is assumed to mix everything. Its result keeps the axes of the samples and channels if the
shape is that of an operand, so a missing rule can cost a receptive field, but it cannot give a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable

from bitlens.network.tracing import layer_rules as layers
from bitlens.network.tracing import shape_rules as shapes
from bitlens.network.tracing.axes import Axis
from bitlens.network.tracing.call import Call, Operand, pointwise, unknown

Rule = Callable[[Call], "Operand | list[Operand]"]


def trace_of(call: Call, is_pointwise: bool) -> list[Operand]:
    """The traces of the results of a call, in order."""
    rule = _RULES.get(call.name) or (pointwise if is_pointwise else unknown)
    try:
        found = rule(call)
    except (IndexError, TypeError, ValueError):  # the arguments of an overload for which the rule was not written
        found = unknown(call)
    traces = found if isinstance(found, list) else [found]
    traces += [None] * (len(call.results) - len(traces))
    sizes = [tuple(result.shape) for result in call.results]
    # Where the rule does not fit, such as for an unusual overload, everything is assumed to be mixed.
    return [t if t is None or t.shape == s else unknown(call, s) for t, s in zip(traces, sizes, strict=False)]


def weighted_axis(call: Call) -> Axis | None:
    """The axis of the data that the weights of a call combine or scale; None for other operations."""
    rule = _RULES.get(call.name)
    if rule in (layers.convolution, layers.batch_norm, layers.group_norm):
        trace, axis = call.trace(0), 1
    elif rule is layers.recurrent or (rule is layers.layer_norm and len(call.arguments[1]) == 1):
        trace, axis = call.trace(0), -1
    elif rule is layers.matmul:
        start = 1 if call.name in ("addmm", "baddbmm") else 0
        trace, axis = (call.trace(start), -1) if call.trace(start + 1) is None else (None, 0)
    else:
        return None
    return None if trace is None else trace.axes[axis]


def _by_name(*groups: tuple[Rule, str]) -> dict[str, Rule]:
    return {name: rule for rule, names in groups for name in names.split()}


_RULES: dict[str, Rule] = _by_name(
    (shapes.same, "alias detach contiguous _to_copy clone lift_fresh native_dropout dropout to_dtype dequantize"),
    (layers.convolution, "convolution _convolution convolution_overrideable"),
    (layers.pooling, "max_pool1d max_pool2d max_pool3d"),
    (layers.pooling, "max_pool2d_with_indices max_pool3d_with_indices mkldnn_max_pool2d"),
    (layers.pooling, "avg_pool1d avg_pool2d avg_pool3d"),
    (layers.adaptive_pooling, "adaptive_avg_pool1d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool2d"),
    (layers.adaptive_pooling, "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"),
    (layers.upsampling, "upsample_nearest1d upsample_nearest2d"),
    (layers.upsampling, "upsample_nearest3d upsample_linear1d upsample_bilinear2d"),
    (layers.upsampling, "upsample_trilinear3d upsample_bicubic2d"),
    (layers.upsampling, "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"),
    (layers.batch_norm, "native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit"),
    (layers.batch_norm, "_native_batch_norm_legit_no_training _batch_norm_with_update_functional"),
    (layers.layer_norm, "native_layer_norm _fused_rms_norm rms_norm"),
    (layers.group_norm, "native_group_norm"),
    (layers.matmul, "mm bmm addmm baddbmm matmul _grouped_mm"),
    (layers.embedding, "embedding"),
    (layers.attention, "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention"),
    (layers.attention, "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention"),
    (layers.attention, "_scaled_dot_product_attention_math"),
    (layers.recurrent, "mkldnn_rnn_layer"),
    (layers.reduction, "sum mean amax amin max min prod var"),
    (layers.reduction, "std var_mean std_mean logsumexp any all argmax argmin median"),
    (layers.reduction, "linalg_vector_norm norm nansum"),
    (layers.mixing, "_softmax _log_softmax softmax log_softmax cumsum cumprod sort logcumsumexp _safe_softmax"),
    (shapes.view, "view _unsafe_view reshape _reshape_alias flatten squeeze squeeze_ unflatten"),
    (shapes.permute, "permute"),
    (shapes.transpose, "transpose t transpose_ t_"),
    (shapes.unsqueeze, "unsqueeze unsqueeze_"),
    (shapes.expand, "expand broadcast_to"),
    (shapes.select, "select"),
    (shapes.slicing, "slice"),
    (shapes.index_select, "index_select"),
    (shapes.index, "index"),
    (shapes.channel_shuffle, "channel_shuffle native_channel_shuffle"),
    (shapes.split, "split split_with_sizes unbind chunk unsafe_split unsafe_chunk unsafe_split_with_sizes"),
    (shapes.concatenation, "cat"),
    (shapes.stack, "stack"),
    (shapes.padding, "constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d"),
    (shapes.padding, "replication_pad1d replication_pad2d replication_pad3d"),
    (shapes.flip, "flip"),
    (shapes.roll, "roll"),
    (layers.unfold, "unfold"),
    (layers.pixel_shuffle, "pixel_shuffle"),
    (shapes.copy, "copy_"),
    (shapes.constant, "zeros_like ones_like empty_like full_like new_zeros"),
    (shapes.constant, "new_ones new_empty new_full rand_like randn_like"),
)
