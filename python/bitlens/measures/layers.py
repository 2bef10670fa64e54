"""How much the channels of one layer tell about those of another (layer view of CNNSlicer)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bitlens.arrays import MAX_BINS, NDArray
from bitlens.estimators import channel_mutual_information, permutation_test
from bitlens.measures.base import Measure
from bitlens.measures.inputs import codes_of
from bitlens.measures.minibatches import require_pairs_of_samples
from bitlens.measures.parameters import Parameters, parameter
from bitlens.measures.schema import Result, Target, Variable
from bitlens.runs import Run

if TYPE_CHECKING:
    import xarray as xr

_PAIR = ("channel_a", "channel_b")


@dataclass(frozen=True)
class LayerPairInformationParameters(Parameters):
    """Parameters of `layer_pair_information`."""

    bins: int = parameter(32, "Number of equal-width bins of the distances.", minimum=2, maximum=MAX_BINS)
    permutations: int = parameter(20, "Number of shuffles of the permutation baseline.", minimum=2)
    samples: int = parameter(
        256, "Number of samples, evenly spaced through the probe; all if the probe has fewer.", minimum=2
    )
    seed: int = parameter(0, "Seed of the shuffles.", minimum=0)


class LayerPairInformation(Measure[LayerPairInformationParameters]):
    """Mutual information of every pair of channels of two layers, with its permutation baseline, by epoch.

    CNNSlicer (Shen and Shen 2021, section 5.3.1): between the binned distances of all pairs of samples. The estimate is
    biased upward; ``null_mean`` is its mean when the samples of b are shuffled, and ``excess`` is the difference.
    The cost of an epoch is (permutations + 1) x channels of a x channels of b x samples^2 / 2 counts.

    Returns
    -------
    xarray.Dataset
        By epoch, in bits: ``mutual_information``, ``null_mean``, ``null_std``, ``excess`` and ``joint_entropy``
        [channel_a, channel_b], ``entropy_a`` [channel_a], ``entropy_b`` [channel_b]; and ``p_value``.

    Raises
    ------
    RunError
        If there is no such layer, its activations are not finite, or the run has one sample.

    Examples
    --------
    >>> import bitlens
    >>> information = bitlens.layer_pair_information(bitlens.open_run("demo-run"), "input", "conv1")
    >>> information.mutual_information.dims
    ('epoch', 'channel_a', 'channel_b')
    """

    name = "layer_pair_information"
    title = "layer pair information"
    rank = 60
    version = 2
    Parameters = LayerPairInformationParameters
    target_names = ("a", "b")
    variables: ClassVar = (
        Variable("mutual_information", _PAIR, "mutual information"),
        Variable("null_mean", _PAIR, "mean of the permutation baseline"),
        Variable("null_std", _PAIR, "standard deviation of the permutation baseline"),
        Variable("excess", _PAIR, "mutual information minus the mean of the baseline"),
        Variable("p_value", _PAIR, "p-value of the permutation test", "1"),
        Variable("joint_entropy", _PAIR, "joint entropy"),
        Variable("entropy_a", ("channel_a",), "entropy of the channels of a"),
        Variable("entropy_b", ("channel_b",), "entropy of the channels of b"),
    )

    def targets(self, run: Run) -> list[Target]:
        return [(a.name, b.name) for a, b in zip(run.layers, run.layers[1:], strict=False)]

    def check(self, run: Run, target: Target, parameters: LayerPairInformationParameters) -> None:
        super().check(run, target, parameters)
        require_pairs_of_samples(run, self.name)

    def resolve(
        self, run: Run, target: Target, parameters: LayerPairInformationParameters
    ) -> LayerPairInformationParameters:
        return replace(parameters, samples=max(2, min(parameters.samples, run.manifest.samples)))

    def compute(self, run: Run, epoch: int, target: Target, parameters: LayerPairInformationParameters) -> Result:
        chosen, bins = run.evenly_spaced_samples(parameters.samples), parameters.bins
        codes_a, codes_b = (codes_of(run, name, run.activations(name, epoch)[chosen], bins) for name in target)
        pairs, upper = _pair_table(len(chosen)), np.triu_indices(len(chosen), 1)

        # The order of the samples of b is shuffled, so that distances are computed once and not for every shuffle.
        def statistic(_: NDArray, order: NDArray) -> Any:
            # take returns rows in memory order, which the kernel reads without another copy.
            shuffled = codes_b.take(pairs[np.ix_(order, order)][upper], axis=1)
            return channel_mutual_information(codes_a, shuffled, bins, codes=True)

        order = np.arange(len(chosen))
        null = permutation_test(statistic, order, order, parameters.permutations, parameters.seed)
        full = channel_mutual_information(codes_a, codes_b, bins, codes=True, full_output=True)
        values = {name: getattr(null, name) for name in ("null_mean", "null_std", "excess", "p_value")}
        values |= {
            name: getattr(full, name) for name in ("mutual_information", "joint_entropy", "entropy_a", "entropy_b")
        }
        return Result(values, {"channel_a": np.arange(len(codes_a)), "channel_b": np.arange(len(codes_b))})


layer_pair_information = LayerPairInformation()


def channel_order(values: xr.DataArray, channels: str, by: Literal["index", "maximum", "mean"] = "maximum") -> NDArray:
    """An order of channels for a heat map: the highest first.

    CNNSlicer (Shen and Shen 2021, section 5.3.1) sorts rows and columns by their maximum or average.

    Parameters
    ----------
    values : DataArray of two dimensions
        Such as the mutual information at one epoch.
    channels : str
        The dimension to order.
    by : {"index", "maximum", "mean"}
        What to go by; ties keep their index order.

    Returns
    -------
    int array
        Positions along `channels`.

    Examples
    --------
    >>> import xarray as xr
    >>> import bitlens
    >>> table = xr.DataArray([[0.0, 2.0], [3.0, 0.0], [1.0, 1.0]], dims=("channel_a", "channel_b"))
    >>> bitlens.channel_order(table, "channel_a")
    array([1, 0, 2])
    """
    if channels not in values.dims or values.ndim != 2:
        raise ValueError(f"channels: expected one of two dimensions, got {channels!r} for {values.dims}")
    (other,) = (str(dim) for dim in values.dims if dim != channels)
    if by == "index":
        return np.arange(values.sizes[channels])
    if by not in ("maximum", "mean"):
        raise ValueError(f"by: expected 'index', 'maximum' or 'mean', got {by!r}")
    keys = values.max(other) if by == "maximum" else values.mean(other)
    return np.argsort(-keys.to_numpy(), kind="stable")


def _pair_table(n: int) -> NDArray:
    """[i, j] -> where the pair lies among the codes, whichever of the two comes first."""
    table = np.zeros((n, n), np.int64)
    upper = np.triu_indices(n, 1)
    table[upper] = np.arange(len(upper[0]))
    return table + table.T
