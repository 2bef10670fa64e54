"""One pass of the probe through the model: the arrays that the recorder stores for an epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray
from bitlens.network.hooks import capture_outputs, device_of, eval_mode
from bitlens.runs import Layer, RunError
from bitlens.runs.layout import GRADIENT_PREFIX, INPUT, OUTPUT

_BATCH = 256


def collect(
    model: nn.Module,
    modules: Sequence[str],
    layers: Sequence[Layer],
    inputs: Tensor,
    labels: Tensor | None,
    dtype: str,
) -> dict[str, NDArray]:
    """Activations of every layer except the input, [sample, channel, ...].

    If `labels` are given, the gradients of each sample's cross-entropy at these layers are returned as well, under the
    names of the layers after GRADIENT_PREFIX. A single output is the logit of class 1.
    """
    n = len(inputs)
    gradients = labels is not None
    recorded = [layer for layer in layers if layer.name != INPUT]
    prefixes = ("", GRADIENT_PREFIX) if gradients else ("",)
    arrays = {p + layer.name: np.empty((n, *layer.shape), dtype) for layer in recorded for p in prefixes}
    device = device_of(model)
    outputs: dict[str, Tensor] = {}

    # The model continues with a copy, so that a following in-place activation does not change the captured output.
    def listener(name: str, _module: nn.Module, tensor: Tensor) -> Tensor:
        outputs[name] = tensor
        return tensor.clone()

    with eval_mode(model), torch.set_grad_enabled(gradients), capture_outputs(model, modules, listener):
        for first in range(0, n, _BATCH):
            batch = slice(first, min(first + _BATCH, n))
            outputs.clear()
            batch_inputs = inputs[batch].clone().to(device)
            if gradients and batch_inputs.is_floating_point():
                batch_inputs = batch_inputs.requires_grad_()  # so that the layers of a frozen model have gradients too
            output = model(batch_inputs)
            tensors = [output if layer.name == OUTPUT else _captured(layer, outputs) for layer in recorded]
            for layer, tensor in zip(recorded, tensors, strict=True):
                arrays[layer.name][batch] = _stored(layer, tensor, dtype)
            if labels is not None:
                for layer, gradient in zip(recorded, _loss_gradients(output, tensors, labels[batch]), strict=True):
                    arrays[GRADIENT_PREFIX + layer.name][batch] = _stored(layer, gradient, dtype)
    return arrays


def _captured(layer: Layer, outputs: dict[str, Tensor]) -> Tensor:
    if layer.module not in outputs:
        raise RunError(
            f"layers: {layer.name!r} has no output tensor for some samples of the probe, although it had one when the "
            "recording began; leave it out of layers"
        )
    return outputs[layer.module]


def _loss_gradients(output: Tensor, tensors: list[Tensor], labels: Tensor) -> list[Tensor]:
    # The gradient of the sum over samples is, for each sample, the gradient of its loss.
    classes = labels.to(output.device)
    if output.ndim == 1 or output.shape[1] == 1:
        targets = classes.reshape(output.shape).to(output.dtype)
        loss = nn.functional.binary_cross_entropy_with_logits(output, targets, reduction="sum")
    else:
        loss = nn.functional.cross_entropy(output, classes, reduction="sum")
    with_gradient = [tensor for tensor in tensors if tensor.requires_grad]  # layers before a frozen embedding have none
    if not with_gradient:
        raise ValueError("gradients: expected a layer that has a gradient, got none; pass gradients=False")
    computed = iter(torch.autograd.grad(loss, with_gradient, allow_unused=True))
    gradients = [next(computed) if tensor.requires_grad else None for tensor in tensors]
    return [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(tensors, gradients, strict=True)
    ]


def _stored(layer: Layer, tensor: Tensor, dtype: str) -> NDArray:
    tensor = tensor.detach()
    if tensor.ndim == 1:
        tensor = tensor[:, None]
    values: NDArray = tensor.movedim(layer.channel_axis, 1).to("cpu", torch.float64).numpy()
    largest = np.abs(values, where=np.isfinite(values), out=np.zeros_like(values)).max()
    if largest > np.finfo(dtype).max:
        raise ValueError(
            f"dtype: layer {layer.name!r} has values up to {largest:.3g}, which {dtype} cannot represent"
            + ("; record with dtype='float32'" if dtype == "float16" else "")
        )
    return values
