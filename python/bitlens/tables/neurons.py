"""Tables of single neurons: their information about the label, and their mean activation by class."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, stacked, to_rows

_QUANTITIES = ("entropy", "mutual_information", "selectivity")
_OF_INFORMATION = ("null_std", "excess", "adjusted", "p_value", "q_value", "verdict")
_ERRORS = ("entropy_error", "excess_error", "selectivity_error", "range_decides")
_VARIABLES = (*_QUANTITIES, *(f"{name}_bias" for name in _QUANTITIES), *_OF_INFORMATION, *_ERRORS, "preferred_class")


def label_information(by_layer: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Information of neurons about the label, one row for each epoch, layer and channel.

    Parameters
    ----------
    by_layer : mapping from layer to xarray.Dataset
        Results of `bitlens.label_information`, or one epoch of them.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``layer``, ``channel``, ``entropy``, ``mutual_information`` and ``selectivity`` in bits,
        the expected bias of each as ``entropy_bias``, ``mutual_information_bias`` and ``selectivity_bias``. For
        the mutual information also ``null_std``, ``excess`` and ``adjusted`` in bits, ``p_value``, ``q_value`` and
        ``verdict``. The standard errors ``entropy_error``, ``excess_error`` and ``selectivity_error`` in bits,
        ``range_decides``, whether the most extreme values decide the error of the entropy, and ``preferred_class``, the
        number of the class that the neuron separates best.

    Raises
    ------
    ValueError
        If no layer is given, or if a Dataset lacks one of these variables.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> table = tables.label_information({"relu1": bitlens.label_information(run, "relu1")})
    >>> table.columns.tolist()[:4]
    ['epoch', 'layer', 'channel', 'entropy']
    """
    for results in by_layer.values():
        require(results, _VARIABLES, "label_information")
    columns = {name: name for name in _VARIABLES}
    return stacked({layer: to_rows(results, columns, ["channel"]) for layer, results in by_layer.items()})


def class_means(averages: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Mean activations of single values by class, one row for each class and channel.

    Parameters
    ----------
    averages : mapping from class to xarray.DataArray
        Results of `bitlens.average_maps` of one layer without maps, over the samples of each class.

    Returns
    -------
    pandas.DataFrame
        Columns ``class``, ``channel`` and ``mean_activation``.

    Raises
    ------
    ValueError
        If no class is given, or if the layer has maps.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> means = xr.DataArray([0.5, 2.0], {"channel": [0, 1]})
    >>> tables.class_means({"cat": means}).values.tolist()
    [['cat', 0, 0.5], ['cat', 1, 2.0]]
    """
    if not averages:
        raise ValueError("averages: expected at least one class, got none; pass results of bitlens.average_maps")
    tables = []
    for name, average in averages.items():
        if average.dims != ("channel",):
            raise ValueError(
                f"averages: expected single values [channel], got {average.dims}; choose a layer without maps"
            )
        table = to_rows(average.to_dataset(name="mean_activation"), {"mean_activation": "mean_activation"}, ["channel"])
        table.insert(0, "class", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)[["class", "channel", "mean_activation"]]
