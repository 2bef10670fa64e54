"""What the layers of a network are, learnt from one forward pass."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bitlens.arrays import describe
from bitlens.network.hooks import capture_outputs, device_of, eval_mode, kind_of
from bitlens.network.receptive_field import receptive_fields
from bitlens.runs import Layer, ReceptiveField, RunError
from bitlens.runs.layout import INPUT, OUTPUT

# These act on the last axis, whatever lies between it and the samples.
_LAST_AXIS = ("linear", "embedding")


def describe_layers(
    model: nn.Module, inputs: Tensor, modules: Sequence[str], channel_axis: Mapping[str, int], all_must_speak: bool
) -> tuple[Layer, ...]:
    """The input, what the modules give in the order in which they run, and the output.

    Where the channels are is taken from `channel_axis`, or else from the module. A module that ends the model is there
    once, under the name of the output.
    """
    few = inputs[:3].clone()
    heard: dict[str, tuple[nn.Module, Tensor, int]] = {}

    def listener(name: str, module: nn.Module, tensor: Tensor) -> None:
        heard[name] = (module, tensor, tensor._version)

    with eval_mode(model), torch.no_grad(), capture_outputs(model, modules, listener):
        output = model(few.to(device_of(model)))
    if not isinstance(output, Tensor) or output.ndim == 0 or len(output) != len(few):
        raise TypeError(f"model: expected a module that gives a tensor of shape (samples, ...), got {describe(output)}")
    silent = [name for name in modules if name not in heard]
    if silent and all_must_speak:
        raise RunError(f"layers: {silent[0]!r} gives no tensor in the forward pass")
    unknown = [name for name in channel_axis if name not in (*heard, INPUT, OUTPUT)]
    if unknown:
        raise ValueError(f"channel_axis: {unknown[0]!r} is no recorded layer; there are {[INPUT, *heard, OUTPUT]}")

    axis = channel_axis.get(INPUT, 1)
    fields = _fields(model, inputs, modules) if axis == 1 else {}
    layers = [_layer(INPUT, "input", few, axis)]
    previous = (few.ndim, axis)
    for name, (module, tensor, _) in heard.items():
        if tensor.ndim == 0 or len(tensor) != len(few):
            message = (
                f"layers: {name!r} gives shape {tuple(tensor.shape)} for {len(few)} samples; its axis 0 is not theirs"
            )
            if all_must_speak:
                raise RunError(message)
            warnings.warn(f"{message}; it is not recorded", stacklevel=4)
            continue
        axis = channel_axis.get(name, _channel_axis_of(module, tensor, previous))
        previous = (tensor.ndim, axis)
        # The run keeps two names for itself.
        own_name = f"module.{name}" if name in (INPUT, OUTPUT) else name
        layers.append(_layer(own_name, kind_of(module), tensor, axis, name, fields.get(name)))

    axis = channel_axis.get(OUTPUT, previous[1] if output.ndim == previous[0] else 1)
    last = layers[-1]
    if last.module:
        _, tensor, version = heard[last.module]
        if tensor is output and output._version == version:  # else a function has changed it in place since
            layers.pop()
            return (*layers, _layer(OUTPUT, last.kind, output, axis, last.module, last.receptive_field))
    return (*layers, _layer(OUTPUT, "output", output, axis))


def _fields(model: nn.Module, inputs: Tensor, modules: Sequence[str]) -> dict[str, ReceptiveField]:
    if inputs.ndim < 3 or not inputs.is_floating_point():
        return {}
    try:
        return receptive_fields(model, inputs.shape[1:], modules)
    except (
        RuntimeError,
        ValueError,
        AssertionError,
    ) as error:  # a model may refuse NaN; it can be recorded all the same
        warnings.warn(f"the layers' receptive fields could not be found: {error}", stacklevel=5)
        return {}


def _layer(
    name: str, kind: str, tensor: Tensor, axis: int, module: str = "", field: ReceptiveField | None = None
) -> Layer:
    if tensor.ndim == 1:
        tensor = tensor[:, None]
    if not -tensor.ndim < axis < tensor.ndim or axis == 0:
        raise ValueError(f"channel_axis: {name!r} has axes 1 to {tensor.ndim - 1} beside its samples, got {axis}")
    return Layer(name, kind, tuple(tensor.movedim(axis, 1).shape[1:]), axis % tensor.ndim, module, field)


def _channel_axis_of(module: nn.Module, output: Tensor, previous: tuple[int, int]) -> int:
    """Where a module's output has its channels.

    Convolutions, pooling and batch normalisation have them on axis 1; linear layers, embeddings and layer normalisation
    on the last. Others keep what came before, `previous` being (number of axes, channel axis).
    """
    kind = kind_of(module)
    if output.ndim <= 2 or kind in ("convolution", "pooling"):
        return 1
    if kind in _LAST_AXIS or isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return output.ndim - 1
    if kind == "normalization":
        return 1
    return previous[1] if output.ndim == previous[0] else 1
