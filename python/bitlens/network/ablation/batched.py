"""Batched ablation: many ablations of a network, evaluated together as one larger batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, describe
from bitlens.network.hooks import capture_outputs, modules_of
from bitlens.network.progress import track_steps
from bitlens.runs import RunError

_BATCH = 256
"""Largest number of samples in a batch."""
_BATCH_VALUES = 2**23
"""Largest number of values that a layer or the input has for one batch of samples."""
_VALUES = 2**20
"""Largest number of values that a layer has for all ablations of a batch. On a CPU, more are not faster."""


class AblatedLayer(NamedTuple):
    """A layer with neurons that are turned off."""

    channels: int
    axis: int
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
    model: nn.Module, inputs: Tensor, names: Sequence[str], axis: int, means: bool
) -> dict[str, AblatedLayer]:
    """Sizes of the layers, and the output of their neurons when they are turned off: the mean, or 0."""
    sums: dict[str, Tensor] = {}
    layers: dict[str, AblatedLayer] = {}

    def listener(name: str, _module: nn.Module, output: Tensor) -> None:
        if name not in names:
            return
        if not output.is_floating_point() or not -output.ndim < axis < output.ndim or axis % output.ndim == 0:
            raise RunError(f"layers: {name!r} has output {describe(output)}, without channels on axis {axis}")
        others = [i for i in range(output.ndim) if i != axis % output.ndim]
        channels = output.shape[axis]
        sums[name] = sums.get(name, 0) + output.double().sum(others)
        values = output[0].numel()
        fill = sums[name] / (values // channels * len(inputs)) if means else torch.zeros(channels)
        layers[name] = AblatedLayer(channels, axis % output.ndim, values, fill.to(output))

    batches = torch.split(inputs, _BATCH) if means else (inputs[:1],)
    with capture_outputs(model, modules_of(names), listener):
        for batch in batches:
            model(batch)
    for name in names:
        if name not in layers:
            raise RunError(f"layers: {name!r} has no output tensor in the forward pass; choose a module that runs")
    return layers


def accuracy_and_loss(
    model: nn.Module, inputs: Tensor, classes: NDArray, layers: Mapping[str, AblatedLayer], ablations: Ablations
) -> tuple[NDArray, NDArray]:
    """Accuracy and mean cross-entropy in bits of every ablation, each float64 [ablations]."""
    labels = torch.from_numpy(classes).to(inputs.device)
    count = len(ablations)
    late = _can_repeat_late(model, inputs, layers, ablations.off(torch.tensor([0, count - 1], device=inputs.device)))
    correct, losses = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    ablated = max(layer.values for layer in layers.values())
    largest = max(ablated, inputs[0].numel())
    samples = max(1, min(_BATCH, len(inputs), _BATCH_VALUES // largest))
    together = max(1, min(count, _VALUES // (samples * (ablated if late else largest))))
    batches = list(zip(torch.split(inputs, samples), torch.split(labels, samples), strict=True))
    jobs = [(numbers, *batch) for numbers in torch.split(torch.arange(count), together) for batch in batches]
    for i in track_steps(len(jobs), "cumulative ablation"):
        numbers, batch_inputs, batch_labels = jobs[i]
        logits = _logits(model, batch_inputs, layers, ablations.off(numbers.to(inputs.device)), late)
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
    share = 1 / len(inputs)
    return (correct * share).numpy(), (losses * (share / math.log(2))).numpy()


def _logits(model: nn.Module, inputs: Tensor, layers: Mapping[str, AblatedLayer], off: Tensor, late: bool) -> Tensor:
    """Logits [ablations, samples, classes].

    The samples are repeated once for each ablation: at the first ablated layer (`late`), or already at the input.
    """
    count, n = len(off), len(inputs)
    with _turn_off(model, layers, off, n, late):
        repeated = inputs if late else inputs.repeat(count, *[1] * (inputs.ndim - 1))
        logits: Tensor = model(repeated)
    if not isinstance(logits, Tensor) or logits.shape[:1] != (count * n,):
        raise RunError(
            f"model: expected an output tensor with one row for each of {count * n} samples, got {describe(logits)}"
        )
    return logits.reshape(count, n, *logits.shape[1:])


@contextmanager
def _turn_off(model: nn.Module, layers: Mapping[str, AblatedLayer], off: Tensor, n: int, late: bool) -> Iterator[None]:
    masks = dict(zip(layers, torch.split(off, [layer.channels for layer in layers.values()], dim=1), strict=True))

    def listener(name: str, _module: nn.Module, output: Tensor) -> Tensor | None:
        if name not in layers:
            return None
        layer = layers[name]
        if late and len(output) == n:  # the first ablated layer; later ones have the repeated samples already
            by_ablation = output.expand(len(off), *output.shape)
        else:
            by_ablation = output.reshape(len(off), n, *output.shape[1:])
        channels = [1] * output.ndim
        channels[layer.axis] = layer.channels
        mask = masks[name].reshape(len(off), *channels)
        return torch.where(mask, layer.fill.reshape(channels), by_ablation).flatten(0, 1)

    with capture_outputs(model, modules_of(list(layers)), listener):
        yield


def _can_repeat_late(model: nn.Module, inputs: Tensor, layers: Mapping[str, AblatedLayer], off: Tensor) -> bool:
    """Whether the samples can be repeated at the first ablated layer instead of at the input.

    In a residual network they cannot, because the repeated samples would be added to samples that are not repeated.
    The model's own code decides it, so both ways are compared on two samples and two ablations.
    """
    if len(inputs) < 2:
        return False
    early_logits = _logits(model, inputs[:2], layers, off, late=False)
    try:
        late_logits = _logits(model, inputs[:2], layers, off, late=True)
    except (RuntimeError, RunError):  # shapes that do not fit
        return False
    return late_logits.shape == early_logits.shape and torch.allclose(late_logits, early_logits, rtol=1e-3, atol=1e-4)
