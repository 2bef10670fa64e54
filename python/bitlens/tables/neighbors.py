"""The nearest samples of a sample as a table."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require


def nearest_samples(neighbors: xr.Dataset) -> pd.DataFrame:
    """The nearest samples, one row for each, the nearest first.

    Parameters
    ----------
    neighbors : xarray.Dataset
        Result of `bitlens.measures.nearest_samples`.

    Returns
    -------
    pandas.DataFrame
        Columns ``sample`` and ``distance``, in units of the activation.

    Raises
    ------
    ValueError
        If the Dataset has no distances.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import measures, tables
    >>> neighbors = measures.nearest_samples(bitlens.open_run("demo-run"), "fc1", 1, 7, 3)
    >>> tables.nearest_samples(neighbors).columns.tolist()
    ['sample', 'distance']
    """
    require(neighbors, ["distance"], "nearest_samples")
    return neighbors[["sample", "distance"]].to_dataframe().reset_index(drop=True)
