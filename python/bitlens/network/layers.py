"""Descriptions of a network's layers, found with one forward pass."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bitlens.arrays import describe
from bitlens.network.hooks import capture_outputs, device_of, eval_mode
from bitlens.network.receptive_field import receptive_fields
from bitlens.runs import Layer, ReceptiveField, RunError
from bitlens.runs.layout import INPUT, OUTPUT

_KINDS = {
    "torch.nn.modules.conv": "convolution",
    "torch.nn.modules.pooling": "pooling",
    "torch.nn.modules.batchnorm": "normalization",
    "torch.nn.modules.instancenorm": "normalization",
    "torch.nn.modules.normalization": "normalization",
    "torch.nn.modules.activation": "activation",
    "torch.nn.modules.linear": "linear",
    "torch.nn.modules.sparse": "embedding",
}
"""The layer kinds of a run, by the file of torch.nn that defines the module."""
_LAST_AXIS = ("linear", "embedding")
"""Modules of these kinds act on the last axis, whatever other axes the data has."""


def kind_of(module: nn.Module) -> str:
    """The layer kind of the module's class or of its first base class with a kind; else the class name."""
    for cls in type(module).__mro__:
        if cls.__module__ in _KINDS and cls is not nn.Identity:
            return _KINDS[cls.__module__]
    return type(module).__name__


def describe_layers(
    model: nn.Module, inputs: Tensor, modules: Sequence[str], channel_axis: Mapping[str, int], require_all: bool
) -> tuple[Layer, ...]:
    """The input, the outputs of the modules in the order in which they run, and the model's output.

    `channel_axis` says where a layer's channels are; for other layers the kind of the module decides. If a module is
    the last step of the model, its output is listed once, as the model's output. With `require_all`, a module
    that cannot be recorded is an error; otherwise it is left out, with a warning if its output is a tensor.
    """
    few = inputs[:3].clone()
    outputs: dict[str, tuple[nn.Module, Tensor, int]] = {}

    def listener(name: str, module: nn.Module, tensor: Tensor) -> None:
        outputs[name] = (module, tensor, tensor._version)

    with eval_mode(model), torch.no_grad(), capture_outputs(model, modules, listener):
        output = model(few.to(device_of(model)))
    if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != len(few):
        raise TypeError(f"model: expected an output tensor of shape (samples, ...), got {describe(output)}")
    silent = [name for name in modules if name not in outputs]
    if silent and require_all:
        raise RunError(f"layers: {silent[0]!r} has no output tensor in the forward pass; leave it out of layers")
    unknown = [name for name in channel_axis if name not in (*outputs, INPUT, OUTPUT)]
    if unknown:
        raise ValueError(f"channel_axis: expected recorded layers {[INPUT, *outputs, OUTPUT]}, got {unknown[0]!r}")

    axis = channel_axis.get(INPUT, 1)
    fields = _fields(model, inputs, modules) if axis == 1 else {}
    layers = [_layer(INPUT, "input", few, axis)]
    previous = (few.ndim, axis)
    for name, (module, tensor, _) in outputs.items():
        if tensor.ndim == 0 or len(tensor) != len(few):
            message = (
                f"layers: {name!r} has an output of shape {tuple(tensor.shape)} for {len(few)} samples; "
                "axis 0 is not the samples"
            )
            if require_all:
                raise RunError(f"{message}; leave it out of layers")
            warnings.warn(f"{message}; the layer is not recorded", stacklevel=4)
            continue
        axis = channel_axis.get(name, _channel_axis_of(module, tensor, previous))
        previous = (tensor.ndim, axis)
        # In a run, INPUT and OUTPUT are the names of the model's own input and output.
        layer_name = f"module.{name}" if name in (INPUT, OUTPUT) else name
        layers.append(_layer(layer_name, kind_of(module), tensor, axis, name, fields.get(name)))

    axis = channel_axis.get(OUTPUT, previous[1] if output.ndim == previous[0] else 1)
    last = layers[-1]
    if last.module:
        _, tensor, version = outputs[last.module]
        if tensor is output and output._version == version:  # otherwise an in-place function has changed it
            layers.pop()
            return (*layers, _layer(OUTPUT, last.kind, output, axis, last.module, last.receptive_field))
    return (*layers, _layer(OUTPUT, "output", output, axis))


def _fields(model: nn.Module, inputs: Tensor, modules: Sequence[str]) -> dict[str, ReceptiveField]:
    if inputs.ndim < 3 or not inputs.is_floating_point():
        return {}
    try:
        return receptive_fields(model, inputs.shape[1:], modules)
    # A model may reject NaN. It can be recorded without receptive fields.
    except (RuntimeError, ValueError, AssertionError) as error:
        warnings.warn(f"the receptive fields of the layers could not be determined: {error}", stacklevel=5)
        return {}


def _layer(
    name: str, kind: str, tensor: Tensor, axis: int, module: str = "", field: ReceptiveField | None = None
) -> Layer:
    if tensor.ndim == 1:
        tensor = tensor[:, None]
    if not -tensor.ndim < axis < tensor.ndim or axis == 0:
        raise ValueError(
            f"channel_axis: expected 1 to {tensor.ndim - 1} for {name!r}, got {axis}; axis 0 is the samples"
        )
    return Layer(name, kind, tuple(tensor.movedim(axis, 1).shape[1:]), axis % tensor.ndim, module, field)


def _channel_axis_of(module: nn.Module, output: Tensor, previous: tuple[int, int]) -> int:
    """The axis of the channels in a module's output.

    Convolution, pooling and batch normalization have their channels on axis 1; linear layers, embeddings and layer
    normalization have them on the last axis. Other modules keep the axis of the layer before, if the number of axes
    is the same. `previous` is (number of axes, channel axis) of that layer.
    """
    kind = kind_of(module)
    if output.ndim <= 2 or kind in ("convolution", "pooling"):
        return 1
    if kind in _LAST_AXIS or isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return output.ndim - 1
    if kind == "normalization":
        return 1
    return previous[1] if output.ndim == previous[0] else 1
