"""One row for each layer of a run: its axes, and the first look at what it contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bitlens.tables.wording import drawn_pairs

if TYPE_CHECKING:
    import xarray as xr

    from bitlens.runs import Layer


def layer_axes(layers: Sequence[Layer]) -> pd.DataFrame:
    """The shape of every layer in the run, and the meaning of the axes of the model's tensor.

    Parameters
    ----------
    layers : sequence of Layer
        The layers of the run, in the order of the network.

    Returns
    -------
    pandas.DataFrame
        By layer: ``layer``, ``kind`` and ``shape``, that of one sample in the run, with the channels first. About the
        tensor in the model: ``sample_axis``; ``folded``, the number of positions that this axis holds for each sample,
        which the run has as an axis after the channels; ``channel_axis``; ``position_axes``, such as "2, 3"; and
        ``decided``, how the axis of the channels was found. Texts are empty where there is nothing to say.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> table = tables.layer_axes(bitlens.open_run("demo-run").layers)
    >>> table[["layer", "shape", "position_axes", "decided"]].iloc[1].tolist()
    ['conv1', '6 x 8 x 8', '2, 3', 'a convolution']
    """
    rows = []
    for layer in layers:
        # The tensor of the model has no axis for positions that its axis of the samples holds.
        axes = range(len(layer.shape) + (1 if layer.folded == 1 else 0))
        rows.append(
            {
                "layer": layer.name,
                "kind": layer.kind,
                "shape": _product(layer.shape),
                "sample_axis": layer.sample_axis,
                "folded": layer.folded,
                "channel_axis": layer.channel_axis,
                "position_axes": ", ".join(str(i) for i in axes if i not in (layer.sample_axis, layer.channel_axis)),
                "decided": layer.decided,
            }
        )
    return pd.DataFrame(rows)


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
        By layer: ``layer``, ``kind``, ``shape``, ``inter_sample_entropy``, ``diversity`` (0 to 1),
        ``intra_sample_entropy`` (mean over channels that are not dead; NaN for layers of single values), ``dead``
        channels, ``excess`` (mean over pairs of channels that are not dead; NaN for the first layer), its
        ``standard_error`` and ``verdict``, and ``drawn_pairs``, the number of pairs that were drawn at random, such as
        "65536 of 16777216", empty where all were measured; entropies in bits.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> names = [layer.name for layer in run.layers]
    >>> table = tables.layer_summary(
    ...     run.layers, 1, bitlens.layer_diversity(run), {name: bitlens.channel_entropies(run, name) for name in names},
    ...     {pair: bitlens.layer_pair_information(run, *pair, samples=32) for pair in zip(names, names[1:])},
    ... )
    >>> table.columns.tolist()[:4]
    ['layer', 'kind', 'shape', 'inter_sample_entropy']
    """
    rows = []
    at_epoch = _at(diversity, epoch)
    for previous, layer in zip((None, *layers), layers, strict=False):
        channels = _at(entropies.get(layer.name), epoch)
        information = None if previous is None else _at(pairs.get((previous.name, layer.name)), epoch)
        intra = None if channels is None or len(layer.shape) == 1 else channels.mean_entropy
        rows.append(
            {
                "layer": layer.name,
                "kind": layer.kind,
                "shape": _product(layer.shape),
                "inter_sample_entropy": _of_layer(at_epoch, "inter_sample_entropy", layer.name),
                "diversity": _of_layer(at_epoch, "diversity", layer.name),
                "intra_sample_entropy": np.nan if intra is None else float(intra),
                "dead": np.nan if channels is None else int(channels.dead.sum()),
                "excess": np.nan if information is None else float(information.mean_excess),
                "standard_error": np.nan if information is None else float(information.mean_standard_error),
                "verdict": "" if information is None else str(information.mean_verdict.values),
                "drawn_pairs": "" if information is None else drawn_pairs(information),
            }
        )
    return pd.DataFrame(rows)


def _of_layer(diversity: xr.Dataset | None, name: str, layer: str) -> float:
    return np.nan if diversity is None else float(diversity[name].sel(layer=layer))


def _product(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _at(result: xr.Dataset | None, epoch: int) -> xr.Dataset | None:
    """A result at an epoch; None where it does not have it."""
    return None if result is None or epoch not in result.epoch.values else result.sel(epoch=epoch)
