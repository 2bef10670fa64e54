"""Information of single neurons about the class: entropy, mutual information and selectivity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from bitlens.arrays import (
    Array,
    NDArray,
    as_channel_maps,
    as_class_indices,
    check_bin_count,
    check_integer,
    check_number,
    check_seed,
    in_callers_library,
)
from bitlens.estimators.bins import bin_edges
from bitlens.estimators.intervals import QUARTER_RANGE_FACTOR
from bitlens.estimators.neurons.resampling import Counts, Resampling, by_channel, spread_and_p_value
from bitlens.estimators.verdicts import adjusted_information, verdicts

# Channels are processed in blocks, so that the tables of counts of a block take at most this many bytes.
_BLOCK_BYTES = 64 * 2**20
_FEWEST_OF_PREFERRED = 20
_FEWEST_ON_A_SIDE = 2


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
    """Mean mutual information when the labels are shuffled: what chance alone gives."""
    selectivity_bias: Any
    """Mean selectivity when the labels are shuffled: what chance and the choice of the largest divergence give."""
    null_std: Any
    """Standard deviation of the mutual information when the labels are shuffled (n - 1 in the denominator)."""
    excess: Any
    """Mutual information minus `mutual_information_bias`."""
    p_value: Any
    """P-value of the permutation test, from 1 / (1 + permutations) to 1."""
    adjusted: Any
    """Mutual information adjusted for chance: 0 for unrelated, min(H(Y), H(Q(L))) for a neuron that is determined."""
    entropy_error: Any
    """Standard error of the entropy; like those below, NaN if fewer than 2 samples are on a side of a threshold."""
    excess_error: Any
    """Standard error of the excess (see `excess_interval`)."""
    selectivity_error: Any
    """Standard error of the selectivity; NaN if the preferred class has fewer than 20 samples."""
    range_decides: Any
    """Whether the smallest and the largest value decide the error of the entropy: it exceeds three times that of fixed
    bins. The interval of such an entropy may cover less than 90 %."""
    verdict: Any
    """Whether the mutual information can be believed, a NumPy array of str (see `bitlens.estimators.verdicts`); empty
    texts without permutations."""


@in_callers_library
def neuron_information(
    activations: Array,
    labels: Array,
    quantizer: Quantizer = OneBit(),
    *,
    channel_axis: int = 1,
    permutations: int = 20,
    seed: int = 0,
    intervals: bool = False,
) -> NeuronInformation:
    """Compute the entropy, the information about the label and the selectivity of every neuron or channel, in bits.

    Q(L) is the quantised value of a neuron L, and the probabilities in H(Q(L)), I(Y; Q(L)) and max_y D(P(Q(L) | y) ||
    P(Q(L))) are shares of the samples (Liu, Amjad and Geiger 2018). Every position of a feature map is counted, so that
    Q(L) is the value of the channel at a random position. Pass the mean or the maximum over positions to measure those.

    Estimates from few samples are too large. ``mutual_information_bias`` is the mean mutual information over all
    permutations of the labels, in closed form for single values (`expected_information`), and over the shuffles for
    maps, because the positions of one map are not independent. ``selectivity_bias`` is the mean selectivity over the
    shuffles. ``entropy_bias`` is of first order in 1 / n (Miller 1955), (1 - bins) / (2 n ln 2) from the bins that
    occur and the number n of samples.

    The standard errors come from 20 random halves of the samples, each with its own bins. For the entropy the halves
    have the bins of all samples, and the error that the smallest and the largest value add by setting the bins comes
    from the bins of 20 random quarters. If a neuron of one bit is on in fewer than 2 samples, or off, nothing is known
    of how much it varies, and the errors are NaN; in fewer than 5 samples, ``verdict`` says that it cannot be measured.

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
    permutations : int
        Number of shuffles of the labels, at least 2. With 0, which is fastest, everything about chance is NaN.
    seed : int
        The same seed makes the same shuffles and halves.
    intervals : bool
        Whether to compute the standard errors, which needs 64 samples; they are NaN otherwise. With `EqualWidth` bins
        this takes about ten times as long as all else.

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
    bins = _edges(maps[:, :1], quantizer).shape[1] + 1
    shuffles = check_integer(permutations, "permutations")
    if shuffles < 0 or shuffles == 1:
        raise ValueError(f"permutations: expected 0 or at least 2, got {shuffles}")
    resampled = Resampling.of(numbers, len(classes), shuffles, check_seed(seed), intervals, maps.shape[2] > 1)
    block_length = max(1, _BLOCK_BYTES // (8 * resampled.counted * bins))
    blocks = []
    for first in range(0, maps.shape[1], block_length):
        counts = resampled.counts(maps[:, first : first + block_length], partial(_edges, quantizer=quantizer))
        blocks.append(_results(counts, resampled))
    result = NeuronInformation(*map(np.concatenate, zip(*blocks, strict=True)))
    result = result._replace(preferred_class=classes[result.preferred_class])
    columns = result._asdict()
    verdict = columns.pop("verdict")
    return NeuronInformation(**columns, verdict=verdict)


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


def _results(counts: Counts, resampled: Resampling) -> NeuronInformation:
    """The quantities of a block of channels."""
    found = _information(counts.observed, resampled.class_sizes)
    n = int(resampled.class_sizes.sum())
    shares = counts.observed.sum(axis=-2) / counts.observed.sum(axis=(-2, -1))[:, None]
    bins = (shares > 0).sum(axis=-1)
    by_chance = _information(counts.shuffled, resampled.class_sizes)
    null = by_chance.information
    unknown = np.full(len(bins), math.nan)
    chance = resampled.expected(counts.observed, null) if len(null) else unknown
    null_std, p_value = spread_and_p_value(found.information, null)
    of_classes = -sum(share * math.log2(share) for share in (resampled.class_sizes / n).tolist())
    limit = np.minimum(found.entropy, of_classes)
    # The rarer side of a neuron of one bit decides, and it may have no sample; with more bins the null mean tells of
    # bins without samples.
    one_bit = shares.shape[-1] == 2
    fewest = np.where(one_bit | (bins == 2), np.where(one_bit | (shares > 0), shares, 1).min(axis=-1) * n, np.inf)
    of_fixed_bins, entropy_error, excess_error, selectivity_error = _errors(counts, resampled)
    # A side of the threshold with one sample or none does not show how much it varies.
    unseen = one_bit & (fewest < _FEWEST_ON_A_SIDE)
    for error in (entropy_error, excess_error, selectivity_error):
        error[unseen] = math.nan
    # A maximum over classes: with few samples of the preferred class the halves prefer others.
    selectivity_error[resampled.class_sizes[found.preferred] < _FEWEST_OF_PREFERRED] = math.nan
    return NeuronInformation(
        entropy=found.entropy,
        mutual_information=found.information,
        selectivity=found.selectivity,
        preferred_class=found.preferred,
        entropy_bias=(1 - bins) / (2 * n * math.log(2)),
        mutual_information_bias=chance,
        selectivity_bias=by_channel(by_chance.selectivity).mean(axis=1) if len(null) else unknown,
        null_std=null_std,
        excess=found.information - chance,
        p_value=p_value,
        adjusted=adjusted_information(found.information, chance, limit),
        entropy_error=entropy_error,
        excess_error=excess_error if len(null) else unknown,
        selectivity_error=selectivity_error,
        range_decides=entropy_error > 3 * of_fixed_bins,
        verdict=verdicts(chance, limit, p_value, fewest=fewest) if len(null) else np.full(len(chance), ""),
    )


def _errors(counts: Counts, resampled: Resampling) -> tuple[NDArray, ...]:
    """Standard errors of the entropy of fixed bins, of entropy, excess and selectivity; NaN without halves."""
    if not len(counts.halves):
        return tuple(np.full((4, len(counts.observed)), math.nan))
    sizes = [half.class_sizes for half in resampled.halves]
    halves = [_information(of_half, size) for of_half, size in zip(counts.halves, sizes, strict=True)]
    chance = [
        resampled.expected(of_half, _information(null, size).information, size)
        for of_half, null, size in zip(counts.halves, counts.shuffled_halves, sizes, strict=True)
    ]
    excesses = [half.information - by_chance for half, by_chance in zip(halves, chance, strict=True)]
    values = excesses, [half.selectivity for half in halves]
    excess, selectivity = (by_channel(of_halves).std(axis=1, ddof=1) for of_halves in values)
    # The values vary, and so do the ends of the bins, which depend on few of them.
    of_fixed_bins, of_ends = (
        by_channel(_information(of_all[..., None, :], np.ones(1)).entropy).std(axis=1, ddof=1)
        for of_all in (counts.halves_in_bins_of_all, counts.all_in_bins_of_quarters)
    )
    entropy = np.hypot(of_fixed_bins, QUARTER_RANGE_FACTOR * of_ends)
    return of_fixed_bins, entropy, excess, selectivity


class _Quantities(NamedTuple):
    """What counts give; arrays of the leading shape of the counts."""

    entropy: NDArray
    information: NDArray
    selectivity: NDArray
    preferred: NDArray


def _information(counts: NDArray, class_sizes: NDArray) -> _Quantities:
    """Compute the quantities from counts [..., classes, bins] and the number of samples of each class."""
    bin_shares = counts.sum(axis=-2) / np.maximum(counts.sum(axis=(-2, -1)), 1)[..., None]
    shares_in_class = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratios = np.where(shares_in_class > 0, np.log2(shares_in_class / bin_shares[..., None, :]), 0.0)
        entropies = -np.where(bin_shares > 0, bin_shares * np.log2(bin_shares), 0.0).sum(axis=-1)
    divergences = np.maximum((shares_in_class * log_ratios).sum(axis=-1), 0)
    # A sum, not a matrix product: BLAS rounds a channel's result differently when it is computed with other channels.
    information = (divergences * (class_sizes / class_sizes.sum())).sum(axis=-1)
    return _Quantities(np.maximum(entropies, 0), information, divergences.max(axis=-1), divergences.argmax(axis=-1))
