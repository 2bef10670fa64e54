"""The table of how the channels of a layer share their information."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, stacked, to_rows

_NEEDED = ("redundancy_synergy", "weighted_nonredundant")


def channel_decomposition(by_layer: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """How pairs of channels share information, one row for each layer, epoch and target.

    Parameters
    ----------
    by_layer : mapping from layer to xarray.Dataset
        Results of `bitlens.layer_decomposition`, or one epoch of them.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, ``about`` ("input" or "labels"), and every variable of the results that is a mean
        over pairs: ``redundancy_synergy`` and ``weighted_nonredundant`` in bits, each also as ``_share`` of the joint
        information of the pair, and with ``_null_mean`` and ``_null_std`` of shuffled samples.

    Raises
    ------
    ValueError
        If no layer is given, or if a Dataset lacks these quantities.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> table = tables.channel_decomposition({"conv1": bitlens.layer_decomposition(run, "conv1", pairs=2)})
    >>> table.layer[0], table.about.unique().tolist()
    ('conv1', ['input', 'labels'])
    """
    parts = {}
    for layer, results in by_layer.items():
        require(results, _NEEDED, "layer_decomposition")
        names = [str(name) for name, variable in results.data_vars.items() if "channel" not in variable.dims]
        columns = {name: name for name in names if "about" in results[name].dims}
        parts[layer] = to_rows(results, columns, ["about"])
    return stacked(parts)
