"""What the channels of one layer tell about those of another (CNNSlicer's layer view)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from bitlens.arrays import NDArray
from bitlens.estimators import channel_mutual_information, distance_codes, permutation_test
from bitlens.measures.epochs import bits, over_epochs
from bitlens.runs import Run


def layer_pair_information(
    run: Run,
    a: str,
    b: str,
    bins: int = 32,
    permutations: int = 20,
    samples: int | None = None,
    seed: int = 0,
    epochs: Sequence[int] | None = None,
) -> xr.Dataset:
    """Mutual information of every pair of channels of two layers, with its permutation null, by epoch.

    CNNSlicer (Shen and Shen 2021, section 5.3.1): between the binned distances of all sample pairs. The estimate is
    biased upward; ``null_mean`` is what it gives when the samples of b are shuffled, and ``excess`` what is left.

    Parameters
    ----------
    run : Run
        A recorded run.
    a, b : str
        Names of layers.
    bins : int
        Number of bins, 2 to 256.
    permutations : int
        Number of shuffles, at least 2.
    samples : int, optional
        Use so many samples, evenly spaced through the probe. Default: all. The cost is that of
        (permutations + 1) x channels a x channels b x samples^2 / 2 counts an epoch.
    seed : int
        Seed of the shuffles.
    epochs : sequence of int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        By epoch, in bits: ``mutual_information``, ``null_mean``, ``null_std``, ``excess`` and ``joint_entropy``
        [channel_a, channel_b], ``entropy_a`` [channel_a], ``entropy_b`` [channel_b]; and ``p_value``.

    Raises
    ------
    RunError
        If there is no such layer or its activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> information = bitlens.layer_pair_information(bitlens.open_run("demo-run"), "input", "conv1")
    >>> information.mutual_information.dims
    ('epoch', 'channel_a', 'channel_b')
    """
    names = run.layer(a).name, run.layer(b).name
    if samples is not None and samples < 2:
        raise ValueError(f"samples: expected at least 2, got {samples}")
    chosen = run.evenly_spaced_samples(run.manifest.samples if samples is None else samples)

    def compute(epoch: int) -> xr.Dataset:
        codes_a, codes_b = (distance_codes(run.activations(name, epoch)[chosen], bins) for name in names)
        pairs = _pair_table(len(chosen))

        # What is shuffled is the order of b's samples, so that distances are computed once and not for every shuffle.
        def statistic(_: NDArray, order: NDArray) -> Any:
            shuffled = codes_b[:, pairs[np.ix_(order, order)][np.triu_indices(len(order), 1)]]
            return channel_mutual_information(codes_a, shuffled, bins)

        order = np.arange(len(chosen))
        null = permutation_test(statistic, order, order, permutations, seed)
        full = channel_mutual_information(codes_a, codes_b, bins, full_output=True)
        both = ["channel_a", "channel_b"]
        return xr.Dataset(
            {
                "mutual_information": bits(full.mutual_information, both, "mutual information"),
                "null_mean": bits(null.null_mean, both, "mean of the permutation null"),
                "null_std": bits(null.null_std, both, "standard deviation of the permutation null"),
                "excess": bits(null.excess, both, "mutual information above the null's mean"),
                "p_value": (both, null.p_value, {"long_name": "p-value of the permutation test", "units": "1"}),
                "joint_entropy": bits(full.joint_entropy, both, "joint entropy"),
                "entropy_a": bits(full.entropy_a, ["channel_a"], f"entropy of {names[0]}"),
                "entropy_b": bits(full.entropy_b, ["channel_b"], f"entropy of {names[1]}"),
            },
            {"channel_a": np.arange(len(codes_a)), "channel_b": np.arange(len(codes_b))},
        )

    parameters = {
        "a": names[0],
        "b": names[1],
        "bins": bins,
        "permutations": permutations,
        "samples": len(chosen),
        "seed": seed,
    }
    return over_epochs(run, "layer_pair_information", parameters, compute, epochs)


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
