"""Receptive fields, found by asking the network: NaN spreads exactly as far as the data does."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from bitlens.network.hooks import capture_outputs, check_modules, default_modules, device_of, eval_mode
from bitlens.runs import ReceptiveField

_BATCH = 64


def receptive_fields(
    model: nn.Module, input_shape: Sequence[int], layers: Sequence[str] | None = None
) -> dict[str, ReceptiveField]:
    """Find which part of the input every position of every layer's feature maps depends on.

    One line of the input at a time is set to NaN, and the positions that turn NaN depend on it. That needs no knowledge
    of strides, paddings, dilations, branches or skips, nor of what was written as a function rather than a module. A
    field is the box of lines along each axis; where a network forgets its input by comparing it (masks), it is missed.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, its random numbers and its hooks are left as they were.
    input_shape : sequence of int
        Shape of one input: (channels, height, width), or with one or three spatial axes.
    layers : sequence of str, optional
        Names of modules. Default: all that change the data.

    Returns
    -------
    dict of str to ReceptiveField
        For the layers whose maps have as many spatial axes as the input; others have no positions.

    Raises
    ------
    RunError
        If the model has no such module.

    Examples
    --------
    >>> import torch
    >>> from bitlens.network import receptive_fields
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2))
    >>> receptive_fields(model, (1, 8, 8))["1"].box(0, 2)
    ((0, 4), (4, 8))
    """
    names = default_modules(model) if layers is None else check_modules(model, layers)
    spatial = tuple(input_shape[1:])
    axes: dict[str, list[tuple[tuple[int, int], ...]]] = {}
    with eval_mode(model), torch.no_grad(), _plain_convolutions():
        for axis in range(len(spatial)):
            seen: dict[str, list[Tensor]] = {}

            def listener(
                name: str, _module: nn.Module, output: Tensor, axis: int = axis, seen: dict[str, list[Tensor]] = seen
            ) -> None:
                if output.ndim == len(spatial) + 2:
                    others = [d for d in range(1, output.ndim) if d != axis + 2]
                    seen.setdefault(name, []).append(output.isnan().amax(dim=others).cpu())

            with capture_outputs(model, names, listener):
                for first in range(0, spatial[axis], _BATCH):
                    lines = range(first, min(first + _BATCH, spatial[axis]))
                    x = torch.zeros(len(lines), *input_shape, device=device_of(model), dtype=_dtype_of(model))
                    for sample, line in enumerate(lines):
                        x[sample].select(axis + 1, line).fill_(float("nan"))
                    model(x)
            for name, parts in seen.items():
                axes.setdefault(name, []).append(_intervals(torch.cat(parts)))
    return {name: ReceptiveField(tuple(found)) for name, found in axes.items() if len(found) == len(spatial)}


def _intervals(depends: Tensor) -> tuple[tuple[int, int], ...]:
    """[input line, position] -> for each position, from the first to after the last line it depends on."""
    intervals = []
    for column in depends.T:
        lines = column.nonzero().flatten()
        intervals.append((int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, 0))
    return tuple(intervals)


def _dtype_of(model: nn.Module) -> torch.dtype:
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)


@contextmanager
def _plain_convolutions() -> Iterator[None]:
    """Without fast algorithms (Winograd, FFT): they mix neighbours, and would carry NaN further than the data."""
    with warnings.catch_warnings(), ExitStack() as flags:
        # PyTorch's own switch for oneDNN says so on machines without an Intel GPU.
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)
        flags.enter_context(torch.backends.mkldnn.flags(enabled=False))
        flags.enter_context(torch.backends.nnpack.flags(enabled=False))
        flags.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
