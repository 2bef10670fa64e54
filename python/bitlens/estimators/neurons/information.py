"""Neurons and labels: how much each neuron, by itself, says about the class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from bitlens import _core
from bitlens.arrays import Array, NDArray, as_class_indices, channel_maps, check_integer

# Tables of bins and classes are held for so many bytes of channels at a time.
_CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class OneBit:
    """A neuron is on above the threshold: 0 for ReLU and tanh, 0.5 for a sigmoid."""

    threshold: float = 0.0


@dataclass(frozen=True)
class EqualWidth:
    """So many equal bins from the smallest to the largest value of each neuron, the last one closed."""

    bins: int = 32


Quantizer: TypeAlias = OneBit | EqualWidth
"""How a neuron's values become few enough to be counted."""


class NeuronInformation(NamedTuple):
    """What each neuron says about the class, in bits; arrays of shape (channels,)."""

    entropy: Any
    """H(Q(L)), from 0 to the logarithm of the number of bins."""
    mutual_information: Any
    """I(Y; Q(L)), from 0 to the entropies of both."""
    selectivity: Any
    """max_y D(P(Q(L) | y) || P(Q(L))): how far the class that the neuron tells best stands out."""
    preferred_class: Any
    """That class, as an integer; the first of several."""
    entropy_bias: Any
    """What is expected to be too much in the entropy (it is too little: never above 0)."""
    mutual_information_bias: Any
    """What chance is expected to add to the mutual information, if each bin can occur with each class."""
    selectivity_bias: Any
    """What is expected to be too much in the divergence of the preferred class; choosing it adds to that."""


def neuron_information(
    activations: Array, labels: Array, quantizer: Quantizer = OneBit(), *, channel_axis: int = 1
) -> NeuronInformation:
    """Entropy, information about the label, and selectivity of every neuron or channel, in bits.

    Plug-in estimates from counts (Liu, Amjad and Geiger 2018). Of a feature map every position is counted, so that Q(L)
    is the channel's value at some position; take the mean or the maximum over positions first if that is meant.

    With few samples a neuron seems to say more than it does. The biases are of first order in 1 / n (Miller 1955), from
    the bins that occur: (bins - 1) (classes - 1) / (2 n ln 2) for the mutual information, which is what a neuron that
    says nothing is expected to show. With fewer than some samples for each bin and class chance adds more than the first
    order says; `permutation_test` tells then. Positions of one map are alike, so n is the number of samples all the same,
    and the bias of a channel of maps an upper limit.

    Parameters
    ----------
    activations : array of shape (n, channels, ...)
        A layer's output.
    labels : integer array of shape (n,)
        Classes, from 0 on; those without samples do not count.
    quantizer : OneBit or EqualWidth
        How values are made discrete.
    channel_axis : int
        Where the channels are.

    Returns
    -------
    NeuronInformation
        Of the kind of the activations. A neuron with one and the same value has 0 throughout.

    Raises
    ------
    TypeError, ValueError
        If an array or the quantizer does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> told, unrelated = [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]
    >>> found = bitlens.neuron_information(np.array([told, unrelated]).T, np.array([0, 0, 1, 1]))
    >>> found.mutual_information, found.selectivity
    (array([1., 0.]), array([1., 0.]))
    """
    maps, context, _ = channel_maps(activations, "activations", channel_axis=channel_axis, cuda=True)
    maps = np.ascontiguousarray(maps.cpu()) if context.on_cuda else maps
    classes, numbers = np.unique(as_class_indices(labels, len(maps), "labels"), return_inverse=True)
    edges = _edges(maps, quantizer)
    of_class = np.bincount(numbers)
    table = (len(classes), edges.shape[1] + 1)
    some = max(1, _CHUNK_BYTES // (8 * math.prod(table)))
    parts = []
    for first in range(0, len(edges), some):
        chosen = edges[first : first + some]
        counts = np.empty((len(chosen), *table), np.int64)
        _core.label_counts(maps[:, first : first + some], chosen, numbers.astype(np.int64), counts)
        parts.append(_information(counts, of_class))
    found = NeuronInformation(*map(np.concatenate, zip(*parts, strict=True)))
    found = found._replace(preferred_class=classes[found.preferred_class])
    return NeuronInformation(*(context.to_caller(context.to_device(part)) for part in found))


def _edges(maps: NDArray, quantizer: Quantizer) -> NDArray:
    """Where the next bin begins, float64 [channels, bins - 1]."""
    channels = maps.shape[1]
    if isinstance(quantizer, OneBit):
        try:
            threshold = float(quantizer.threshold)
        except (TypeError, ValueError):
            raise TypeError(f"quantizer: expected a number as threshold, got {quantizer.threshold!r}") from None
        if not math.isfinite(threshold):
            raise ValueError(f"quantizer: expected a finite threshold, got {threshold}")
        return np.full((channels, 1), np.nextafter(threshold, math.inf))
    if not isinstance(quantizer, EqualWidth):
        raise TypeError(f"quantizer: expected OneBit or EqualWidth, got {quantizer!r}")
    bins = check_integer(quantizer.bins, "quantizer: bins")
    if bins < 2:
        raise ValueError(f"quantizer: expected at least 2 bins, got {bins}")
    low, high = (end.astype(np.float64)[:, None] for end in (maps.min(axis=(0, 2)), maps.max(axis=(0, 2))))
    shares = np.arange(1, bins) / bins
    edges: NDArray = low * (1 - shares) + high * shares  # high - low may be no float64
    edges[low[:, 0] == high[:, 0]] = math.inf
    return edges


def _information(counts: NDArray, of_class: NDArray) -> NeuronInformation:
    """From counts [channels, classes, bins] and how many samples each class has."""
    of_bin = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    within = counts / counts.sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = np.where(within > 0, np.log2(within / of_bin[:, None]), 0.0)
        entropies = -np.where(of_bin > 0, of_bin * np.log2(of_bin), 0.0).sum(axis=1)
    divergences = np.maximum((within * surprise).sum(axis=2), 0)
    samples = of_class.sum()
    information = (divergences * (of_class / samples)).sum(axis=1)  # whatever channels are beside
    preferred = divergences.argmax(axis=1)
    first_order = 1 / (2 * samples * math.log(2))
    bins = (of_bin > 0).sum(axis=1)
    return NeuronInformation(
        np.maximum(entropies, 0),
        information,
        divergences.max(axis=1),
        preferred,
        (1 - bins) * first_order,
        (bins - 1) * (len(of_class) - 1) * first_order,
        (bins - 1) * (samples / of_class[preferred] - 1) * first_order,
    )
