"""One pass of the probe through the model: the rows that the recorder stores for an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray
from bitlens.network import batches
from bitlens.network.axes import LayerAxes
from bitlens.network.batches import Forward
from bitlens.network.hooks import RunBatch, capture_outputs
from bitlens.network.outputs import as_real_tensor, first_tensor
from bitlens.network.probe import Probe
from bitlens.network.state import eval_mode
from bitlens.network.views import View, view_of
from bitlens.runs import Layer, RunError
from bitlens.runs.layout import GRADIENT_PREFIX, INPUT, OUTPUT

Write = Callable[[str, int, NDArray], None]
"""A function of the name of a tensor, the number of the first sample, and the rows of these samples."""


def stored_shapes(layers: Sequence[Layer], samples: int, gradients: bool) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of an epoch."""
    prefixes = ("", GRADIENT_PREFIX) if gradients else ("",)
    recorded = [layer for layer in layers if layer.name != INPUT]
    return {prefix + layer.name: (samples, *layer.shape) for prefix in prefixes for layer in recorded}


def collect(
    model: nn.Module,
    layers: Sequence[Layer],
    probe: Probe,
    views: Mapping[str, View],
    *,
    forward: Forward | None,
    gradients: bool,
    dtype: str,
    batch_size: int,
    write: Write,
) -> None:
    """Write the activations of every layer except the input, [sample, channel, ...], batch by batch.

    With `gradients`, those of each sample's cross-entropy at these layers are written as well, under the names of the
    layers after GRADIENT_PREFIX. A single output is the logit of class 1. If tokens are the samples of the run, the
    rows are theirs.
    """
    recorded = [layer for layer in layers if layer.name != INPUT]
    modules = list(dict.fromkeys(layer.module.split("#", 1)[0] for layer in recorded if layer.module))
    tokens = probe.tokens
    outputs: dict[str, Tensor] = {}

    # The model continues with a copy, so that a following in-place activation does not change the captured output.
    def listener(name: str, _module: nn.Module, tensor: Tensor) -> Tensor:
        if gradients and not tensor.requires_grad and tensor.is_floating_point():
            if not torch.is_grad_enabled():
                raise RunError(
                    f"gradients: {name!r} runs where the model has switched gradients off, as in checkpointing with "
                    "use_reentrant=True; use use_reentrant=False, or pass gradients=False"
                )
            tensor = tensor.detach().requires_grad_()  # so that layers behind frozen parameters have gradients too
        outputs[name] = tensor
        return tensor.clone()

    def record(run: RunBatch, rows: slice) -> None:
        first = rows.start
        output = first_tensor(run(batches.fitted(model, batches.part(probe.inputs, rows))))
        assert output is not None  # as in the pass that described the layers
        tensors = [_captured(layer, outputs, output) for layer in recorded]
        outputs.clear()
        for layer, tensor in zip(recorded, tensors, strict=True):
            values = _recorded(layer, tensor, views, rows)
            if tokens is not None:
                write(layer.name, tokens.start(first), _stored(layer, tokens.of(values, first), dtype))
            else:
                write(layer.name, first, _stored(layer, _without_padding(values, probe.mask, rows), dtype))
        if gradients and probe.labels is not None:
            found = _loss_gradients(output, tensors, probe.labels[rows])
            for layer, gradient in zip(recorded, found, strict=True):
                values = _recorded(layer, gradient, views, rows)
                write(GRADIENT_PREFIX + layer.name, first, _stored(layer, values, dtype))

    captured = capture_outputs(model, modules, listener, forward)
    with eval_mode(model), torch.set_grad_enabled(gradients), captured as run:
        for rows in batches.slices(probe.samples, batch_size):
            record(run, rows)  # in a function, so that a batch is released before the next one runs


def check_gradients(model: nn.Module, output: Layer, classes: int) -> None:
    """Refuse an output that has no cross-entropy with the labels; a single value is the logit of class 1.

    PyTorch computes no gradients through parameters that were created in inference mode.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise ValueError(
            "gradients: expected parameters with gradients, got those of a model that was created in "
            "torch.inference_mode(); create it outside of it, or pass gradients=False"
        )
    shape = output.shape
    if len(shape) != 1 or classes > max(shape[0], 2):
        raise ValueError(
            f"gradients: expected one output for each of {classes} classes, or one logit for two classes, for the "
            f"loss, got shape {shape}"
        )


def _captured(layer: Layer, outputs: dict[str, Tensor], output: Tensor) -> Tensor:
    if layer.name == OUTPUT:
        return output
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
    with_gradient = [tensor for tensor in tensors if tensor.requires_grad]  # integers have none
    if not with_gradient or not loss.requires_grad:
        raise ValueError("gradients: expected a layer that has a gradient, got none; pass gradients=False")
    computed = iter(torch.autograd.grad(loss, with_gradient, allow_unused=True))
    gradients = [next(computed) if tensor.requires_grad else None for tensor in tensors]
    return [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(tensors, gradients, strict=True)
    ]


def _recorded(layer: Layer, tensor: Tensor, views: Mapping[str, View], rows: slice) -> Tensor:
    """The view of the layer's output, [sample, channel, position...]."""
    view = view_of(layer.module or layer.name, views)
    values = view.apply(LayerAxes.of(layer).as_recorded(as_real_tensor(tensor)))
    changed = tuple(values.shape[1:]) != layer.shape and not view.tokens_as_samples
    if len(values) != rows.stop - rows.start or changed:
        raise RunError(
            f"layers: {layer.name!r} has values of shape {tuple(values.shape[1:])} for samples {rows.start} to "
            f"{rows.stop - 1} of the probe, but {layer.shape} when the recording began; leave it out of layers, or pad "
            "the samples to one size"
        )
    return values


def _without_padding(values: Tensor, mask: Tensor | None, rows: slice) -> Tensor:
    """The values [sample, channel, position...] with 0 at padding, if the positions are those of the mask."""
    if mask is None or values.ndim < 3 or values.shape[2] != mask.shape[1]:
        return values
    padding = ~mask[rows].to(values.device).reshape(len(values), 1, -1, *[1] * (values.ndim - 3))
    return values.masked_fill(padding, 0)


def _stored(layer: Layer, values: Tensor, dtype: str) -> NDArray:
    values = values.cpu()
    if values.is_floating_point() and values.numel():
        largest = float(torch.where(values.isfinite(), values, 0).abs().max())
        if largest > float(np.finfo(dtype).max):
            raise ValueError(
                f"dtype: layer {layer.name!r} has values up to {largest:.3g}, which {dtype} cannot represent"
                + ("; record with dtype='float32'" if dtype == "float16" else "")
            )
    stored: NDArray = values.to(getattr(torch, dtype)).numpy()
    return stored
