"""Cumulative ablation: accuracy and loss of a network while more and more of its neurons are turned off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import Array, NDArray, as_class_indices, as_real_array, check_integer, describe
from bitlens.network import batches
from bitlens.network.ablation.batched import AblatedLayer, Ablations, ModelCall, ablated_layers, accuracy_and_loss
from bitlens.network.axes import AxesError, LayerAxes, axes_of_input, axes_of_output
from bitlens.network.batches import Batch, Forward
from bitlens.network.hooks import check_modules, device_of, modules_of
from bitlens.network.observed import Observations, observe
from bitlens.network.state import eval_mode, unwrapped
from bitlens.runs import RunError

_BATCH = 256

Order = Literal["ascending", "descending", "random"]
Mode = Literal["zero", "mean"]


class AblationCurve(NamedTuple):
    """Accuracy and loss against the number of removed neurons, for one order by scores or for several random orders."""

    removed: NDArray
    """Number of removed neurons at each step, from 0 to all, int64 [steps]."""
    accuracy: NDArray
    """Share of the samples that are classified correctly, float64 [repeats, steps]. An order by scores has 1 repeat."""
    loss: NDArray
    """Mean cross-entropy in bits, float64 [repeats, steps]."""
    neurons: list[list[tuple[str, int]]]
    """For each repeat, the neurons as (layer, channel) in the order of their removal."""


def cumulative_ablation(
    model: nn.Module,
    data: tuple[Batch, Tensor],
    layers: str | Sequence[str],
    scores: Array | Mapping[str, Array] | None,
    order: Order = "ascending",
    *,
    mode: Mode = "zero",
    repeats: int = 10,
    steps: int | None = None,
    channel_axis: int | Mapping[str, int] | None = None,
    forward: Forward | None = None,
    seed: int = 0,
) -> AblationCurve:
    """Turn off more and more neurons in the order of a score, and measure accuracy and loss after each step.

    This is the information-ordered cumulative ablation of Liu, Amjad and Geiger (2018). It runs within one layer, or
    across several layers, whose neurons are then ranked together. Hooks replace the outputs of modules; the weights,
    modes, hooks and random number generators of the model are restored. Many ablations run together as one larger
    batch. If the model allows it, this batch begins at the first ablated layer.

    Parameters
    ----------
    model : torch.nn.Module
        Its output is one logit for each class (log-probabilities are logits as well). One logit alone is that of class
        1 of two. If the output for a sample depends on the other samples, all samples are one batch.
    data : (Tensor, Tensor)
        Inputs (n, ...) and labels (n,). Several inputs are a tuple or a dict of tensors, as in `Recorder`. Use data
        that the network was not trained on.
    layers : str or sequence of str
        Names of modules. The second output of a module that runs twice is name#2.
    scores : array of shape (channels,), or mapping of layer names to such arrays, or None for a random order
        Neurons with equal scores keep the order of layers and channels in the ascending order.
    order : {"ascending", "descending", "random"}
        The lowest score first, the exact reverse of that, or `repeats` random orders.
    mode : {"zero", "mean"}
        Output of a neuron that is turned off: 0, or its mean over all samples and positions.
    repeats : int
        Number of random orders.
    steps : int, optional
        Number of evenly spaced steps, in addition to the one without removals. Default: one step for each neuron.
    channel_axis : int or mapping of layer names to int, optional
        Axis of the channels in the outputs of the layers. Default: the axis on which weights act, as in `Recorder`.
    forward : callable, optional
        A function of the model and a batch of inputs that runs the model, as in `Recorder`. Default: the model is
        called with the batch.
    seed : int
        Seed of the random orders.

    Returns
    -------
    AblationCurve
        Its arrays are on the CPU.

    Raises
    ------
    RunError
        If the model has no such layer, or its output is not one logit for each class.
    TypeError, ValueError
        If a parameter or the data is not valid.

    Examples
    --------
    >>> import torch
    >>> import bitlens
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    >>> data = torch.rand(20, 8), torch.arange(20) % 3
    >>> curve = bitlens.cumulative_ablation(model, data, "1", [0.5, 0.1, 0.0, 0.9, 0.2])
    >>> curve.removed, curve.neurons[0][0], curve.accuracy.shape
    (array([0, 1, 2, 3, 4, 5]), ('1', 2), (1, 6))
    """
    model = unwrapped(model)
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    inputs, classes = _checked(model, data, names)
    if mode not in ("zero", "mean"):
        raise ValueError(f"mode: expected 'zero' or 'mean', got {mode!r}")
    observed = observe(model, inputs, forward)
    axes = _axes(observed, names, channel_axis)
    batch_size = len(classes) if observed.depends_on_batch else _BATCH
    call = ModelCall(model, forward)
    with eval_mode(model), torch.no_grad():
        ablated = ablated_layers(call, inputs, axes, batch_size, means=mode == "mean")
        neurons = [(name, channel) for name in names for channel in range(ablated[name].channels)]
        orders = _orders(ablated, scores, order, check_integer(repeats, "repeats"), check_integer(seed, "seed"))
        removed = _removals(len(neurons), steps)
        ablations = Ablations(*(torch.from_numpy(x).to(device_of(model)) for x in (orders.argsort(axis=1), removed)))
        accuracy, loss = accuracy_and_loss(call, inputs, classes, ablated, ablations, observed.depends_on_batch)
    shape = (len(orders), len(removed))
    ranked = [[neurons[i] for i in indices] for indices in orders]
    return AblationCurve(removed, accuracy.reshape(shape), loss.reshape(shape), ranked)


def _checked(model: nn.Module, data: tuple[Batch, Tensor], names: Sequence[str]) -> tuple[Batch, NDArray]:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {describe(model)}")
    if not (isinstance(data, tuple | list) and len(data) == 2):
        raise TypeError(f"data: expected inputs and labels, got {describe(data)}")
    samples = batches.check_batch(data[0], "data")
    check_modules(model, modules_of(names))
    if not names:
        raise ValueError("layers: expected at least one name, got none")
    return batches.fitted(model, data[0]), as_class_indices(data[1], samples, "data: labels")


def _axes(
    observed: Observations, names: Sequence[str], channel_axis: int | Mapping[str, int] | None
) -> dict[str, LayerAxes]:
    input_axis = axes_of_input(observed, None).channel
    found = {}
    for name in names:
        given = channel_axis.get(name) if isinstance(channel_axis, Mapping) else channel_axis
        if name not in observed.calls:
            raise RunError(f"layers: {name!r} has no output tensor in the forward pass; choose a module that runs")
        try:
            axis = None if given is None else check_integer(given, "channel_axis")
            found[name] = axes_of_output(name, observed.calls[name], input_axis, axis)
        except AxesError as error:
            raise RunError(f"layers: {name!r} cannot be ablated: {error}") from None
    return found


def _orders(
    layers: Mapping[str, AblatedLayer],
    scores: Array | Mapping[str, Array] | None,
    order: Order,
    repeats: int,
    seed: int,
) -> NDArray:
    """Indices of the neurons in the order of their removal, [repeats, neurons]."""
    total = sum(layer.channels for layer in layers.values())
    if order == "random":
        if repeats < 1:
            raise ValueError(f"repeats: expected at least 1, got {repeats}")
        generator = np.random.default_rng(seed)
        return np.array([generator.permutation(total) for _ in range(repeats)])
    if order not in ("ascending", "descending"):
        raise ValueError(f"order: expected 'ascending', 'descending' or 'random', got {order!r}")
    if isinstance(scores, Mapping):
        by_layer = dict(scores)
        if by_layer.keys() != layers.keys():
            raise ValueError(f"scores: expected scores of {list(layers)}, got scores of {list(by_layer)}")
    elif scores is not None and len(layers) == 1:
        by_layer = dict.fromkeys(layers, scores)
    else:
        raise TypeError(f"scores: expected a mapping from each of {list(layers)} to its scores, got {describe(scores)}")
    arrays = []
    for name, layer in layers.items():
        values = by_layer[name]
        array, _, _ = as_real_array(values, f"scores: {name}")
        if array.shape != (layer.channels,):
            raise ValueError(f"scores: {name}: expected shape ({layer.channels},), got {array.shape}")
        arrays.append(array)
    ascending = np.concatenate(arrays).argsort(kind="stable")
    return (ascending if order == "ascending" else ascending[::-1])[None].copy()


def _removals(total: int, steps: int | None) -> NDArray:
    if steps is None:
        return np.arange(total + 1)
    count = check_integer(steps, "steps")
    if not 1 <= count <= total:
        raise ValueError(f"steps: expected 1 to {total} for {total} neurons, got {count}")
    return np.round(np.linspace(0, total, count + 1)).astype(np.int64)
