"""One row for each layer of a run: the first look at what its layers contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import xarray as xr

    from bitlens.runs import Layer


def layer_summary(
    layers: Sequence[Layer],
    epoch: int,
    diversity: xr.Dataset,
    entropies: Mapping[str, xr.Dataset],
    pairs: Mapping[tuple[str, str], xr.Dataset],
) -> pd.DataFrame:
    """Diversity, mean channel entropy, dead channels and excess information of every layer at one epoch.

    Parameters
    ----------
    layers : sequence of Layer
        The layers of the run, in the order of the network.
    epoch : int
        An epoch that all results contain.
    diversity : xarray.Dataset
        The result of `layer_diversity`.
    entropies : mapping of str to xarray.Dataset
        The result of `channel_entropies` for each layer.
    pairs : mapping of (str, str) to xarray.Dataset
        The result of `layer_pair_information` for each layer and the one before it.

    Returns
    -------
    pandas.DataFrame
        By layer: ``layer``, ``kind``, ``shape``, ``inter_sample_entropy``, ``intra_sample_entropy`` (mean over
        channels; NaN for layers of single values), ``dead`` channels, ``excess`` (mean over channel pairs; NaN for the
        first layer) and ``null_std``, the standard deviation of the baseline for one pair; entropies in bits.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> names = [layer.name for layer in run.layers]
    >>> table = tables.layer_summary(
    ...     run.layers, 1, bitlens.layer_diversity(run), {name: bitlens.channel_entropies(run, name) for name in names},
    ...     {pair: bitlens.layer_pair_information(run, *pair) for pair in zip(names, names[1:])},
    ... )
    >>> table.columns.tolist()[:4]
    ['layer', 'kind', 'shape', 'inter_sample_entropy']
    """
    rows = []
    for previous, layer in zip((None, *layers), layers, strict=False):
        channels = entropies[layer.name].sel(epoch=epoch)
        information = None if previous is None else pairs[previous.name, layer.name].sel(epoch=epoch)
        rows.append(
            {
                "layer": layer.name,
                "kind": layer.kind,
                "shape": " x ".join(map(str, layer.shape)),
                "inter_sample_entropy": float(diversity.inter_sample_entropy.sel(epoch=epoch, layer=layer.name)),
                "intra_sample_entropy": float(channels.intra_sample_entropy.mean()) if len(layer.shape) > 1 else np.nan,
                "dead": int(channels.dead.sum()),
                "excess": np.nan if information is None else float(information.excess.mean()),
                "null_std": np.nan if information is None else float(np.sqrt((information.null_std**2).mean())),
            }
        )
    return pd.DataFrame(rows)
