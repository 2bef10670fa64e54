"""Receptive fields: the part of the input on which each position of a feature map depends."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bitlens.network.axes import AxesError, LayerAxes, axes_of_input, axes_of_output
from bitlens.network.choice import default_layers, named_layers
from bitlens.network.hooks import device_of
from bitlens.network.observed import FEW, observe
from bitlens.network.state import unwrapped
from bitlens.network.tracing import Places, Trace
from bitlens.network.tracing.axes import reach_of, united
from bitlens.runs import ReceptiveField


def receptive_fields(
    model: nn.Module, input_shape: Sequence[int], layers: str | Sequence[str] | None = None
) -> dict[str, ReceptiveField]:
    """Find the part of the input on which each position of the feature maps of each layer depends.

    Every operation of one forward pass passes on which lines of the input its results depend on. The method therefore
    works with any strides, paddings, dilations, branches and skip connections, with functions that are not modules, and
    with channels on any axis. A receptive field is an interval of lines along each axis of the input. Where an
    operation mixes positions in a way that is not known, the field is the whole input, or the layer is left out.

    Parameters
    ----------
    model : torch.nn.Module
        Its mode, random number generators and hooks are restored.
    input_shape : sequence of int
        Shape of one input: (channels, height, width). One and three spatial axes are possible as well.
    layers : str or sequence of str, optional
        Names or patterns of modules. Default: all modules that change the data.

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
    model = unwrapped(model)
    inputs = torch.zeros(FEW, *input_shape, device=device_of(model))
    observed = observe(model, inputs, None)
    names = default_layers(model, observed) if layers is None else named_layers(model, layers)
    input_axis = axes_of_input(observed, None).channel
    fields = {}
    for name, seen in observed.calls.items():
        if name.split("#", 1)[0] not in names:
            continue
        try:
            axes = axes_of_output(name, seen, input_axis, None)
        except AxesError:  # it has no positions of single samples
            continue
        field = field_of(seen.trace, axes, observed.inputs, input_axis)
        if field is not None:
            fields[name] = field
    return fields


def field_of(trace: Trace | None, axes: LayerAxes, inputs: Tensor, input_axis: int) -> ReceptiveField | None:
    """The receptive field of a layer whose positions are those of the input's axes, in the same order; else None."""
    spatial = [axis for axis in range(1, inputs.ndim) if axis != input_axis]
    if trace is None or not spatial or axes.folded > 1 or not inputs.is_floating_point():
        return None
    positions = [axis for axis in range(len(trace.axes)) if axis not in (axes.sample, axes.channel)]
    if len(positions) != len(spatial):
        return None
    found: list[tuple[tuple[int, int], ...]] = []
    for axis, input_axis_ in zip(positions, spatial, strict=True):
        factors = trace.axes[axis]
        if trace.shape[axis] == 1:
            first, end = united(trace.reach, reach_of(factors)).get(input_axis_, (0, 0))
            found.append(((first, end) if first < end else (0, 0),))
            continue
        if len(factors) != 1 or not isinstance(factors[0], Places) or factors[0].axis != input_axis_:
            return None
        found.append(_intervals(factors[0], trace.reach.get(input_axis_)))
    return ReceptiveField(tuple(found))


def _intervals(places: Places, reach: tuple[int, int] | None) -> tuple[tuple[int, int], ...]:
    """For every place, the interval of its lines and of those that all places depend on."""
    intervals = []
    for first, end in zip(places.first.tolist(), places.end.tolist(), strict=True):
        if reach is not None:
            first, end = min(first, reach[0]), max(end, reach[1])
        intervals.append((first, end) if first < end else (0, 0))
    return tuple(intervals)
