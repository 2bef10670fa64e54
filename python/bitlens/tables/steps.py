"""Changes of information from each layer to the next one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bitlens.tables.plane import information_plane
from bitlens.tables.rows import require


def layer_steps(plane: xr.Dataset) -> pd.DataFrame:
    """How the information above its null changes from each layer to the next one.

    Parameters
    ----------
    plane : xarray.Dataset
        Result of `bitlens.information_plane` with permutations, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        One row for each epoch, target and step, in the order of the network. Columns ``epoch``, ``about`` ("input" or
        "labels"), ``before`` and ``layer`` (the layers of the step), ``change`` of the excess in bits, which is
        negative where information is lost, and its ``standard_error`` in bits, for independent errors of the two
        layers. The errors come from the same samples, so the true one is usually smaller.

    Raises
    ------
    ValueError
        If the Dataset has no excess over a null.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), permutations=2)
    >>> tables.layer_steps(plane).columns.tolist()
    ['epoch', 'about', 'before', 'layer', 'change', 'standard_error']
    """
    require(plane, ["excess", "standard_error"], "information_plane")
    table = information_plane(plane)
    parts = []
    for _, rows in table.groupby(["epoch", "about"], sort=False):
        errors = rows["standard_error"].astype(float)
        parts.append(
            pd.DataFrame(
                {
                    "epoch": rows["epoch"],
                    "about": rows["about"],
                    "before": rows["layer"].shift(),
                    "layer": rows["layer"],
                    "change": rows["excess"].astype(float).diff(),
                    "standard_error": np.hypot(errors, errors.shift()),
                }
            ).iloc[1:]
        )
    return pd.concat(parts, ignore_index=True)
