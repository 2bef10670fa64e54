"""Tables of the information plane: what layers share with input and labels, and how saturated the estimates are."""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from bitlens.estimators import generalization_bounds
from bitlens.tables.rows import require, to_rows

_OPTIONAL = ("information_lower", "null_mean", "null_std", "excess", "standard_error", "adjusted", "p_value", "verdict")


def information_plane(plane: xr.Dataset) -> pd.DataFrame:
    """The information plane, one row for each epoch, layer and target.

    Parameters
    ----------
    plane : xarray.Dataset
        Result of `bitlens.information_plane`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, ``about`` ("input" or "labels") and ``information`` in bits; where the estimator
        has them, also ``information_lower`` (a lower bound), the permutation baseline ``null_mean`` and ``null_std``,
        the ``excess`` over it, its ``standard_error`` and the ``adjusted`` information, in bits; ``p_value`` and
        ``verdict``.

    Raises
    ------
    ValueError
        If the Dataset has no information by layer.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), "binning")
    >>> tables.information_plane(plane).columns.tolist()[:4]
    ['epoch', 'layer', 'about', 'information']
    """
    require(plane, ["information", "layer", "about"], "information_plane")
    names = ["information", *(name for name in _OPTIONAL if name in plane)]
    table = to_rows(plane, {name: name for name in names}, ["layer", "about"])
    return table.dropna(subset=["information"]).reset_index(drop=True)


def saturation(plane: xr.Dataset) -> pd.DataFrame:
    """Entropy of every layer as a share of its limit, one row for each epoch and layer.

    Parameters
    ----------
    plane : xarray.Dataset
        Result of `bitlens.information_plane` with matrix-based estimates, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer`` and ``saturation``: entropy divided by log2 n for n samples, from 0 to 1. Near 1
        the estimate says nothing about the layer.

    Raises
    ------
    ValueError
        If the Dataset has no saturation, which the other estimators do not have.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), permutations=2)
    >>> bool(tables.saturation(plane).saturation.between(0, 1).all())
    True
    """
    require(plane, ["saturation"], "information_plane")
    return to_rows(plane, {"saturation": "saturation"}, ["layer"])


def target_entropies(plane: xr.Dataset) -> pd.DataFrame:
    """Entropies of input and labels, which bound the information about them; one row for each epoch and target.

    Parameters
    ----------
    plane : xarray.Dataset
        Result of `bitlens.information_plane`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``about`` and ``entropy`` in bits; no rows if the estimator does not estimate these
        entropies.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), permutations=2)
    >>> tables.target_entropies(plane.sel(epoch=1)).about.tolist()
    ['input', 'labels']
    """
    if "entropy_about" not in plane:
        return pd.DataFrame({"epoch": [], "about": [], "entropy": []})
    return to_rows(plane, {"entropy_about": "entropy"}, ["about"])


def gap_bounds(plane: xr.Dataset, epoch: int, n_samples: int, delta: float = 0.05) -> pd.DataFrame:
    """Bounds of the generalization gap from the information of each layer about the input, at one epoch.

    Parameters
    ----------
    plane : xarray.Dataset
        The result of `information_plane`.
    epoch : int
        One of its epochs.
    n_samples : int
        Number of samples that the network was trained on.
    delta : float
        Probability that a bound may fail.

    Returns
    -------
    pandas.DataFrame
        By layer: ``information`` in bits, ``input_compression`` and ``information_bottleneck``, the values of the
        bounds of `generalization_bounds` for a loss from 0 to 1; NaN for a layer whose information is not known; and
        ``verdict``: bounds of a saturated layer, all of whose samples differ, are those of the input.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), estimator="binning")
    >>> tables.gap_bounds(plane, 1, n_samples=1438).columns.tolist()
    ['layer', 'information', 'input_compression', 'information_bottleneck', 'verdict']
    """
    rows = []
    require(plane, ["information", "verdict"], "information_plane")
    of_input = plane.sel(epoch=epoch, about="input")
    columns = (of_input[name].values.tolist() for name in ("layer", "information", "verdict"))
    for layer, bits, verdict in zip(*columns, strict=True):
        bounds = (math.nan, math.nan)
        if not math.isnan(bits):
            bottleneck, compression = generalization_bounds(bits, n_samples, delta)
            bounds = compression.value, bottleneck.value
        rows.append((layer, bits, *bounds, verdict))
    names = ["layer", "information", "input_compression", "information_bottleneck", "verdict"]
    return pd.DataFrame(rows, columns=names)
