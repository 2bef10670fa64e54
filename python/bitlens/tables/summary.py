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
    diversity: xr.Dataset | None,
    entropies: Mapping[str, xr.Dataset | None],
    pairs: Mapping[tuple[str, str], xr.Dataset | None],
) -> pd.DataFrame:
    """Diversity, mean channel entropy, dead channels and excess information of every layer at one epoch.

    A result that is None or missing, or does not have the epoch, leaves NaN in the table.

    Parameters
    ----------
    layers : sequence of Layer
        The layers of the run, in the order of the network.
    epoch : int
        A recorded epoch.
    diversity : xarray.Dataset, optional
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
    at_epoch = _at(diversity, epoch)
    inter = None if at_epoch is None else at_epoch.inter_sample_entropy
    for previous, layer in zip((None, *layers), layers, strict=False):
        channels = _at(entropies.get(layer.name), epoch)
        information = None if previous is None else _at(pairs.get((previous.name, layer.name)), epoch)
        intra = None if channels is None or len(layer.shape) == 1 else channels.intra_sample_entropy
        rows.append(
            {
                "layer": layer.name,
                "kind": layer.kind,
                "shape": " x ".join(map(str, layer.shape)),
                "inter_sample_entropy": np.nan if inter is None else float(inter.sel(layer=layer.name)),
                "intra_sample_entropy": np.nan if intra is None else float(intra.mean()),
                "dead": np.nan if channels is None else int(channels.dead.sum()),
                "excess": np.nan if information is None else float(information.excess.mean()),
                "null_std": np.nan if information is None else float(np.sqrt((information.null_std**2).mean())),
            }
        )
    return pd.DataFrame(rows)


def _at(result: xr.Dataset | None, epoch: int) -> xr.Dataset | None:
    """A result at an epoch; None where it does not have it."""
    return None if result is None or epoch not in result.epoch.values else result.sel(epoch=epoch)
