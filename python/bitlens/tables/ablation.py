"""Tables of ablation: curves over neurons turned off, rankings of neurons, and counts of their roles."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bitlens.tables.rows import require, to_rows, with_reason

METRICS = ("accuracy", "loss")


def ablation_curves(ablation: xr.Dataset) -> pd.DataFrame:
    """Accuracy and loss, one row for each epoch, scope, order and number of neurons turned off.

    Parameters
    ----------
    ablation : xarray.Dataset
        Result of `bitlens.layer_ablation`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``scope`` (a layer, or the whole network), ``order`` ("ascending": the lowest score first,
        "descending" or "random"), ``removed`` (neurons turned off), ``accuracy`` (0 to 1), ``accuracy_lowest``,
        ``accuracy_highest``, ``loss`` (bits), ``loss_lowest`` and ``loss_highest``. The random order has means over its
        repetitions and their range; in the other orders lowest and highest are the value itself.

    Raises
    ------
    ValueError
        If the Dataset lacks one of these curves.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> by_step, by_repeat = ("scope", "order", "step"), ("scope", "repeat", "step")
    >>> results = xr.Dataset(
    ...     {
    ...         "removed": (("scope", "step"), [[0.0, 3.0]]),
    ...         "accuracy": (by_step, [[[0.9, 0.1], [0.9, 0.1], [0.9, 0.1]]]),
    ...         "loss": (by_step, [[[0.2, 2.0], [0.2, 2.0], [0.2, 2.0]]]),
    ...         "random_accuracy": (by_repeat, [[[0.9, 0.0], [0.9, 0.2]]]),
    ...         "random_loss": (by_repeat, [[[0.2, 1.5], [0.2, 2.5]]]),
    ...     },
    ...     {"scope": ["fc1"], "order": ["ascending", "descending", "random"]},
    ... )
    >>> curves = tables.ablation_curves(results)
    >>> curves[["order", "removed", "accuracy_lowest", "loss_highest"]].values.tolist()[-1]
    ['random', 3, 0.0, 2.5]
    """
    needed = ["removed", *METRICS, *(f"random_{metric}" for metric in METRICS), "scope", "order"]
    require(ablation, needed, "layer_ablation")
    is_random = ablation["order"] == "random"
    columns = {"removed": ablation["removed"]}
    for metric in METRICS:
        repeats = ablation[f"random_{metric}"]
        columns[metric] = ablation[metric]
        columns[f"{metric}_lowest"] = ablation[metric].where(~is_random, repeats.min("repeat"))
        columns[f"{metric}_highest"] = ablation[metric].where(~is_random, repeats.max("repeat"))
    results = xr.Dataset(columns, attrs=ablation.attrs)
    table = to_rows(results, {name: name for name in columns}, ["scope", "order", "step"])
    table = table.dropna(subset=["removed"]).drop(columns="step").reset_index(drop=True)
    return table.astype({"removed": int})


def neuron_ranking(ablation: xr.Dataset) -> pd.DataFrame:
    """Neurons by their score, one row for each epoch, scope and neuron, the lowest score first.

    Parameters
    ----------
    ablation : xarray.Dataset
        Result of `bitlens.layer_ablation`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``scope``, ``place`` (from 1, the lowest score), ``layer``, ``channel`` and ``score`` in
        bits.

    Raises
    ------
    ValueError
        If the Dataset has no ranking.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> by_rank = ("scope", "rank")
    >>> ranked = {"ranked_layer": (by_rank, [["fc1", "fc1", ""]]), "ranked_channel": (by_rank, [[1, 0, -1]])}
    >>> results = xr.Dataset(ranked | {"score": (by_rank, [[0.1, 0.7, float("nan")]])}, {"scope": ["fc1"]})
    >>> tables.neuron_ranking(results).values.tolist()
    [['fc1', 1, 'fc1', 1, 0.1], ['fc1', 2, 'fc1', 0, 0.7]]
    """
    require(ablation, ["ranked_layer", "ranked_channel", "score", "scope"], "layer_ablation")
    columns = {"ranked_layer": "layer", "ranked_channel": "channel", "score": "score"}
    table = to_rows(ablation, columns, ["scope", "rank"]).rename(columns={"rank": "place"})
    table = table[table["channel"] >= 0].reset_index(drop=True)
    return table.assign(place=table["place"] + 1)


def role_counts(ablation: xr.Dataset) -> pd.DataFrame:
    """How many neurons play which role, one row for each epoch and scope.

    Parameters
    ----------
    ablation : xarray.Dataset
        Result of `bitlens.layer_ablation`, or one epoch of it.

    Returns
    -------
    pandas.DataFrame
        Columns ``epoch``, ``scope`` and one for each role: counts ``needed``, ``redundant``, ``synergistic``,
        ``inactive``, ``sufficient`` and ``decisive`` (NaN if the network performs no better than without its
        neurons), and ``apart_ascending`` and ``apart_descending``, the number of removals after which an order first
        leaves the range of the random orders (NaN: never).

    Raises
    ------
    ValueError
        If the Dataset has no counts.

    Examples
    --------
    >>> import xarray as xr
    >>> from bitlens import tables
    >>> roles = xr.DataArray([[3.0, 1.0]], {"scope": ["fc1"], "role": ["needed", "inactive"]}, ["scope", "role"])
    >>> tables.role_counts(xr.Dataset({"roles": roles})).values.tolist()
    [['fc1', 3.0, 1.0]]
    """
    require(ablation, ["roles", "scope", "role"], "layer_ablation")
    roles = ablation["roles"].to_dataset("role").assign_attrs(ablation.attrs)
    return to_rows(roles, {str(name): str(name) for name in roles.data_vars}, ["scope"])


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
    >>> from bitlens import tables
    >>> ablation = bitlens.layer_ablation.stored(bitlens.open_run("demo-run"))
    >>> tables.removal_means(ablation, 1).columns.tolist()
    ['scope', 'ascending', 'descending', 'random', 'random_std']
    """
    last = ablation.sel(epoch=epoch)
    means = last.accuracy.mean("step").transpose("scope", "order")
    frame = pd.DataFrame(means.to_numpy(), columns=means.order.values.tolist())
    spread = last.random_accuracy.mean("step").std("repeat").to_numpy()
    frame = frame.assign(scope=last.scope.values, random_std=spread)[["scope", *frame.columns, "random_std"]]
    return with_reason(frame, ablation)
