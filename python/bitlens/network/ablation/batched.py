"""A network with some of its neurons turned off, many choices of them side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bitlens.arrays import NDArray, describe
from bitlens.network.discarding.perturbation import features_at, steps_shown
from bitlens.network.hooks import capture_outputs, device_of, eval_mode
from bitlens.runs import RunError

_BATCH = 256
"""Samples at once."""
_BATCH_VALUES = 2**23
"""Values of a layer or of the inputs at once, where a sample is large."""
_VALUES = 2**20
"""Values of the ablated layers at once, of all ablations side by side: more are no faster on a CPU."""


class Place(NamedTuple):
    """A layer whose neurons are turned off."""

    channels: int
    axis: int
    values: int
    """Of one sample."""
    fill: Tensor
    """What a neuron gives that is turned off, [channels]."""


class Ablations(NamedTuple):
    """Which neurons are off, without a table of all ablations."""

    ranks: Tensor
    """When each neuron is turned off, [repeats, neurons]."""
    removed: Tensor

    def __len__(self) -> int:
        return len(self.ranks) * len(self.removed)

    def off(self, numbers: Tensor) -> Tensor:
        """Of some ablations, [ablations, neurons]."""
        return self.ranks[numbers // len(self.removed)] < self.removed[numbers % len(self.removed), None]


def output_of(model: nn.Module, inputs: Tensor, layer: str) -> Tensor:
    """What a module gives for all inputs, on the CPU."""
    parts: list[Tensor] = []
    with eval_mode(model), torch.no_grad(), features_at(model, layer) as features:
        for part in torch.split(inputs.to(device_of(model)), _BATCH):
            parts.append(features(part).cpu())
    return torch.cat(parts)


def places_of(model: nn.Module, inputs: Tensor, names: Sequence[str], axis: int, means: bool) -> dict[str, Place]:
    """The layers as they are, and what their neurons give when they are turned off."""
    sums: dict[str, Tensor] = {}
    places: dict[str, Place] = {}

    def look(name: str, _module: nn.Module, output: Tensor) -> None:
        if name not in names:
            return
        if not output.is_floating_point() or not -output.ndim < axis < output.ndim or axis % output.ndim == 0:
            raise RunError(f"layers: {name!r} gives {describe(output)}, which has no channels on axis {axis}")
        others = [i for i in range(output.ndim) if i != axis % output.ndim]
        channels = output.shape[axis]
        sums[name] = sums.get(name, 0) + output.double().sum(others)
        values = output[0].numel()
        fill = sums[name] / (values // channels * len(inputs)) if means else torch.zeros(channels)
        places[name] = Place(channels, axis % output.ndim, values, fill.to(output))

    parts = torch.split(inputs, _BATCH) if means else (inputs[:1],)
    with capture_outputs(model, modules_of(names), look):
        for part in parts:
            model(part)
    for name in names:
        if name not in places:
            raise RunError(f"layers: {name!r} gave no tensor")
    return places


def modules_of(names: Sequence[str]) -> list[str]:
    """The modules that give these layers, of which a module that is called again gives several."""
    return list(dict.fromkeys(name.split("#", 1)[0] for name in names))


def evaluated(
    model: nn.Module, inputs: Tensor, classes: NDArray, places: Mapping[str, Place], ablations: Ablations
) -> tuple[NDArray, NDArray]:
    """Accuracy and loss after every ablation."""
    labels = torch.from_numpy(classes).to(inputs.device)
    count = len(ablations)
    later = _can_start_later(model, inputs, places, ablations.off(torch.tensor([0, count - 1], device=inputs.device)))
    right, lost = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)
    ablated = max(place.values for place in places.values())
    largest = max(ablated, inputs[0].numel())
    batch = max(1, min(_BATCH, len(inputs), _BATCH_VALUES // largest))
    together = max(1, min(count, _VALUES // (batch * (ablated if later else largest))))
    parts = list(zip(torch.split(inputs, batch), torch.split(labels, batch), strict=True))
    jobs = [(rows, *part) for rows in torch.split(torch.arange(count), together) for part in parts]
    for i in steps_shown(len(jobs), "cumulative ablation"):
        rows, some, wanted = jobs[i]
        logits = _ablated(model, some, places, ablations.off(rows.to(inputs.device)), later)
        if logits.ndim != 3 or logits.shape[2] <= int(labels.max()):
            raise RunError(
                f"model: gives shape {tuple(logits.shape[1:])}; expected one logit a class, of {int(labels.max()) + 1}"
            )
        losses = nn.functional.cross_entropy(
            logits.double().flatten(0, 1), wanted.repeat(len(rows)), reduction="none"
        ).reshape(len(rows), -1)
        if not torch.isfinite(losses).all():
            raise ValueError("model: its output is not finite")
        right[rows] += (logits.argmax(2) == wanted).double().sum(1).cpu()
        lost[rows] += losses.sum(1).cpu()
    share = 1 / len(inputs)
    return (right * share).numpy(), (lost * (share / math.log(2))).numpy()


def _ablated(model: nn.Module, inputs: Tensor, places: Mapping[str, Place], off: Tensor, later: bool) -> Tensor:
    """Logits [ablations, samples, classes]; the batch is made so many times larger at the first layer, or at once."""
    count, n = len(off), len(inputs)
    with _turned_off(model, places, off, n, later):
        repeated = inputs if later else inputs.repeat(count, *[1] * (inputs.ndim - 1))
        logits: Tensor = model(repeated)
    if not isinstance(logits, Tensor) or logits.shape[:1] != (count * n,):
        raise RunError(f"model: gives {describe(logits)} for {count * n} samples; expected a tensor, a row a sample")
    return logits.reshape(count, n, *logits.shape[1:])


@contextmanager
def _turned_off(model: nn.Module, places: Mapping[str, Place], off: Tensor, n: int, later: bool) -> Iterator[None]:
    columns = dict(zip(places, torch.split(off, [place.channels for place in places.values()], dim=1), strict=True))

    def replace(name: str, _module: nn.Module, output: Tensor) -> Tensor | None:
        if name not in places:
            return None
        place = places[name]
        wide = output.expand(len(off), *output.shape) if later and len(output) == n else None
        if wide is None:
            wide = output.reshape(len(off), n, *output.shape[1:])
        along = [1] * output.ndim
        along[place.axis] = place.channels
        mask = columns[name].reshape(len(off), *along)
        return torch.where(mask, place.fill.reshape(along), wide).flatten(0, 1)

    with capture_outputs(model, modules_of(list(places)), replace):
        yield


def _can_start_later(model: nn.Module, inputs: Tensor, places: Mapping[str, Place], off: Tensor) -> bool:
    """Whether the batch may grow at the first ablated layer: not if that meets what came around it, as in a residual net.

    Found by trying, on two samples and two ablations, as a model's own code decides it.
    """
    if len(inputs) < 2:
        return False
    at_once = _ablated(model, inputs[:2], places, off, later=False)
    try:
        grown = _ablated(model, inputs[:2], places, off, later=True)
    except (RuntimeError, RunError):  # shapes that do not fit
        return False
    return grown.shape == at_once.shape and torch.allclose(grown, at_once, rtol=1e-3, atol=1e-4)
