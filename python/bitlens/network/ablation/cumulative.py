"""Cumulative ablation: what a network still can when more and more of its neurons are turned off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bitlens.arrays import Array, NDArray, as_class_indices, as_real_array, check_integer, describe, is_tensor
from bitlens.network.ablation.batched import Ablations, Place, evaluated, places_of
from bitlens.network.hooks import check_modules, device_of, eval_mode

Order = Literal["ascending", "descending", "random"]
Mode = Literal["zero", "mean"]


class AblationCurve(NamedTuple):
    """Accuracy and loss after so many neurons were turned off, in one order or several random ones."""

    removed: NDArray
    """How many, int64 [steps]: from 0 to all."""
    accuracy: NDArray
    """Share of the samples that is predicted right, float64 [repeats, steps]; one repeat of an order by scores."""
    loss: NDArray
    """Mean cross-entropy in bits, like it."""
    neurons: list[list[tuple[str, int]]]
    """Which, as layer and channel, in the order in which they were turned off; for each repeat."""


def cumulative_ablation(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    layers: str | Sequence[str],
    scores: Array | Mapping[str, Array] | None,
    order: Order = "ascending",
    *,
    mode: Mode = "zero",
    repeats: int = 10,
    steps: int | None = None,
    channel_axis: int = 1,
    seed: int = 0,
) -> AblationCurve:
    """Turn off more and more neurons, in the order of a score, and see what the network still can.

    Information-ordered cumulative ablation (Liu, Amjad and Geiger 2018): within one layer, or across several, whose
    neurons are then ranked together. The output of a module is replaced on its way; weights, mode, hooks and random
    number generators are left as they were. Many ablations run side by side, as one larger batch, from the first ablated
    layer on where the model lets it.

    Parameters
    ----------
    model : torch.nn.Module
        Gives one logit a class (log-probabilities are logits too), each sample's by itself.
    data : (Tensor, Tensor)
        Inputs (n, ...) and labels (n,): data that the network was not trained on.
    layers : str or sequence of str
        Names of modules, and name#2, ... for what a module gives when it is called again.
    scores : array of shape (channels,), or a mapping from layers to such; None for a random order
        Equal ones count as ascending in the order of layers and channels.
    order : {"ascending", "descending", "random"}
        The lowest score first, the highest first (exactly the other way round), or `repeats` random orders.
    mode : {"zero", "mean"}
        What a neuron gives that is turned off: 0, or its mean over the data and all positions.
    repeats : int
        Random orders.
    steps : int, optional
        After how many removals, evenly spaced, to measure, apart from 0. Default: after each.
    channel_axis : int
        Where the layers' outputs have their channels.
    seed : int
        Of the random orders.

    Returns
    -------
    AblationCurve
        On the CPU.

    Raises
    ------
    RunError, TypeError, ValueError
        If the model has no such layer, its output is not one logit a class, or a parameter does not fit.

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
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    inputs, classes = _checked(model, data, names)
    if mode not in ("zero", "mean"):
        raise ValueError(f"mode: expected 'zero' or 'mean', got {mode!r}")
    with eval_mode(model), torch.no_grad():
        places = places_of(model, inputs, names, check_integer(channel_axis, "channel_axis"), means=mode == "mean")
        neurons = [(name, channel) for name in names for channel in range(places[name].channels)]
        orders = _orders(places, scores, order, check_integer(repeats, "repeats"), check_integer(seed, "seed"))
        removed = _removals(len(neurons), steps)
        ablations = Ablations(*(torch.from_numpy(x).to(inputs.device) for x in (orders.argsort(axis=1), removed)))
        right, lost = evaluated(model, inputs, classes, places, ablations)
    shape = (len(orders), len(removed))
    ranked = [[neurons[i] for i in one] for one in orders]
    return AblationCurve(removed, right.reshape(shape), lost.reshape(shape), ranked)


def _checked(model: nn.Module, data: tuple[Tensor, Tensor], names: Sequence[str]) -> tuple[Tensor, NDArray]:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {describe(model)}")
    if not (isinstance(data, tuple | list) and len(data) == 2):
        raise TypeError(f"data: expected inputs and labels, got {describe(data)}")
    inputs = data[0]
    if not isinstance(inputs, Tensor) or not inputs.ndim or not len(inputs):
        raise TypeError(f"data: expected inputs as a tensor of at least one sample, got {describe(inputs)}")
    check_modules(model, [name.split("#", 1)[0] for name in names])
    if not names:
        raise ValueError("layers: expected at least one")
    return inputs.detach().to(device_of(model)), as_class_indices(data[1], len(inputs), "data: labels")


def _orders(
    places: Mapping[str, Place], scores: Array | Mapping[str, Array] | None, order: Order, repeats: int, seed: int
) -> NDArray:
    """Numbers of the neurons in the order of their removal, [repeats, neurons]."""
    total = sum(place.channels for place in places.values())
    if order == "random":
        if repeats < 1:
            raise ValueError(f"repeats: expected at least 1, got {repeats}")
        generator = np.random.default_rng(seed)
        return np.array([generator.permutation(total) for _ in range(repeats)])
    if order not in ("ascending", "descending"):
        raise ValueError(f"order: expected 'ascending', 'descending' or 'random', got {order!r}")
    if isinstance(scores, Mapping):
        given = dict(scores)
        if given.keys() != places.keys():
            raise ValueError(f"scores: expected those of {list(places)}, got those of {list(given)}")
    elif scores is not None and len(places) == 1:
        given = dict.fromkeys(places, scores)
    else:
        raise TypeError(f"scores: expected a mapping from each of {list(places)} to its scores, got {describe(scores)}")
    parts = []
    for name, place in places.items():
        one = given[name]
        array, _, _ = as_real_array(one if is_tensor(one) else np.asarray(one), f"scores: {name}")
        if array.shape != (place.channels,):
            raise ValueError(f"scores: {name}: expected shape ({place.channels},), got {array.shape}")
        parts.append(array)
    ascending = np.concatenate(parts).argsort(kind="stable")
    return (ascending if order == "ascending" else ascending[::-1])[None].copy()


def _removals(total: int, steps: int | None) -> NDArray:
    if steps is None:
        return np.arange(total + 1)
    if not 1 <= check_integer(steps, "steps") <= total:
        raise ValueError(f"steps: expected 1 to {total}, as there are {total} neurons, got {steps}")
    return np.round(np.linspace(0, total, steps + 1)).astype(np.int64)
