"""One row for each layer of a run: the first look at what its layers contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bitlens.estimators import generalization_bounds

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
    >>> import bitlens.tables
    >>> run = bitlens.open_run("demo-run")
    >>> names = [layer.name for layer in run.layers]
    >>> table = bitlens.tables.layer_summary(
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


def training_summary(performance: xr.Dataset) -> pd.DataFrame:
    """One row for each epoch: accuracy, loss and the mean conditional entropies.

    Parameters
    ----------
    performance : xarray.Dataset
        The result of `training_performance`.

    Returns
    -------
    pandas.DataFrame
        ``epoch``, ``accuracy``, ``loss``, ``label_given_predicted`` and ``predicted_given_label``; all but the accuracy
        in bits. The entropies are means over the classes that have a value.

    Examples
    --------
    >>> import bitlens
    >>> import bitlens.tables
    >>> table = bitlens.tables.training_summary(bitlens.training_performance(bitlens.open_run("demo-run")))
    >>> table.epoch.tolist()
    [0, 1]
    """
    names = ["accuracy", "loss", "label_given_predicted", "predicted_given_label"]
    return performance[names].mean("class").to_dataframe()[names].reset_index()


def role_counts(ablation: xr.Dataset, epoch: int) -> pd.DataFrame:
    """The number of neurons of each role, by scope, at one epoch.

    Parameters
    ----------
    ablation : xarray.Dataset
        The result of `layer_ablation`.
    epoch : int
        One of its epochs.

    Returns
    -------
    pandas.DataFrame
        By scope: ``scope`` and a column for each role of `neuron_roles`, NaN where the network is not better than
        without its neurons.

    Examples
    --------
    >>> import bitlens
    >>> import bitlens.tables
    >>> ablation = bitlens.layer_ablation.stored(bitlens.open_run("demo-run"))
    >>> bitlens.tables.role_counts(ablation, 1).columns.tolist()[:3]
    ['scope', 'needed', 'redundant']
    """
    roles = ablation.roles.sel(epoch=epoch)
    frame = pd.DataFrame(roles.to_numpy(), columns=roles.role.values.tolist())
    return frame.assign(scope=roles.scope.values)[["scope", *frame.columns]]


def removal_means(ablation: xr.Dataset, epoch: int) -> pd.DataFrame:
    """The accuracy averaged over all removals, by scope and order, at one epoch.

    Parameters
    ----------
    ablation : xarray.Dataset
        The result of `layer_ablation`.
    epoch : int
        One of its epochs.

    Returns
    -------
    pandas.DataFrame
        By scope: ``ascending`` (lowest score first), ``descending``, ``random``, and ``random_std``, the standard
        deviation over the random orders.

    Examples
    --------
    >>> import bitlens
    >>> import bitlens.tables
    >>> ablation = bitlens.layer_ablation.stored(bitlens.open_run("demo-run"))
    >>> bitlens.tables.removal_means(ablation, 1).columns.tolist()
    ['scope', 'ascending', 'descending', 'random', 'random_std']
    """
    last = ablation.sel(epoch=epoch)
    means = last.accuracy.mean("step").transpose("scope", "order")
    frame = pd.DataFrame(means.to_numpy(), columns=means.order.values.tolist())
    spread = last.random_accuracy.mean("step").std("repeat").to_numpy()
    return frame.assign(scope=last.scope.values, random_std=spread)[["scope", *frame.columns, "random_std"]]


def gap_bounds(plane: xr.Dataset, epoch: int, n_samples: int, delta: float = 0.05) -> pd.DataFrame:
    """Bounds of the generalization gap from the information of each layer about the input, at one epoch.

    Parameters
    ----------
    plane : xarray.Dataset
        The result of `information_plane`.
    epoch : int
        One of its epochs.
    n_samples : int
        Number of samples that the network was trained on.
    delta : float
        Probability that a bound may fail.

    Returns
    -------
    pandas.DataFrame
        By layer: ``information`` in bits, ``input_compression`` and ``information_bottleneck``, the values of the
        bounds of `generalization_bounds` for a loss from 0 to 1.

    Examples
    --------
    >>> import bitlens
    >>> import bitlens.tables
    >>> plane = bitlens.information_plane(bitlens.open_run("demo-run"), estimator="binning")
    >>> bitlens.tables.gap_bounds(plane, 1, n_samples=1438).columns.tolist()
    ['layer', 'information', 'input_compression', 'information_bottleneck']
    """
    rows = []
    information = plane.information.sel(epoch=epoch, about="input")
    for layer, bits in zip(information.layer.values.tolist(), information.values.tolist(), strict=True):
        bottleneck, compression = generalization_bounds(bits, n_samples, delta)
        rows.append((layer, bits, compression.value, bottleneck.value))
    return pd.DataFrame(rows, columns=["layer", "information", "input_compression", "information_bottleneck"])
