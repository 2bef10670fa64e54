"""Batches of a network's inputs: a tensor, a tuple of tensors, or a dictionary of tensors by argument."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bitlens.arrays import describe

Batch = Tensor | tuple[Tensor, ...] | dict[str, Tensor]
Forward = Callable[[nn.Module, Any], Any]
"""A function of the model and a batch that runs the model and returns its output."""


def slices(samples: int, size: int) -> list[slice]:
    """Batches of nearly equal sizes, at most `size`.

    Some layers refuse a single sample, so no batch has only one if `size` is not 1, and one of three may be above 2.
    """
    count = -(-samples // size)
    if size > 1 and samples > 1:
        count = min(count, samples // 2)
    ends = [samples * i // count for i in range(count + 1)]
    return [slice(first, end) for first, end in itertools.pairwise(ends)]


def mapped(batch: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The batch with every tensor replaced by its image."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        return {name: function(tensor) for name, tensor in batch.items()}
    return tuple(function(tensor) for tensor in batch)


def part(batch: Batch, rows: slice) -> Batch:
    """Some samples of a batch."""
    rows_of_batch: Batch = mapped(batch, lambda tensor: tensor[rows])
    return rows_of_batch


def split(batch: Batch, size: int) -> list[Batch]:
    """Batches of nearly equal sizes, at most `size`, as `slices` cuts them."""
    return [part(batch, rows) for rows in slices(samples_of(batch), size)]


def tensors(batch: Batch) -> dict[str, Tensor]:
    """The tensors of a batch by name; the first one is called "inputs"."""
    if isinstance(batch, Tensor):
        return {"inputs": batch}
    pairs = batch.items() if isinstance(batch, Mapping) else [(str(i), tensor) for i, tensor in enumerate(batch)]
    return {"inputs" if i == 0 else f"inputs.{name}": tensor for i, (name, tensor) in enumerate(pairs)}


def main_input(batch: Batch) -> Tensor:
    """The first tensor of a batch, which is the input layer of a run."""
    return next(iter(tensors(batch).values()))


def samples_of(batch: Batch) -> int:
    """The number of samples."""
    return len(main_input(batch))


def check_batch(batch: Any, argument: str) -> int:
    """The number of samples, after checking that the batch has some, and as many in all tensors."""
    several = list(batch.values()) if isinstance(batch, Mapping) else batch
    for value in several if isinstance(several, tuple | list) and several else [batch]:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{argument}: expected inputs as a tensor, or a tuple or dict of them, got {describe(value)}"
            )
    for name, tensor in tensors(batch).items():
        if tensor.ndim == 0 or not len(tensor) or len(tensor) != samples_of(batch):
            expected = f"{samples_of(batch)} samples in {name}" if name != "inputs" else "at least one sample"
            raise ValueError(f"{argument}: expected {expected}, got shape {tuple(tensor.shape)}")
    return samples_of(batch)


def run(model: nn.Module, batch: Batch, forward: Forward | None = None) -> Any:
    """The model's output for a batch."""
    if forward is not None:
        return forward(model, batch)
    if isinstance(batch, Tensor):
        return model(batch)
    return model(**batch) if isinstance(batch, Mapping) else model(*batch)


def check_forward(forward: Forward | None) -> Forward | None:
    """The function that runs the model, after checking that it can be called."""
    if forward is not None and not callable(forward):
        raise TypeError(f"forward: expected a function of model and batch, got {describe(forward)}; pass one")
    return forward


def name_of(forward: Forward | None) -> str:
    """The name of the function that runs the model; an empty text without one."""
    return "" if forward is None else getattr(forward, "__name__", type(forward).__name__)


def fitted(model: nn.Module, batch: Batch) -> Batch:
    """A copy on the model's device, whose floats have the type of the model's parameters if they have only one."""
    parameters = list(model.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    types = {parameter.dtype for parameter in parameters if parameter.is_floating_point()}
    dtype = next(iter(types)) if len(types) == 1 else None

    def fit(tensor: Tensor) -> Tensor:
        return tensor.detach().to(device, dtype if tensor.is_floating_point() else None, copy=True)

    fit_batch: Batch = mapped(batch, fit)
    return fit_batch
