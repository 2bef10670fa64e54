"""Orders of channels in which a heat map of pairs shows its pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from bitlens.arrays import NDArray

if TYPE_CHECKING:
    import xarray as xr


def channel_order(
    values: xr.DataArray, channels: str, by: Literal["index", "maximum", "mean", "cluster"] = "maximum"
) -> NDArray:
    """An order of channels for a heat map: the highest first, or similar ones side by side.

    CNNSlicer (Shen and Shen 2021, section 5.3.1) sorts rows and columns by their maximum or average.

    Parameters
    ----------
    values : DataArray of two dimensions
        Such as the mutual information at one epoch.
    channels : str
        The dimension to order.
    by : {"index", "maximum", "mean", "cluster"}
        What to go by; ties keep their index order. "cluster" is the optimal order of the leaves of hierarchical
        clustering by average linkage, and needs SciPy.

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
    if by == "cluster":
        return _clustered(values.transpose(channels, other).to_numpy())
    if by not in ("maximum", "mean"):
        raise ValueError(f"by: expected 'index', 'maximum', 'mean' or 'cluster', got {by!r}")
    keys = values.max(other) if by == "maximum" else values.mean(other)
    return np.argsort(-keys.to_numpy(), kind="stable")


def _clustered(rows: NDArray) -> NDArray:
    """The order of rows in which neighbours are most similar; missing values count as the mean of their column."""
    try:
        from scipy.cluster import hierarchy
    except ModuleNotFoundError:
        raise ModuleNotFoundError("by: 'cluster' needs SciPy: pip install scipy", name="scipy") from None
    known = np.isfinite(rows)
    means = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, rows, means)
    if len(rows) < 3 or not filled.std(axis=0).any():
        return np.arange(len(rows))
    tree = hierarchy.linkage(filled, "average", optimal_ordering=True)
    return np.asarray(hierarchy.leaves_list(tree), dtype=np.intp)
