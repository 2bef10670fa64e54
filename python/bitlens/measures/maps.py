"""Feature maps of single samples, and their average over a group of samples (Seein' In, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bitlens.runs import Run, RunError


def feature_maps(run: Run, layer: str, channel: int, epoch: int, samples: Sequence[int]) -> xr.DataArray:
    """A channel's feature maps for some samples of the probe.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of the layer.
    channel : int
        Which channel.
    epoch : int
        A recorded epoch.
    samples : sequence of int
        Numbers of samples.

    Returns
    -------
    xarray.DataArray
        [sample, row, column] for maps of two dimensions, [sample] for single values; else [sample, position_0, ...].

    Raises
    ------
    RunError
        If there is no such layer, channel, epoch or sample.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.feature_maps(bitlens.open_run("demo-run"), "conv1", channel=1, epoch=0, samples=[0, 3]).shape
    (2, 8, 8)
    """
    values = run.slice(sample=list(samples), layer=layer, channel=channel, epoch=epoch).array()
    positions = ("row", "column") if values.ndim == 3 else [f"position_{i}" for i in range(values.ndim - 1)]
    return xr.DataArray(
        values,
        {"sample": list(samples)},
        ["sample", *positions],
        "feature_maps",
        {"layer": run.layer(layer).name, "channel": channel, "epoch": epoch, "long_name": "activation"},
    )


def average_maps(run: Run, layer: str, epoch: int, samples: Sequence[int]) -> xr.DataArray:
    """Mean of every channel's feature maps over some samples of the probe; of the input's layer, the average input.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of the layer.
    epoch : int
        A recorded epoch.
    samples : sequence of int
        Numbers of samples, at least one.

    Returns
    -------
    xarray.DataArray
        [channel, row, column] for maps of two dimensions, [channel] for single values; else [channel, position_0, ...].

    Raises
    ------
    RunError
        If there is no such layer, epoch or sample, or no sample at all.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.average_maps(bitlens.open_run("demo-run"), "conv1", epoch=1, samples=[0, 3]).shape
    (6, 8, 8)
    """
    chosen = list(samples)
    if not chosen:
        raise RunError("samples: expected at least one")
    values = run.slice(sample=chosen, layer=layer, epoch=epoch).array()
    mean = values.mean(axis=0, dtype=np.float64)
    positions = ("row", "column") if mean.ndim == 3 else [f"position_{i}" for i in range(mean.ndim - 1)]
    return xr.DataArray(
        mean,
        {"channel": np.arange(len(mean))},
        ["channel", *positions],
        "average_maps",
        {"layer": run.layer(layer).name, "epoch": epoch, "samples": len(chosen), "long_name": "mean activation"},
    )
