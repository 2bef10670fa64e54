"""Tables of pairs of layers: what their channels share."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows

_VARIABLES = (
    "mutual_information",
    "excess",
    "null_mean",
    "null_std",
    "p_value",
    "q_value",
    "standard_error",
    "adjusted",
    "verdict",
    "entropy_a",
    "entropy_b",
    "joint_entropy",
)


def channel_pairs(information: xr.Dataset) -> pd.DataFrame:
    """Information of two layers, one row for each epoch and measured pair of channels.

    Parameters
    ----------
    information : xarray.Dataset
        Result of `bitlens.layer_pair_information`, or one epoch or some channels of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``channel_a``, ``channel_b``, ``mutual_information``, ``excess`` over the mean of the
        permutation baseline, ``null_mean``, ``null_std``, ``p_value`` and ``q_value`` (0 to 1), ``standard_error`` of
        the excess, ``adjusted`` information, ``verdict``, ``entropy_a``, ``entropy_b`` and ``joint_entropy``; entropies
        and information in bits. Where pairs were drawn at random, also ``measured_pairs`` and ``all_pairs``, their
        numbers.

    Raises
    ------
    ValueError
        If the Dataset lacks one of them.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> information = bitlens.layer_pair_information(bitlens.open_run("demo-run"), "conv1", "relu1", permutations=2)
    >>> table = tables.channel_pairs(information)
    >>> bool((table.mutual_information >= table.excess).all())
    True
    """
    require(information, _VARIABLES, "layer_pair_information")
    numbers = [name for name in ("measured_pairs", "all_pairs") if name in information.variables]
    return to_rows(information, {name: name for name in (*_VARIABLES, *numbers)}, ["channel_a", "channel_b"])
