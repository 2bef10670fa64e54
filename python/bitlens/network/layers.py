"""Descriptions of a network's layers: the axes of each output, how they were found, and what cannot be recorded."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from torch import Tensor, nn

from bitlens.network.axes import AxesError, LayerAxes, axes_of_input, axes_of_output
from bitlens.network.batches import Batch, Forward
from bitlens.network.choice import default_layers, named_layers
from bitlens.network.observed import Observation, Observations, observe
from bitlens.network.outputs import as_real_tensor
from bitlens.network.receptive_field import field_of
from bitlens.network.views import TOKENS, View, view_of
from bitlens.runs import Layer, ReceptiveField, RunError
from bitlens.runs.layout import INPUT, OUTPUT

_KINDS = {
    "torch.nn.modules.conv": "convolution",
    "torch.nn.modules.pooling": "pooling",
    "torch.nn.modules.batchnorm": "normalization",
    "torch.nn.modules.instancenorm": "normalization",
    "torch.nn.modules.normalization": "normalization",
    "torch.nn.modules.activation": "activation",
    "torch.nn.modules.linear": "linear",
    "torch.nn.modules.rnn": "recurrent",
    "torch.nn.modules.sparse": "embedding",
}
"""The layer kinds of a run, by the file of torch.nn that defines the module."""
_MOST_NAMES = 12


@dataclass(frozen=True)
class Description:
    """The layers of a network, and what must be known to run it."""

    layers: tuple[Layer, ...]
    depends_on_batch: bool
    """Whether the output for a sample depends on the other samples of its batch."""
    tokens: int | None
    """Number of tokens of a sample of the probe, if tokens are the samples of the run."""


def kind_of(module: nn.Module, elementwise: bool = False) -> str:
    """The kind of the module's class or of its first base class with a kind; else the class name.

    A module of another class is an activation if all its operations act on single values.
    """
    if isinstance(module, nn.MultiheadAttention):
        return "attention"
    for cls in type(module).__mro__:
        if cls.__module__ in _KINDS and cls is not nn.Identity:
            return _KINDS[cls.__module__]
    return "activation" if elementwise else type(module).__name__


def describe_layers(
    model: nn.Module,
    inputs: Batch,
    layers: str | Sequence[str] | None,
    channel_axis: Mapping[str, int],
    *,
    forward: Forward | None = None,
    fields: bool = True,
    views: Mapping[str, View] = MappingProxyType({}),
) -> Description:
    """The input, the outputs of modules in the order in which they run, and the model's output.

    The axes are found by evidence: which axis follows the number of samples, and on which axis weights act. If `layers`
    are named, one that cannot be recorded is an error. Otherwise it is left out, and a warning lists what is left out
    and what is a guess. If a module is the last step of the model, its output is listed once, as the model's output.
    """
    observed = observe(model, inputs, forward)
    wanted = default_layers(model, observed) if layers is None else named_layers(model, layers)
    chosen = {name: seen for name, seen in observed.calls.items() if name.split("#", 1)[0] in wanted}
    unknown = [name for name in channel_axis if name not in (*chosen, INPUT, OUTPUT)]
    if unknown:
        raise ValueError(f"channel_axis: expected recorded layers {[INPUT, *chosen, OUTPUT]}, got {unknown[0]!r}")
    missing = dict.fromkeys(_silent(wanted, chosen), "the forward pass does not call it, or it returns no tensor")
    input_axes = axes_of_input(observed, channel_axis.get(INPUT))
    if observed.inputs.is_complex():
        raise TypeError(
            f"probe: expected inputs of real numbers, got {observed.inputs.dtype}; pass torch.view_as_real(inputs) and "
            "forward=lambda model, batch: model(torch.view_as_complex(batch))"
        )
    found = [_layer(INPUT, "input", observed.inputs, input_axes)]
    guessed = [] if input_axes.certain else [found[0]]
    for name, seen in chosen.items():
        try:
            layer = _module_layer(name, seen, observed, input_axes.channel, channel_axis.get(name), fields)
        except AxesError as error:
            missing[name] = str(error)
            continue
        found.append(layer[0])
        guessed += [] if layer[1] else [layer[0]]
    if missing and layers is not None:
        name, reason = next(iter(missing.items()))
        raise RunError(f"layers: {name!r} cannot be recorded: {reason}; leave it out of layers")
    found, certain = _with_output(found, chosen, observed, input_axes.channel, channel_axis.get(OUTPUT), fields)
    guessed = [layer for layer in guessed if layer in found] + ([] if certain else [found[-1]])
    found, tokens, other_positions = _viewed(found, views)
    missing.update(other_positions)
    _tell(missing if layers is None else {}, guessed, observed)
    return Description(tuple(found), observed.depends_on_batch, tokens)


def _viewed(layers: list[Layer], views: Mapping[str, View]) -> tuple[list[Layer], int | None, dict[str, str]]:
    """The layers through their views, the number of tokens if these are samples, and why some layers are left out."""
    given = {layer.name: view_of(layer.module or layer.name, views) for layer in layers if layer.name != INPUT}
    if not any(view.tokens_as_samples for view in given.values()):
        return [given[layer.name].of(layer) if str(given.get(layer.name, "")) else layer for layer in layers], None, {}
    if not all(view.tokens_as_samples for view in given.values()):
        raise ValueError("views: expected tokens_as_samples for all layers or for none, got both; pass one View")
    viewed = {layer.name: given[layer.name].of(layer) if layer.name in given else layer for layer in layers}
    counts = Counter(math.prod(layer.shape[1:]) for layer in viewed.values() if len(layer.shape) > 1)
    if not counts:
        raise ValueError("views: expected layers with positions for tokens_as_samples, got none")
    tokens = counts.most_common(1)[0][0]
    kept, left_out = [], {}
    for name, layer in viewed.items():
        if len(layer.shape) > 1 and math.prod(layer.shape[1:]) == tokens:
            kept.append(replace(layer, shape=layer.shape[:1], receptive_field=None, view=layer.view or TOKENS))
        elif name == INPUT and layer.shape == (tokens,):  # one number for each token, such as its id
            kept.append(replace(layer, shape=(1,), receptive_field=None, view=TOKENS))
        else:
            left_out[name] = f"it has {math.prod(layer.shape[1:])} positions, and the tokens are {tokens}"
    return kept, tokens, left_out


def _silent(wanted: Sequence[str], chosen: Mapping[str, Observation]) -> list[str]:
    return [name for name in wanted if name not in chosen]


def _module_layer(
    name: str, seen: Observation, observed: Observations, input_axis: int, axis: int | None, fields: bool
) -> tuple[Layer, bool]:
    axes = axes_of_output(name, seen, input_axis, axis)
    # In a run, INPUT and OUTPUT are the names of the model's own input and output.
    layer_name = f"module.{name}" if name in (INPUT, OUTPUT) else name
    field = field_of(seen.trace, axes, observed.inputs, input_axis) if fields else None
    kind = kind_of(seen.module, seen.elementwise)
    return _layer(layer_name, kind, seen.tensor, axes, name, field), axes.certain


def _with_output(
    found: list[Layer],
    chosen: Mapping[str, Observation],
    observed: Observations,
    input_axis: int,
    axis: int | None,
    fields: bool,
) -> tuple[list[Layer], bool]:
    seen, last = observed.output, found[-1]
    try:
        axes = axes_of_output(OUTPUT, seen, input_axis, axis)
    except AxesError as error:
        raise TypeError(
            f"model: expected an output tensor of shape (samples, ...), got shape {tuple(seen.tensor.shape)}: {error}; "
            "pass forward=, a function of model and batch that returns one"
        ) from None
    if last.module:
        module = chosen[last.module]
        if module.tensor is seen.tensor and seen.version == module.version:  # else a function has changed it in place
            field = last.receptive_field
            return [*found[:-1], _layer(OUTPUT, last.kind, seen.tensor, axes, last.module, field)], axes.certain
    field = field_of(seen.trace, axes, observed.inputs, input_axis) if fields else None
    return [*found, _layer(OUTPUT, "output", seen.tensor, axes, "", field)], axes.certain


def _layer(
    name: str, kind: str, tensor: Tensor, axes: LayerAxes, module: str = "", field: ReceptiveField | None = None
) -> Layer:
    try:
        shape = tuple(axes.as_recorded(as_real_tensor(tensor)).shape[1:])
    except TypeError as error:
        raise AxesError(str(error)) from None
    return Layer(
        name=name,
        kind=kind,
        shape=shape,
        channel_axis=axes.channel,
        module=module,
        receptive_field=field,
        sample_axis=axes.sample,
        folded=axes.folded,
        decided=axes.how,
    )


def _tell(missing: Mapping[str, str], guessed: Sequence[Layer], observed: Observations) -> None:
    """One warning with everything that is left out, guessed, or not a property of single samples."""
    lines = []
    if missing:
        lines.append("these modules are not recorded: " + _listed([f"{n!r} ({why})" for n, why in missing.items()]))
    if guessed:
        names = [f"{layer.name!r} (axis {layer.channel_axis} of {_shape_in_model(layer)})" for layer in guessed]
        lines.append(
            "the axis of the channels is a guess in "
            + _listed(names)
            + "; pass channel_axis={name: axis} if it is wrong"
        )
    if observed.depends_on_batch:
        lines.append(
            "the output for a sample depends on the other samples of its batch, or on random numbers, so the whole "
            "probe is run as one batch"
        )
    for line in lines:
        warnings.warn(line, stacklevel=5)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _shape_in_model(layer: Layer) -> str:
    return f"{math.prod(layer.shape)} values a sample, recorded as {layer.shape}"
