"""What the layers of a network are, learnt from one forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bitlens.network.receptive_field import receptive_fields
from bitlens.network.tracing import device_of, kind_of, listening, undisturbed
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
    heard: dict[str, tuple[nn.Module, Tensor]] = {}

    def listener(name: str, module: nn.Module, tensor: Tensor) -> None:
        heard[name] = (module, tensor)

    with undisturbed(model), torch.no_grad(), listening(model, modules, listener):
        output = model(inputs[:2].clone().to(device_of(model)))
    if not isinstance(output, Tensor):
        raise TypeError(f"model: expected a module that gives a tensor, got {type(output).__name__}")
    silent = [name for name in modules if name not in heard]
    if silent and all_must_speak:
        raise RunError(f"layers: {silent[0]!r} gives no tensor in the forward pass")

    fields: Mapping[str, ReceptiveField] = {}
    axis = channel_axis.get(INPUT, 1)
    if inputs.ndim > 2 and inputs.is_floating_point() and axis == 1:
        fields = receptive_fields(model, inputs.shape[1:], modules)
    layers = [_layer(INPUT, "input", inputs, axis)]
    previous = (inputs.ndim, axis)
    for name, (module, tensor) in heard.items():
        axis = channel_axis.get(name, _channel_axis_of(module, tensor, previous))
        previous = (tensor.ndim, axis)
        layers.append(_layer(name, kind_of(module), tensor, axis, name, fields.get(name)))

    axis = channel_axis.get(OUTPUT, previous[1] if output.ndim == previous[0] else 1)
    final = _layer(OUTPUT, "output", output, axis)
    if heard and heard[layers[-1].name][1] is output:
        last = layers.pop()
        final = _layer(OUTPUT, last.kind, output, axis, last.module, last.receptive_field)
    return (*layers, final)


def _layer(
    name: str, kind: str, tensor: Tensor, axis: int, module: str = "", field: ReceptiveField | None = None
) -> Layer:
    if tensor.ndim == 1:
        tensor = tensor[:, None]
    if not 0 < axis < tensor.ndim:
        raise ValueError(f"channel_axis: {name!r} has axes 1 to {tensor.ndim - 1} beside its samples, got {axis}")
    return Layer(name, kind, tuple(tensor.movedim(axis, 1).shape[1:]), axis, module, field)


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
