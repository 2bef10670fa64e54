"""Tables of channels: their entropies by class, dead channels, the points and the averages of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows

ALL_SAMPLES = "all samples"
"""The group that holds the samples of all classes."""


def group_names(classes: Sequence[str]) -> list[str]:
    """All samples and the classes; a class of that very name is called "class all samples"."""
    return [ALL_SAMPLES, *(f"class {name}" if name == ALL_SAMPLES else str(name) for name in classes)]


def channel_entropies(entropies: xr.Dataset, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """Intra-sample entropies, one row for each group of samples, epoch and channel.

    Parameters
    ----------
    entropies : xarray.Dataset
        Result of `bitlens.channel_entropies`, or one epoch of it.
    classes : sequence of str, optional
        Classes of which rows are made besides those of all samples. Default: all classes.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``channel``, ``group`` (`ALL_SAMPLES` or the name of a class) and ``intra_sample_entropy`` in
        bits. The rows of all samples come first.

    Raises
    ------
    ValueError
        If the Dataset has no intra-sample entropies.
    KeyError
        If it does not have one of the classes.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> table = tables.channel_entropies(bitlens.channel_entropies(bitlens.open_run("demo-run"), "conv1"), ["3"])
    >>> table.group.unique().tolist()
    ['all samples', '3']
    """
    require(entropies, ["intra_sample_entropy"], "channel_entropies")
    name, of_class = "intra_sample_entropy", "class_intra_sample_entropy"
    known = entropies["class"].values.tolist() if of_class in entropies else []
    chosen = list(known if classes is None else classes)
    tables = [to_rows(entropies, {name: name}, ["channel"])]
    tables += [to_rows(entropies.sel({"class": label}), {of_class: name}, ["channel"]) for label in chosen]
    for group, table in zip(group_names(chosen), tables, strict=True):
        table.insert(table.columns.get_loc(name), "group", group)
    return pd.concat(tables, ignore_index=True)


def dead_channels(entropies: xr.Dataset) -> pd.DataFrame:
    """Channels that have one value for all samples, one row for each epoch and dead channel.

    Parameters
    ----------
    entropies : xarray.Dataset
        Result of `bitlens.channel_entropies`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch`` and ``channel``; no rows if no channel is dead.

    Raises
    ------
    ValueError
        If the Dataset does not say which channels are dead.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> entropies = bitlens.channel_entropies(bitlens.open_run("demo-run"), "conv1")
    >>> tables.dead_channels(entropies).columns.tolist()
    ['epoch', 'channel']
    """
    require(entropies, ["dead"], "channel_entropies")
    table = to_rows(entropies, {"dead": "dead"}, ["channel"])
    return table[table["dead"].astype(bool)].drop(columns="dead").reset_index(drop=True)


def channel_projections(deconvolution: xr.Dataset, channel: int) -> pd.DataFrame:
    """The projections of one channel onto the input, one row for each epoch, sample and unit of the input.

    Parameters
    ----------
    deconvolution : xarray.Dataset
        Result of `bitlens.layer_deconvolution`, or one epoch or some samples of it.
    channel : int
        Number of the channel.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``sample``, ``input_0``, ``input_1``, ... (the place in the input), and ``deconvolution`` in
        units of the input.

    Raises
    ------
    ValueError
        If the Dataset has no projections.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> labels = {"channel": [0, 1], "sample": [5]}
    >>> projections = xr.DataArray([[[0.5, 0.0]], [[2.0, 1.0]]], labels, ("channel", "sample", "input_0"))
    >>> tables.channel_projections(xr.Dataset({"deconvolution": projections}), 1).values.tolist()
    [[5.0, 0.0, 2.0], [5.0, 1.0, 1.0]]
    """
    require(deconvolution, ["deconvolution", "channel", "sample"], "layer_deconvolution")
    of_channel = deconvolution.sel(channel=channel)
    axes = [str(name) for name in of_channel["deconvolution"].dims if str(name).startswith("input_")]
    return to_rows(of_channel, {"deconvolution": "deconvolution"}, ["sample", *axes])


def layer_points(points: Mapping[str, xr.Dataset], channels: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """Activations as points, one row for each point and one column for each channel.

    Parameters
    ----------
    points : mapping from layer to xarray.Dataset
        Results of `bitlens.layer_points`. Several layers must have the same points, as those with ``pooled=True`` have.
    channels : mapping from layer to sequence of int
        The channels of each layer, in the order of the columns.

    Returns
    -------
    pandas.DataFrame
        Column ``sample``, then a column "layer: channel" with the activation for each layer and channel.

    Raises
    ------
    ValueError
        If a Dataset has no activations, or if layers differ in their points.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> points = {"conv1": bitlens.layer_points(bitlens.open_run("demo-run"), "conv1", 0)}
    >>> tables.layer_points(points, {"conv1": [2, 0]}).columns.tolist()
    ['sample', 'conv1: 2', 'conv1: 0']
    """
    for found in points.values():
        require(found, ["activation", "sample"], "layer_points")
    samples = [found["sample"].to_numpy() for found in points.values()]
    if any(len(other) != len(samples[0]) or (other != samples[0]).any() for other in samples[1:]):
        raise ValueError("points: expected the same points of all layers, got others; read them with pooled=True")
    columns = {"sample": samples[0]}
    for layer, found in points.items():
        values = found["activation"].sel(channel=list(channels[layer])).transpose(..., "channel").to_numpy()
        columns |= {f"{layer}: {channel}": values[:, i] for i, channel in enumerate(channels[layer])}
    return pd.DataFrame(columns)


def average_values(averages: Sequence[xr.DataArray]) -> pd.DataFrame:
    """Average activations of several layers, one row for each value of a layer.

    Parameters
    ----------
    averages : sequence of xarray.DataArray
        Results of `bitlens.average_maps`.

    Returns
    -------
    pandas.DataFrame
        Columns ``layer``, ``mean_activation`` and ``value``, the number of the value in the flattened layer.

    Raises
    ------
    ValueError
        If no layer is given.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> tables.average_values([bitlens.average_maps(run, "conv1", 0, [0, 1])]).layer[0]
    'conv1'
    """
    if not averages:
        raise ValueError("averages: expected at least one layer, got none; pass results of bitlens.average_maps")
    tables = []
    for average in averages:
        mean = average.to_numpy().ravel()
        columns = {"layer": average.attrs["layer"], "mean_activation": mean, "value": range(mean.size)}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)
