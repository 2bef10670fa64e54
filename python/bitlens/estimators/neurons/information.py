"""Information of single neurons about the class: entropy, mutual information and selectivity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from bitlens import _core
from bitlens.arrays import Array, NDArray, as_channel_maps, as_class_indices, check_bin_count, check_number
from bitlens.estimators.bins import bin_edges

# Channels are processed in blocks, so that the tables of counts of a block take at most this many bytes.
_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class OneBit:
    """A neuron is on if its value is above the threshold: 0 suits ReLU and tanh, 0.5 suits a sigmoid."""

    threshold: float = 0.0


@dataclass(frozen=True)
class EqualWidth:
    """Equal bins between the smallest and the largest value of each neuron; the last bin includes its upper end.

    `bins` is 2 to 256. The edges are those of `numpy.histogram`.
    """

    bins: int = 32


Quantizer: TypeAlias = OneBit | EqualWidth
"""How the values of a neuron are made discrete."""


class NeuronInformation(NamedTuple):
    """The information of each neuron about the class, in bits; arrays of shape (channels,)."""

    entropy: Any
    """H(Q(L)), from 0 to the logarithm of the number of bins."""
    mutual_information: Any
    """I(Y; Q(L)), from 0 to the smaller of H(Q(L)) and H(Y)."""
    selectivity: Any
    """max_y D(P(Q(L) | y) || P(Q(L))), from 0 to log2(1 / P(y)): how selective the neuron is to one class."""
    preferred_class: Any
    """The class of that maximum, an integer; the smallest of several."""
    entropy_bias: Any
    """Expected error of the entropy, at most 0: the estimate is too small."""
    mutual_information_bias: Any
    """Expected mutual information by chance, if each bin can occur with each class."""
    selectivity_bias: Any
    """Expected error of the preferred class's divergence. Choosing the largest divergence adds to the error."""


def neuron_information(
    activations: Array, labels: Array, quantizer: Quantizer = OneBit(), *, channel_axis: int = 1
) -> NeuronInformation:
    """Compute the entropy, the information about the label and the selectivity of every neuron or channel, in bits.

    Q(L) is the quantised value of a neuron L, and the probabilities in H(Q(L)), I(Y; Q(L)) and max_y D(P(Q(L) | y) ||
    P(Q(L))) are shares of the samples (Liu, Amjad and Geiger 2018). Every position of a feature map is counted, so that
    Q(L) is the value of the channel at a random position. Pass the mean or the maximum over positions to measure those.

    Estimates from few samples are too large. The biases are of first order in 1 / n (Miller 1955), from the bins that
    occur: (1 - bins) / (2 n ln 2) for the entropy, (bins - 1) (classes - 1) / (2 n ln 2) for the mutual information,
    and (bins - 1) (n / n_y - 1) / (2 n ln 2) for a preferred class of n_y samples. The second is the expected mutual
    information of a neuron without information. If there are only a few samples for each bin and class, the error is
    larger than its first order; use `permutation_test` then. The positions of one map are not independent. n is
    therefore the number of samples, and the bias of a channel of maps is an upper limit.

    Parameters
    ----------
    activations : array of shape (n, channels, ...)
        Output of a layer.
    labels : integer array of shape (n,)
        Classes, from 0 on; classes without samples are ignored.
    quantizer : OneBit or EqualWidth
        How values are made discrete.
    channel_axis : int
        The axis of the channels.

    Returns
    -------
    NeuronInformation
        Arrays of the kind of activations. All quantities of a constant neuron are 0.

    Raises
    ------
    TypeError, ValueError
        If activations is not a finite array, labels do not match the samples, or quantizer or channel_axis are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> informative, unrelated = [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]
    >>> activations = np.array([informative, unrelated]).T
    >>> result = bitlens.neuron_information(activations, np.array([0, 0, 1, 1]))
    >>> result.mutual_information, result.selectivity
    (array([1., 0.]), array([1., 0.]))
    """
    maps, context, _ = as_channel_maps(activations, "activations", channel_axis=channel_axis, cuda=True)
    maps = np.ascontiguousarray(maps.cpu()) if context.on_cuda else maps
    classes, numbers = np.unique(as_class_indices(labels, len(maps), "labels"), return_inverse=True)
    edges = _edges(maps, quantizer)
    class_sizes = np.bincount(numbers)
    table_shape = (len(classes), edges.shape[1] + 1)
    block_length = max(1, _BLOCK_BYTES // (8 * math.prod(table_shape)))
    blocks = []
    for first in range(0, len(edges), block_length):
        block_edges = edges[first : first + block_length]
        counts = np.empty((len(block_edges), *table_shape), np.int64)
        _core.label_counts(maps[:, first : first + block_length], block_edges, numbers.astype(np.int64), counts)
        blocks.append(_information(counts, class_sizes))
    result = NeuronInformation(*map(np.concatenate, zip(*blocks, strict=True)))
    result = result._replace(preferred_class=classes[result.preferred_class])
    return NeuronInformation(*(context.to_caller(context.to_device(column)) for column in result))


def _edges(maps: NDArray, quantizer: Quantizer) -> NDArray:
    """The lower end of each bin but the first, float64 [channels, bins - 1]."""
    channels = maps.shape[1]
    if isinstance(quantizer, OneBit):
        threshold = check_number(quantizer.threshold, "quantizer: threshold")
        if not math.isfinite(threshold):
            raise ValueError(f"quantizer: expected a finite threshold, got {threshold}")
        return np.full((channels, 1), np.nextafter(threshold, math.inf))
    if not isinstance(quantizer, EqualWidth):
        raise TypeError(f"quantizer: expected OneBit or EqualWidth, got {quantizer!r}")
    bins = check_bin_count(quantizer.bins, "quantizer: bins")
    return bin_edges(np.stack([maps.min(axis=(0, 2)), maps.max(axis=(0, 2))], axis=1), bins)


def _information(counts: NDArray, class_sizes: NDArray) -> NeuronInformation:
    """Compute the quantities from counts [channels, classes, bins] and the number of samples of each class."""
    bin_shares = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    shares_in_class = counts / counts.sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratios = np.where(shares_in_class > 0, np.log2(shares_in_class / bin_shares[:, None]), 0.0)
        entropies = -np.where(bin_shares > 0, bin_shares * np.log2(bin_shares), 0.0).sum(axis=1)
    divergences = np.maximum((shares_in_class * log_ratios).sum(axis=2), 0)
    samples = class_sizes.sum()
    # A sum, not a matrix product: BLAS rounds a channel's result differently when it is computed with other channels.
    information = (divergences * (class_sizes / samples)).sum(axis=1)
    preferred = divergences.argmax(axis=1)
    first_order = 1 / (2 * samples * math.log(2))
    bins = (bin_shares > 0).sum(axis=1)
    return NeuronInformation(
        np.maximum(entropies, 0),
        information,
        divergences.max(axis=1),
        preferred,
        (1 - bins) * first_order,
        (bins - 1) * (len(class_sizes) - 1) * first_order,
        (bins - 1) * (samples / class_sizes[preferred] - 1) * first_order,
    )
