"""Receptive fields, found by experiment: NaN in the input spreads exactly as far as the data does."""

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
    """Find the part of the input on which each position of the feature maps of each layer depends.

    One line of the input at a time is set to NaN, and the positions that become NaN depend on this line. The method
    therefore works with any strides, paddings, dilations, branches and skip connections, and with functions that are
    not modules. A receptive field is an interval of lines along each axis. If a network only compares its input (to
    compute a mask), NaN does not spread, and the field is too small.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, random number generators and hooks are restored.
    input_shape : sequence of int
        Shape of one input: (channels, height, width). One and three spatial axes are possible as well.
    layers : sequence of str, optional
        Names of modules. Default: all modules that change the data.

    Returns
    -------
    dict of str to ReceptiveField
        Receptive fields of the layers whose maps have as many spatial axes as the input. Other layers are left out.

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
            depends: dict[str, list[Tensor]] = {}

            def listener(
                name: str,
                _module: nn.Module,
                output: Tensor,
                axis: int = axis,
                depends: dict[str, list[Tensor]] = depends,
            ) -> None:
                if output.ndim == len(spatial) + 2:
                    others = [d for d in range(1, output.ndim) if d != axis + 2]
                    depends.setdefault(name, []).append(output.isnan().amax(dim=others).cpu())

            with capture_outputs(model, names, listener):
                for first in range(0, spatial[axis], _BATCH):
                    lines = range(first, min(first + _BATCH, spatial[axis]))
                    x = torch.zeros(len(lines), *input_shape, device=device_of(model), dtype=_dtype_of(model))
                    for sample, line in enumerate(lines):
                        x[sample].select(axis + 1, line).fill_(float("nan"))
                    model(x)
            for name, batches in depends.items():
                axes.setdefault(name, []).append(_intervals(torch.cat(batches)))
    return {name: ReceptiveField(tuple(field)) for name, field in axes.items() if len(field) == len(spatial)}


def _intervals(depends: Tensor) -> tuple[tuple[int, int], ...]:
    """From [input line, position] to one interval for each position: the first line, and one after the last line."""
    intervals = []
    for column in depends.T:
        lines = column.nonzero().flatten()
        intervals.append((int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, 0))
    return tuple(intervals)


def _dtype_of(model: nn.Module) -> torch.dtype:
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)


@contextmanager
def _plain_convolutions() -> Iterator[None]:
    """Disable fast convolutions (Winograd, FFT): they mix neighbours, so NaN would spread further than the data."""
    with warnings.catch_warnings(), ExitStack() as flags:
        # PyTorch's switch for oneDNN warns on machines without an Intel GPU.
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)
        flags.enter_context(torch.backends.mkldnn.flags(enabled=False))
        flags.enter_context(torch.backends.nnpack.flags(enabled=False))
        flags.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield
