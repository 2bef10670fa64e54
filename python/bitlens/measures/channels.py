"""What single channels carry, and what they look like (CNNSlicer's channel view)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bitlens.estimators import intra_sample_entropy
from bitlens.measures.epochs import bits, over_epochs
from bitlens.runs import Run


def channel_entropies(run: Run, layer: str, bins: int = 32, epochs: Sequence[int] | None = None) -> xr.Dataset:
    """Intra-sample entropy of every channel of a layer, by epoch, whole and by class.

    CNNSlicer (Shen and Shen 2021, section 5.4.1): the average over samples of the entropy of a map's value histogram.
    The bins span the layer's values at that epoch, which are given with the result.

    Parameters
    ----------
    run : Run
        A recorded run.
    layer : str
        Name of the layer.
    bins : int
        Number of bins, 2 to 256.
    epochs : sequence of int, optional
        Default: all.

    Returns
    -------
    xarray.Dataset
        By epoch: ``intra_sample_entropy`` [channel] and ``class_intra_sample_entropy`` [class, channel] in bits (NaN
        for a class without samples), ``lowest`` and ``highest``, the range of the bins, and ``dead`` [channel]: whether
        the channel has one and the same value throughout.

    Raises
    ------
    RunError
        If there is no such layer or its activations are not finite.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.channel_entropies(bitlens.open_run("demo-run"), "conv1").intra_sample_entropy.dims
    ('epoch', 'channel')
    """
    found = run.layer(layer)

    def compute(epoch: int) -> xr.Dataset:
        maps = run.activations(found.name, epoch)
        entropies = intra_sample_entropy(maps, bins)
        others = tuple(axis for axis in range(maps.ndim) if axis != 1)
        data = {
            "intra_sample_entropy": bits(entropies.mean(axis=0), ["channel"], "intra-sample entropy"),
            "lowest": ((), float(maps.min()), {"long_name": "lower end of the bins"}),
            "highest": ((), float(maps.max()), {"long_name": "upper end of the bins"}),
            "dead": (
                ["channel"],
                maps.min(axis=others) == maps.max(axis=others),
                {"long_name": "one value throughout"},
            ),
        }
        coordinates: dict[str, object] = {"channel": np.arange(found.channels)}
        if run.labels is not None:
            of_class = [entropies[run.labels == label] for label in range(len(run.classes))]
            means = [part.mean(axis=0) if len(part) else np.full(found.channels, np.nan) for part in of_class]
            data["class_intra_sample_entropy"] = bits(means, ["class", "channel"], "intra-sample entropy of the class")
            coordinates["class"] = list(run.classes)
        return xr.Dataset(data, coordinates)

    return over_epochs(run, "channel_entropies", {"layer": found.name, "bins": bins}, compute, epochs)


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
