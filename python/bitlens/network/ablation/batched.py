"""Batched ablation: many ablations of a network, evaluated together as one larger batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, describe
from bitlens.network import batches
from bitlens.network.axes import LayerAxes
from bitlens.network.batches import Batch, Forward
from bitlens.network.hooks import RunBatch, capture_outputs, modules_of
from bitlens.network.outputs import first_tensor
from bitlens.progress import track
from bitlens.runs import RunError

_BATCH = 256
"""Largest number of samples in a batch."""
_BATCH_VALUES = 2**23
"""Largest number of values that a layer or the input has for one batch of samples."""
_VALUES = 2**20
"""Largest number of values that a layer has for all ablations of a batch. On a CPU, more are not faster."""


class ModelCall(NamedTuple):
    """A model, and the function that runs it on a batch; without one, the model is called with the batch."""

    model: nn.Module
    forward: Forward | None


class AblatedLayer(NamedTuple):
    """A layer with neurons that are turned off."""

    channels: int
    axes: LayerAxes
    values: int
    """Number of values of one sample."""
    fill: Tensor
    """Output of each channel when it is turned off, [channels]."""


class Ablations(NamedTuple):
    """The ablations of all repeats and steps, as ranks instead of a mask for every ablation."""

    ranks: Tensor
    """Position of each neuron in the order of removal, [repeats, neurons]."""
    removed: Tensor
    """Number of removed neurons at each step, [steps]."""

    def __len__(self) -> int:
        return len(self.ranks) * len(self.removed)

    def off(self, numbers: Tensor) -> Tensor:
        """Which neurons are turned off in the ablations of these numbers, [ablations, neurons]."""
        return self.ranks[numbers // len(self.removed)] < self.removed[numbers % len(self.removed), None]


def ablated_layers(
    call: ModelCall, inputs: Batch, layers: Mapping[str, LayerAxes], batch_size: int, means: bool
) -> dict[str, AblatedLayer]:
    """Sizes of the layers, and the output of their neurons when they are turned off: the mean, or 0."""
    samples = batches.samples_of(inputs)
    sums: dict[str, Tensor] = {}
    ablated: dict[str, AblatedLayer] = {}

    def listener(name: str, _module: nn.Module, output: Tensor) -> None:
        if name not in layers:
            return
        axes = layers[name]
        if not output.is_floating_point():
            raise RunError(f"layers: {name!r} has output {describe(output)}, which is not of floats; leave it out")
        recorded = axes.as_recorded(output)
        channels = recorded.shape[1]
        sums[name] = sums.get(name, 0) + recorded.double().sum([i for i in range(recorded.ndim) if i != 1])
        values = recorded[0].numel()
        fill = sums[name] / (values // channels * samples) if means else torch.zeros(channels)
        ablated[name] = AblatedLayer(channels, axes, values, fill.to(output))

    parts = batches.split(inputs, batch_size) if means else [batches.part(inputs, slice(min(batch_size, 2)))]
    with capture_outputs(call.model, modules_of(list(layers)), listener, call.forward) as run:
        for part in parts:
            run(part)
    for name in layers:
        if name not in ablated:
            raise RunError(f"layers: {name!r} has no output tensor in the forward pass; choose a module that runs")
    return ablated


def accuracy_and_loss(
    call: ModelCall,
    inputs: Batch,
    classes: NDArray,
    layers: Mapping[str, AblatedLayer],
    ablations: Ablations,
    depends_on_batch: bool,
) -> tuple[NDArray, NDArray]:
    """Accuracy and mean cross-entropy in bits of every ablation, each float64 [ablations].

    If the output for a sample depends on its batch, every ablation is one batch of all samples.
    """
    device, total, count = batches.main_input(inputs).device, len(classes), len(ablations)
    labels = torch.from_numpy(classes).to(device)
    extremes = ablations.off(torch.tensor([0, count - 1], device=device))
    late = not depends_on_batch and _can_repeat_late(call, inputs, layers, extremes)
    correct, losses = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    ablated = max(layer.values for layer in layers.values())
    largest = max(ablated, *(tensor[0].numel() for tensor in batches.tensors(inputs).values()))
    samples = max(1, min(_BATCH, total, _BATCH_VALUES // largest))
    together = max(1, min(count, _VALUES // (samples * (ablated if late else largest))))
    if depends_on_batch:
        samples, together = total, 1
    parts = [(batches.part(inputs, rows), labels[rows]) for rows in batches.slices(total, samples)]
    jobs = [(numbers, *part) for numbers in torch.split(torch.arange(count), together) for part in parts]
    for numbers, batch_inputs, batch_labels in track(jobs, "cumulative ablation"):
        logits = _logits(call, batch_inputs, layers, ablations.off(numbers.to(device)), late)
        if logits.ndim != 3 or logits.shape[2] <= int(labels.max()):
            raise RunError(
                f"model: expected one logit for each of {int(labels.max()) + 1} classes, "
                f"got an output of shape {tuple(logits.shape[1:])}"
            )
        batch_losses = nn.functional.cross_entropy(
            logits.double().flatten(0, 1), batch_labels.repeat(len(numbers)), reduction="none"
        ).reshape(len(numbers), -1)
        if not torch.isfinite(batch_losses).all():
            raise ValueError("model: expected a finite output, got NaN or infinity")
        correct[numbers] += (logits.argmax(2) == batch_labels).double().sum(1).cpu()
        losses[numbers] += batch_losses.sum(1).cpu()
    share = 1 / total
    return (correct * share).numpy(), (losses * (share / math.log(2))).numpy()


def _logits(call: ModelCall, inputs: Batch, layers: Mapping[str, AblatedLayer], off: Tensor, late: bool) -> Tensor:
    """Logits [ablations, samples, classes].

    The samples are repeated once for each ablation: at the first ablated layer (`late`), or already at the input.
    """
    count, n = len(off), batches.samples_of(inputs)
    with _turn_off(call, layers, off, n, late) as run:
        repeated = inputs if late else batches.mapped(inputs, lambda x: x.repeat(count, *[1] * (x.ndim - 1)))
        logits = first_tensor(run(repeated))
    if logits is None or logits.shape[:1] != (count * n,):
        raise RunError(
            f"model: expected an output tensor with one row for each of {count * n} samples, got {describe(logits)}"
        )
    if logits.ndim == 1 or logits.shape[1:] == (1,):  # one logit is that of class 1 of two
        logits = torch.stack([torch.zeros_like(logits.flatten()), logits.flatten()], 1)
    return logits.reshape(count, n, *logits.shape[1:])


@contextmanager
def _turn_off(
    call: ModelCall, layers: Mapping[str, AblatedLayer], off: Tensor, n: int, late: bool
) -> Iterator[RunBatch]:
    masks = dict(zip(layers, torch.split(off, [layer.channels for layer in layers.values()], dim=1), strict=True))

    def listener(name: str, _module: nn.Module, output: Tensor) -> Tensor | None:
        if name not in layers:
            return None
        layer = layers[name]
        samples = layer.axes.sample
        if late and output.shape[samples] == n * layer.axes.folded:  # later layers have the repeated samples already
            sizes = list(output.shape)
            by_ablation = output.unsqueeze(samples).expand(*sizes[:samples], len(off), *sizes[samples:])
        else:
            by_ablation = output.reshape(*output.shape[:samples], len(off), -1, *output.shape[samples + 1 :])
        channel = layer.axes.channel if output.ndim > 1 else samples
        shape = [1] * by_ablation.ndim
        shape[samples] = len(off)
        fill_shape = [1] * by_ablation.ndim
        if output.ndim > 1:
            shape[channel + (channel > samples)] = fill_shape[channel + (channel > samples)] = layer.channels
        off_values = torch.where(masks[name].reshape(shape), layer.fill.reshape(fill_shape), by_ablation)
        return off_values.flatten(samples, samples + 1)

    with capture_outputs(call.model, modules_of(list(layers)), listener, call.forward) as run:
        yield run


def _can_repeat_late(call: ModelCall, inputs: Batch, layers: Mapping[str, AblatedLayer], off: Tensor) -> bool:
    """Whether the samples can be repeated at the first ablated layer instead of at the input.

    In a residual network they cannot, because the repeated samples would be added to samples that are not repeated.
    The model's own code decides it, so both ways are compared on two samples and two ablations.
    """
    if batches.samples_of(inputs) < 2:
        return False
    two = batches.part(inputs, slice(2))
    early_logits = _logits(call, two, layers, off, late=False)
    try:
        late_logits = _logits(call, two, layers, off, late=True)
    except (RuntimeError, ValueError):  # shapes that do not fit
        return False
    return late_logits.shape == early_logits.shape and torch.allclose(late_logits, early_logits, rtol=1e-3, atol=1e-4)
