"""How much the values within single channels vary (channel view of CNNSlicer)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bitlens.arrays import MAX_BINS, NDArray
from bitlens.estimators import intra_sample_entropy
from bitlens.estimators.intervals import jackknife_error
from bitlens.measures.base import Measure
from bitlens.measures.costs import seconds_of_counts, seconds_of_task, values_of
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run

_PASSES = 4
"""Over all values: ranges, dead channels, counts, and groups of the jackknife that change the range."""


@dataclass(frozen=True)
class ChannelEntropiesParameters(Parameters):
    """Parameters of `channel_entropies`."""

    bins: int = parameter(32, "Number of equal-width bins of the values.", minimum=2, maximum=MAX_BINS)
    seed: int = parameter(0, "Seed of the groups of samples for the standard error.", minimum=0)


class ChannelEntropies(Measure[ChannelEntropiesParameters]):
    """Intra-sample entropy of every channel of a layer, by epoch, of all samples and by class.

    CNNSlicer (Shen and Shen 2021, section 5.4.1): the entropy of the histogram of a map's values, averaged over
    samples. The bins span the values of the layer at that epoch; the result contains this range. The standard errors
    come from the jackknife (see `jackknife`), which computes the range again. They cover 76 to 95 % only, because the
    range is set by the two most extreme values: where ``range_decides``, the error is mostly that of these values.

    Returns
    -------
    xarray.Dataset
        By epoch: ``intra_sample_entropy`` and its ``standard_error`` [channel] and ``class_intra_sample_entropy``
        [class, channel] in bits (NaN for a class without samples), ``lowest`` and ``highest``, the range of the bins,
        ``dead`` [channel]: whether all values of the channel are equal, and ``range_decides`` [channel]: whether the
        standard error exceeds three times that of fixed bins. ``mean_entropy`` over channels that are not dead, and its
        ``mean_standard_error``.

    Raises
    ------
    RunError
        If there is no such layer, its activations are not finite, or it is an input of category numbers.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.channel_entropies(bitlens.open_run("demo-run"), "conv1").intra_sample_entropy.dims
    ('epoch', 'channel')
    """

    name = "channel_entropies"
    title = "channel entropies"
    rank = 40
    version = 3
    Parameters = ChannelEntropiesParameters
    target_names = ("layer",)
    requires = frozenset({"magnitudes"})
    variables: ClassVar = (
        Variable("intra_sample_entropy", ("channel",), "intra-sample entropy"),
        Variable("lowest", (), "lower end of the bins", "1"),
        Variable("highest", (), "upper end of the bins", "1"),
        Variable("dead", ("channel",), "all values are equal", "1"),
        Variable("standard_error", ("channel",), "standard error of the intra-sample entropy"),
        Variable("range_decides", ("channel",), "the most extreme values decide the standard error", "1"),
        Variable("mean_entropy", (), "mean intra-sample entropy of channels that are not dead"),
        Variable("mean_standard_error", (), "standard error of this mean"),
        Variable("class_intra_sample_entropy", ("class", "channel"), "intra-sample entropy of the class"),
    )

    def seconds(self, run: Run, target: Target, parameters: ChannelEntropiesParameters) -> float:
        n, channels = run.manifest.samples, run.layer(target[0]).channels
        return seconds_of_task(seconds_of_counts(_PASSES * n * values_of(run, target[0]), n * channels))

    def compute(self, run: Run, epoch: int, target: Target, parameters: ChannelEntropiesParameters) -> Result:
        maps = run.activations(target[0], epoch)
        entropies = intra_sample_entropy(maps, parameters.bins)
        others = tuple(axis for axis in range(maps.ndim) if axis != 1)
        dead = maps.min(axis=others) == maps.max(axis=others)
        means = _with_mean(entropies, dead)
        error = jackknife_error(
            _without_samples(maps, entropies, dead, parameters.bins), len(maps), parameters.seed, like=means
        )
        of_fixed_bins = entropies.std(axis=0, ddof=1) / np.sqrt(len(maps)) if len(maps) > 1 else np.nan * means[:-1]
        result = Result(
            {
                "intra_sample_entropy": means[:-1],
                "standard_error": error[:-1],
                "range_decides": error[:-1] > 3 * of_fixed_bins,
                "mean_entropy": means[-1],
                "mean_standard_error": error[-1],
                "lowest": float(maps.min()),
                "highest": float(maps.max()),
                "dead": dead,
            },
            {"channel": np.arange(maps.shape[1])},
        )
        if run.labels is not None:
            of_class = [entropies[run.labels == label] for label in range(len(run.classes))]
            empty = np.full(maps.shape[1], np.nan)
            by_class = [part.mean(axis=0) if len(part) else empty for part in of_class]
            result.values["class_intra_sample_entropy"] = by_class
            result.coordinates["class"] = list(run.classes)
        return result


channel_entropies = ChannelEntropies()


def _with_mean(entropies: NDArray, dead: NDArray) -> NDArray:
    """The mean entropy [sample, channel] of every channel, and then the mean over channels that are not dead."""
    means = entropies.mean(axis=0)
    return np.append(means, means[~dead].mean() if not dead.all() else np.nan)


def _without_samples(maps: NDArray, entropies: NDArray, dead: NDArray, bins: int) -> Callable[[NDArray], NDArray]:
    """The means of the kept samples. Bins change only where the smallest or the largest value of the layer is gone."""
    by_sample = maps.reshape(len(maps), -1)
    lowest, highest = by_sample.min(axis=1), by_sample.max(axis=1)
    ends = lowest.min(), highest.max()

    def means(kept: NDArray) -> NDArray:
        same = (lowest[kept].min(), highest[kept].max()) == ends
        return _with_mean(entropies[kept] if same else np.asarray(intra_sample_entropy(maps[kept], bins)), dead)

    return means
